# SPDX-License-Identifier: Apache-2.0
"""All that is wrong with the data of a configuration, and what would fit it."""
