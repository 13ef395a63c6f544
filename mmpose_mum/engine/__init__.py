"""Registered parts of the training engine: the loop, hooks and optimizer wrappers."""
from .hooks.channels_last_hook import ChannelsLastHook
from .hooks.checkpoint_hook import SafeCheckpointHook
from .hooks.eman_hook import EMANHook
from .hooks.hidden_label_hook import HiddenLabelHook
from .hooks.loss_guard_hook import LossGuardHook
from .hooks.monitor_hook import PseudoLabelMonitorHook
from .hooks.pipeline_switch_hook import LabeledPipelineSwitchHook, LabelledPipelineSwitchHook
from .hooks.visualization_hook import PseudoLabelVisualizationHook
from .loops.train_loop import ResumableTrainLoop
from .loops.val_loop import TeacherStudentOnePassValLoop
from .optim.autocast import AutocastOptimWrapper
from .optim.student_optim import StudentOptimWrapperConstructor

__all__ = [
    'AutocastOptimWrapper', 'ChannelsLastHook', 'EMANHook', 'HiddenLabelHook',
    'LabeledPipelineSwitchHook', 'LabelledPipelineSwitchHook',
    'LossGuardHook', 'PseudoLabelMonitorHook',
    'PseudoLabelVisualizationHook', 'ResumableTrainLoop', 'SafeCheckpointHook',
    'StudentOptimWrapperConstructor', 'TeacherStudentOnePassValLoop'
]
