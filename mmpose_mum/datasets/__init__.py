"""Registered data components: unlabelled people, their views, and mixed batches of both kinds."""
from .generated import GeneratedPoseDataset
from .photometric import PhotometricRandAugment
from .samplers import SemiSupervisedSampler
from .sources import SemiSupervisedDataset
from .transforms import (
    LoadUnlabeledImage,
    PoseMultiBranch,
    StrongView,
    WarpTopdownAffine,
    WeakView,
)
from .unlabeled import UnlabeledPoseDataset

__all__ = [
    'GeneratedPoseDataset', 'LoadUnlabeledImage', 'PhotometricRandAugment', 'PoseMultiBranch',
    'SemiSupervisedDataset', 'SemiSupervisedSampler', 'StrongView', 'UnlabeledPoseDataset',
    'WarpTopdownAffine', 'WeakView'
]
