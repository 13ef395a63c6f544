"""Pseudo targets: what the student must reproduce, for each kind of head."""
from . import coordinate, heatmap, visibility  # noqa: F401 - their kinds register themselves
from .base import PseudoTargets, TargetMaker, target_maker_for

__all__ = ['PseudoTargets', 'TargetMaker', 'target_maker_for']
