"""Registered parts of the training engine: the loop, hooks and optimiser wrappers."""
from .autocast import AutocastOptimWrapper
from .channels_last_hook import ChannelsLastHook
from .checkpoint_hook import SafeCheckpointHook
from .eman_hook import EMANHook
from .hidden_label_hook import HiddenLabelHook
from .loss_guard_hook import LossGuardHook
from .monitor_hook import PseudoLabelMonitorHook
from .pipeline_switch_hook import LabelledPipelineSwitchHook
from .student_optim import StudentOptimWrapperConstructor
from .train_loop import ResumableTrainLoop
from .val_loop import TeacherStudentOnePassValLoop
from .visualization_hook import PseudoLabelVisualizationHook

__all__ = [
    'AutocastOptimWrapper', 'ChannelsLastHook', 'EMANHook', 'HiddenLabelHook',
    'LabelledPipelineSwitchHook', 'LossGuardHook', 'PseudoLabelMonitorHook',
    'PseudoLabelVisualizationHook', 'ResumableTrainLoop', 'SafeCheckpointHook',
    'StudentOptimWrapperConstructor', 'TeacherStudentOnePassValLoop'
]
