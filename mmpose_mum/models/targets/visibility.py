"""Pseudo targets of heads that also predict visibility."""
from typing import Any, Dict, Optional, Sequence, Tuple

import torch
from mmpose.models.heads import VisPredictHead
from torch import Tensor, nn

from ...functional.warp import inside_view, swap_left_right
from .base import PseudoTargets, TargetMaker, target_maker_for


class VisibilityTargetMaker(TargetMaker):
    """Targets of VisPredictHead: those of its pose head, and which keypoints are visible.

    ``maps`` is a tuple of the pose head's maps and (B, K), the teacher's probability that a
    keypoint is visible, or None where keypoints alone are known: then it is not taught. Keypoints
    that leave the student's crop are not visible: a label has 0 there. The visibility counts for
    every keypoint; the scores are the pose head's, since a keypoint may well be visible and hard to
    place.

    Raises:
        ValueError: As :func:`target_maker_for` for the pose head.
    """

    heads = (VisPredictHead, )

    def __init__(self, head: nn.Module, confidence: Optional[Dict[str, Any]] = None) -> None:
        self.pose = target_maker_for(head.pose_head, confidence)
        self.takes_keypoints, self.any_size = self.pose.takes_keypoints, self.pose.any_size
        super().__init__(head, confidence)

    @staticmethod
    def _codec(head: nn.Module) -> Any:
        return TargetMaker._codec(head.pose_head)

    def _input_size(self, codec: Any) -> Tuple[int, int]:
        return self.pose.input_size

    def check_weights(self, who: str) -> None:
        """Check the pose head's loss: a visibility counts fully."""
        self.pose.check_weights(who)

    def heatmaps(self, output: Tuple[Any, Tensor]) -> Optional[Tensor]:
        """Return the pose head's heatmaps, if it has some."""
        return self.pose.heatmaps(output[0])

    def target_heatmaps(self, targets: PseudoTargets) -> Optional[Tensor]:
        """Return the heatmaps that the pose head has to reproduce, if it has some."""
        return self.pose.target_heatmaps(targets._replace(maps=targets.maps[0]))

    def _keypoints(self, output: Tuple[Any, Tensor]) -> Tuple[Tensor, Tensor]:
        return self.pose._keypoints(output[0])

    def _decoded(self, output: Tuple[Any, Tensor]) -> Tuple[Tensor, Tensor]:
        return self.pose._decoded(output[0])

    def _encoded(self, keypoints: Tensor, scores: Tensor) -> PseudoTargets:
        targets = self.pose._encoded(keypoints, scores)
        return targets._replace(maps=(targets.maps, None))

    def _carry(self, output: Tuple[Any, Tensor], matrix: Tensor, mirrored: Tensor,
               flip_indices: Sequence[int]) -> PseudoTargets:
        pose, visible = output
        targets = self.pose._carry(pose, matrix, mirrored, flip_indices)
        if not self.head.use_sigmoid:  # else the head has applied it
            visible = visible.sigmoid()
        mirrored = mirrored.to(visible.device, non_blocking=True)
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
        if goal is None:
            return of_pose
        return of_pose + head.loss_module(visible, goal, torch.ones_like(goal))
