# SPDX-License-Identifier: Apache-2.0
"""Timelines of ground truth against predictions, and the report on a set of predictions."""

from .tal_visualizer import TALVisualizer
from .timeline import draw_timeline, figure_to_image, save_figure
from .visualization_hook import TALVisualizationHook

__all__ = [
    'TALVisualizationHook',
    'TALVisualizer',
    'draw_timeline',
    'figure_to_image',
    'save_figure',
]
