"""PCK by the length of the torso, between any two keypoints of the dataset at hand."""
from typing import Dict, Optional, Sequence, Tuple

import numpy as np
from mmpose.evaluation.functional import keypoint_pck_accuracy
from mmpose.evaluation.metrics import PCKAccuracy
from mmpose.registry import METRICS


@METRICS.register_module()
class TorsoPCKAccuracy(PCKAccuracy):
    """Share of keypoints that lie within a part of the torso's length from the truth.

    MMPose's ``PCKAccuracy(norm_item='torso')`` measures the torso between keypoints 4 and 5, which
    is right in JHMDB's order only. Here the keypoints are named; by the Leeds convention it reaches
    from the left shoulder to the right hip. People of whom one of the two is not labeled, or of
    whom both are the same point, do not count.

    Args:
        thr (float): Distance up to which a keypoint is right, in torso lengths.
        torso (tuple[str, str]): Names of the torso's ends in the dataset's metainfo.
        collect_device (str): As for MMPose's metrics.
        prefix (str, optional): As for MMPose's metrics.

    Raises:
        ValueError: When the dataset has no keypoint of such a name.
    """

    def __init__(self,
                 thr: float = 0.2,
                 torso: Tuple[str, str] = ('left_shoulder', 'right_hip'),
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None) -> None:
        super().__init__(thr=thr, norm_item=[], collect_device=collect_device, prefix=prefix)
        self.torso = tuple(torso)

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Keep the keypoints of a batch, and each person's torso length in pixels."""
        ends = [self._index_of(name) for name in self.torso]
        first = len(self.results)
        super().process(data_batch, data_samples)
        for result in self.results[first:]:
            length = np.linalg.norm(np.subtract(*result['gt_coords'][0, ends]))
            result['torso_size'] = np.full((1, 2), length)
            if length == 0 or not result['mask'][0, ends].all():
                result['mask'] = np.zeros_like(result['mask'])

    def _index_of(self, name: str) -> int:
        names = self.dataset_meta['keypoint_name2id']
        if name not in names:
            raise ValueError(f'the dataset has no keypoint {name!r}, an end of the torso; it has '
                             f'{", ".join(names)}')
        return names[name]

    def compute_metrics(self, results: list) -> Dict[str, float]:
        """Return ``tPCK``, the mean over the keypoints of each keypoint's share."""
        pred, truth, mask, size = (
            np.concatenate([result[key] for result in results])
            for key in ('pred_coords', 'gt_coords', 'mask', 'torso_size'))
        return dict(tPCK=keypoint_pck_accuracy(pred, truth, mask, self.thr, size)[1])
