# SPDX-License-Identifier: Apache-2.0
"""Timelines of ground truth against predictions, and the report on a set of predictions."""

import importlib

from .tal_visualizer import TALVisualizer
from .visualization_hook import TALVisualizationHook

__all__ = [
    'TALVisualizationHook',
    'TALVisualizer',
    'draw_timeline',
    'figure_to_image',
    'save_figure',
]


def __getattr__(name: str):
    """Import what draws, and with it matplotlib, when it is asked for."""
    if name in __all__:
        return getattr(importlib.import_module('.timeline', __name__), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
