"""Pseudo targets: what the student must reproduce, one kind for each kind of head."""
from . import coordinate, heatmap, visibility  # noqa: F401 - their kinds register themselves
from .base import PoseTargets, PseudoTargets, targets_of

__all__ = ['PoseTargets', 'PseudoTargets', 'targets_of']
