# SPDX-License-Identifier: Apache-2.0
"""Work-arounds for the installed OpenMMLab stack; imported before everything else."""
