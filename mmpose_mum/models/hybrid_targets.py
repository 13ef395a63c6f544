"""Pseudo targets of heads that tell more than joints: their visibility, or hands in depth."""
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmpose.models.heads import InternetHead, VisPredictHead
from torch import Tensor, nn

from ..functional.warp import inside_view, swap_left_right, warp_heatmaps
from .heatmap_targets import HeatmapTargets
from .pseudo_targets import PoseTargets, PseudoTargets, detached_where, targets_of


class VisibilityTargets(PoseTargets):
    """Targets of VisPredictHead: those of its pose head, and which joints are visible.

    ``maps`` is a tuple of the pose head's maps and (B, K), the teacher's probability that a joint
    is visible. Joints that leave the student's crop are not: a label has 0 there. The visibility
    counts for every joint; the scores are the pose head's, since a joint may well be visible and
    hard to place.

    Args:
        head (nn.Module): The head.
        confidence (dict, optional): See :class:`PoseTargets`.

    Raises:
        ValueError: As :func:`targets_of` for the pose head.
    """

    heads = (VisPredictHead, )

    def __init__(self, head: nn.Module, confidence: Optional[dict] = None) -> None:
        self.pose = targets_of(head.pose_head, confidence)
        self.head = head
        self.input_size = self.pose.input_size
        self.mode, self.threshold = self.pose.mode, self.pose.threshold

    def heatmaps(self, output: Tuple[Any, Tensor]) -> Optional[Tensor]:
        """Return the pose head's heatmaps, if it has some."""
        return self.pose.heatmaps(output[0])

    def _joints(self, output: Tuple[Any, Tensor]) -> Tuple[Tensor, Tensor]:
        return self.pose._joints(output[0])

    def _carry(self, output: Tuple[Any, Tensor], matrix: Tensor, mirrored: Tensor,
               flip_indices: Sequence[int]) -> PseudoTargets:
        pose, visible = output
        targets = self.pose._carry(pose, matrix, mirrored, flip_indices)
        if not self.head.use_sigmoid:  # else the head has applied it
            visible = visible.sigmoid()
        visible = swap_left_right(visible, flip_indices, mirrored)
        visible = visible * inside_view(targets.keypoints, self.input_size[::-1])
        return targets._replace(maps=(targets.maps, visible))

    def _goals(self, targets: PseudoTargets) -> Tensor:
        return self.pose._goals(targets._replace(maps=targets.maps[0]))

    def _loss(self, output: Tuple[Any, Tensor], targets: PseudoTargets,
              head: nn.Module) -> Tensor:
        pose, visible = output
        maps, goal = targets.maps
        of_pose = self.pose._loss(pose, targets._replace(maps=maps), head.pose_head)
        return of_pose + head.loss_module(visible, goal, torch.ones_like(goal))


class HandTargets(HeatmapTargets):
    """Targets of InternetHead: two hands' joints in depth, their distance, and which are there.

    ``maps`` is a tuple of the heatmaps (B, K, d, h, w), each slice carried over; the depth of one
    hand's root relative to the other's (B, 1), in the codec's units, which counts where the teacher
    sees both; and the probabilities of the two hands (B, 2). A mirror image exchanges the hands, so
    that the depth changes its sign. Views differ in the picture's plane alone, so that the joints'
    depths stay.

    Args:
        head (nn.Module): The head.
        confidence (dict, optional): See :class:`PoseTargets`.

    Raises:
        ValueError: As :class:`PoseTargets`; also if the codec is not Hand3DHeatmap.
    """

    heads = (InternetHead, )

    def __init__(self, head: nn.Module, confidence: Optional[dict] = None) -> None:
        PoseTargets.__init__(self, head, confidence)
        codec = self._codec(head)
        scaling = np.diag([*(1 / codec.scale_factor), 1]).astype(np.float32)
        self.to_heatmap = torch.from_numpy(scaling)
        self.peak = codec.max_bound
        self.root_size = codec.heatmap_size_root  # twice the encoded depth 0

    @staticmethod
    def _input_size(codec: Any) -> Tuple[int, int]:
        if type(codec).__name__ != 'Hand3DHeatmap':
            raise ValueError(f'InternetHead has the codec {type(codec).__name__}; its pseudo '
                             'targets need Hand3DHeatmap')
        return tuple(int(n) for n in codec.image_size)

    def heatmaps(self, output: List[Tensor]) -> Tensor:
        """Return each joint's heatmap (B, K, h, w), the highest of its slices."""
        return output[0].amax(2)

    def _dense(self, output: List[Tensor]) -> List[Tensor]:
        return output

    def _warp(self, maps: List[Tensor], matrix: Tensor, mirrored: Tensor,
              flip_indices: Sequence[int]) -> Tuple[Tuple[Tensor, Tensor, Tensor], Tensor]:
        heatmaps, root, hands = maps
        heatmaps = swap_left_right(heatmaps, flip_indices, mirrored)
        # A slice is carried over as any heatmap.
        slices, valid = warp_heatmaps(heatmaps.flatten(1, 2), matrix, tuple(heatmaps.shape[3:]))
        mirrored = mirrored[:, None]
        root = torch.where(mirrored, self.root_size - root, root)
        hands = hands.sigmoid()
        hands = torch.where(mirrored, hands.flip(1), hands)
        return (slices.view_as(heatmaps), root, hands), valid

    def _goals(self, targets: PseudoTargets) -> Tensor:
        return self._joints(targets.maps)[0]

    def _loss(self, output: List[Tensor], targets: PseudoTargets, head: nn.Module) -> Tensor:
        heatmaps, root, hands = output
        goal, root_goal, hands_goal = targets.maps
        counts = (targets.valid > 0) & (targets.weights > 0)[..., None, None]
        counts = counts[:, :, None]
        goal = torch.where(counts, goal, heatmaps.detach())
        loss = head.loss_module(detached_where(counts, heatmaps), goal, targets.weights)
        both = (hands_goal > .5).all(1, keepdim=True).float()
        return (loss + head.root_loss_module(root, root_goal, both)
                + head.hand_loss_module(hands, hands_goal, torch.ones_like(root)))


KINDS = (VisibilityTargets, HandTargets)
