"""MMPose's transforms with the same results, without what takes most of their time."""
from typing import Sequence

import cv2
import numpy as np
import torch
from mmpose.datasets.transforms import PackPoseInputs, RandomBBoxTransform
from scipy.special import ndtr, ndtri


class FastRandomBBoxTransform(RandomBBoxTransform):
    """MMPose's with the same draws, most of whose time SciPy takes with checks of its arguments."""

    @staticmethod
    def _truncnorm(low: float = -1., high: float = 1., size: tuple = (4, )) -> np.ndarray:
        """Sample a normal distribution between two limits, by the inverse of its integral."""
        below, above = ndtr(low), ndtr(high)
        return ndtri(below + np.random.uniform(size=size) * (above - below)).astype(np.float32)


class PackView(PackPoseInputs):
    """MMPose's, for which PyTorch brings channels first, slowly, and metainfo is copied in depth.

    Args:
        view_keys (Sequence[str]): What of the results becomes metainfo, as it is.
    """

    def __init__(self, view_keys: Sequence[str]) -> None:
        super().__init__(meta_keys=())
        self.view_keys = view_keys

    def transform(self, results: dict) -> dict:
        """Pack the results; the image becomes a tensor (3, H, W) of its own."""
        img = results['img']
        packed = super().transform(dict(results, img=img[:1, :1]))
        packed['inputs'] = torch.from_numpy(np.stack(cv2.split(img)))
        for key in self.view_keys:
            if key in results:
                packed['data_samples'].set_field(results[key], key, field_type='metainfo')
        return packed
