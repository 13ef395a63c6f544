"""Turn a top-down config of MMPose into its semi-supervised training, in memory or as a file."""
from .convert import overrides, semi_supervised
from .options import Options

__all__ = ['Options', 'overrides', 'semi_supervised']
