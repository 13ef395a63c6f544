"""Registered models: the MixUnMix neck and the semi-supervised pose estimators."""
from .dual import DualPoseEstimator
from .estimator import SemiSupervisedPoseEstimator
from .mixing.neck import MixUnMix

__all__ = ['DualPoseEstimator', 'MixUnMix', 'SemiSupervisedPoseEstimator']
