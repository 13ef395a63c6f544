"""Samples made from nothing in the layout of any of MMPose's datasets, to try configs by."""
from typing import List, Optional

import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS


@DATASETS.register_module()
class GeneratedPoseDataset(BaseCocoStyleDataset):
    """Images of noise with keypoints at random places, with another dataset's keypoints and fields.

    Args:
        source (str): Type of the dataset to stand in for. Its metainfo is taken unless ``metainfo``
            is given.
        num_samples (int): Samples. Each is the same whenever it is asked for.
        metainfo (dict, optional): As for MMPose's datasets.
        **kwargs: As for MMPose's datasets; what only the source knows is left to the caller to
            drop.

    Raises:
        ValueError: If there is no such dataset.
    """

    def __init__(self, source: str, num_samples: int = 8, metainfo: Optional[dict] = None,
                 **kwargs) -> None:
        self.source = DATASETS.get(source)
        if self.source is None:
            raise ValueError(f'the dataset {source} is not registered: this MMPose has no such '
                             'dataset and cannot train a config that names it')
        self.num_samples = num_samples
        super().__init__(
            metainfo=self.source.METAINFO if metainfo is None else metainfo, **kwargs)

    def load_data_list(self) -> List[dict]:
        """Make the samples."""
        return [self._sample(i) for i in range(self.num_samples)]

    def _sample(self, number: int) -> dict:
        random = np.random.default_rng(number)
        count = self.metainfo['num_keypoints']
        height, width = 160, 120
        keypoints = random.uniform([20, 20], [width - 20, height - 20], (1, count, 2))
        sample = dict(
            id=number,
            img_id=number,
            img_path=f'generated/{number}.png',
            # Given an image, MMPose's LoadImage reads none.
            img=random.integers(0, 256, (height, width, 3), dtype=np.uint8),
            img_shape=(height, width),
            ori_shape=(height, width),
            bbox=np.array([[10, 10, width - 10, height - 10]], dtype=np.float32),
            bbox_score=np.ones(1, dtype=np.float32),
            num_keypoints=count,
            keypoints=keypoints.astype(np.float32),
            keypoints_visible=np.ones((1, count), dtype=np.float32),
            iscrowd=0,
            segmentation=None,
            area=np.array([height * width], dtype=np.float32),
            category_id=1)
        if self.metainfo['dataset_name'] == 'interhand3d':
            sample.update(_hands(random, sample['keypoints']))
        return sample


def _hands(random: np.random.Generator, keypoints: np.ndarray) -> dict:
    """Make what only InterHand's samples hold; depths in millimeters."""
    depth = random.uniform(-100, 100, (*keypoints.shape[:2], 1))
    return dict(
        rotation=0,
        keypoints=np.concatenate([keypoints, depth], -1).astype(np.float32),
        keypoints_cam=random.uniform(-100, 100, (*keypoints.shape[:2], 3)).astype(np.float32),
        hand_type=np.ones((1, 2), dtype=np.float32),
        hand_type_valid=np.ones(1),
        rel_root_depth=np.float32(random.uniform(-100, 100)),
        rel_root_valid=np.float32(1),
        abs_depth=[800., 800.],
        focal=np.full(2, 1500, dtype=np.float32),
        principal_pt=np.array([60, 80], dtype=np.float32))
