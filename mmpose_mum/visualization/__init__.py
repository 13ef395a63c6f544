"""Images of what a semi-supervised training does with its unlabeled images."""
from .panels import draw_panel

__all__ = ['draw_panel']
