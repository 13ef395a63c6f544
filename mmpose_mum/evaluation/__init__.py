"""Registered metrics."""
from .torso_pck import TorsoPCKAccuracy

__all__ = ['TorsoPCKAccuracy']
