"""Registered models: the MixUnMix neck and the semi-supervised pose estimator."""
from .mix_unmix import MixUnMix
from .semi_supervised import SemiSupervisedPoseEstimator

__all__ = ['MixUnMix', 'SemiSupervisedPoseEstimator']
