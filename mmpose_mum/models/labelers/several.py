"""Several labelers as one, whose keypoints are averaged by how far they agree."""
from typing import Any, List

import numpy as np
import torch
from mmpose.utils.typing import ConfigType, SampleList
from torch import Tensor

from ...functional.agreement import average_by_agreement
from ...functional.warp import longer_sides
from .base import Labeler, Seen


class SeveralLabelers(Labeler):
    """Labelers of which each looks at the weak view; their keypoints are averaged.

    By :func:`average_by_agreement`; what they agree on is each keypoint's weight. A keypoint that
    does not count for one of them agrees with none.

    Args:
        labelers (list): At least two.
    """

    def __init__(self, labelers: List[Labeler]) -> None:
        super().__init__(', '.join(labeler.source for labeler in labelers))
        self.labelers = labelers

    def load(self, names: List[str], head: ConfigType, views: Any) -> None:
        """Read them; as for one."""
        for labeler in self.labelers:
            labeler.load(names, head, views)
        sizes = {labeler.input_size for labeler in self.labelers if labeler.input_size}
        if len(sizes) > 1:
            raise ValueError('the labelers of a list look at one weak view, and need one input '
                             f'size, but have {sorted(sizes)} (width, height)')
        self.input_size = sizes.pop() if sizes else None
        self.digest = ' '.join(labeler.digest for labeler in self.labelers)

    def check_people(self, dataset: Any) -> None:
        """Ask each whether it knows them; as for one."""
        for labeler in self.labelers:
            labeler.check_people(dataset)

    def seen(self, images: Tensor, samples: SampleList) -> Seen:
        """Look at the weak view; as for one."""
        seen = [labeler.seen(images, samples) for labeler in self.labelers]
        keypoints, scores = (torch.stack([getattr(x, name) for x in seen])
                             for name in ('keypoints', 'scores'))
        weights = torch.stack([
            torch.ones_like(x.scores) if x.weights is None else x.weights for x in seen])
        return Seen(*average_by_agreement(
            keypoints, scores, box_sizes(samples).to(images.device, non_blocking=True),
            weights=weights))


def box_sizes(samples: SampleList) -> Tensor:
    """Return the longer sides (B,) of people's boxes in pixels of their views, on the CPU."""
    boxes = np.concatenate([sample.gt_instances.bboxes for sample in samples])
    matrices = np.stack([sample.metainfo['warp_mat'] for sample in samples])
    return longer_sides(torch.from_numpy(boxes), torch.from_numpy(matrices)).float()
