# SPDX-License-Identifier: Apache-2.0
"""Comparison with numbers measured from the public reference implementation."""
