"""Registered models: the MixUnMix neck and the semi-supervised pose estimators."""
from .dual import DualPoseEstimator
from .mix_unmix import MixUnMix
from .semi_supervised import SemiSupervisedPoseEstimator

__all__ = ['DualPoseEstimator', 'MixUnMix', 'SemiSupervisedPoseEstimator']
