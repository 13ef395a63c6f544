"""Registered parts of the training engine: hooks and optimiser wrappers."""
from .autocast import AutocastOptimWrapper
from .channels_last_hook import ChannelsLastHook
from .eman_hook import EMANHook
from .hidden_label_hook import HiddenLabelHook
from .student_optim import StudentOptimWrapperConstructor

__all__ = [
    'AutocastOptimWrapper', 'ChannelsLastHook', 'EMANHook', 'HiddenLabelHook',
    'StudentOptimWrapperConstructor'
]
