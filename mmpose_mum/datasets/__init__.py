"""Registered data components: unlabeled people, their views, and mixed batches of both kinds."""
from .dataset import SemiSupervisedDataset
from .loading import LoadUnlabeledImage
from .photometric import PhotometricRandAugment
from .sampler import SemiSupervisedSampler
from .unlabeled import UnlabeledPoseDataset
from .views import PoseMultiBranch, StrongView, WarpTopdownAffine, WeakView

__all__ = [
    'LoadUnlabeledImage', 'PhotometricRandAugment', 'PoseMultiBranch',
    'SemiSupervisedDataset', 'SemiSupervisedSampler', 'StrongView', 'UnlabeledPoseDataset',
    'WarpTopdownAffine', 'WeakView'
]
