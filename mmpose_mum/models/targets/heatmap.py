"""Pseudo targets of heads whose output is heatmaps, in 2D or in 3D."""
from functools import reduce
from operator import add
from typing import Any, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np
import torch
from mmpose.models.heads import CPMHead, HeatmapHead, InternetHead, MSPNHead
from numpy.typing import NDArray
from torch import Tensor, nn

from ...functional.codecs import encode_blurred, encode_gaussians, encode_offsets
from ...functional.nested import map_tensors
from ...functional.warp import (
    compose_affine,
    heatmap_peaks,
    inside_view,
    invert_affine,
    refine_peaks,
    swap_left_right,
    warp_heatmaps,
    warp_keypoints,
)
from .base import PseudoTargets, TargetMaker, detached_where


class HeatmapTargetMaker(TargetMaker):
    """Targets of HeatmapHead and ViPNASHead: ``maps`` are the teacher's heatmaps, carried over.

    Raises:
        ValueError: As :class:`TargetMaker`; also if the codec's targets are not heatmaps with one
            channel per keypoint.
    """

    heads = (HeatmapHead, )

    def __init__(self, head: nn.Module, confidence: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(head, confidence)
        codec = self._codec(head)
        self.to_heatmap = torch.from_numpy(self._input_to_heatmap(codec)).unsqueeze(0)
        self.from_heatmap = invert_affine(self.to_heatmap)
        self.peak = self._label_peak(codec)
        self.codec = codec
        # The others' maps have one stride for all sizes.
        self.any_size = type(codec).__name__ != 'UDPHeatmap'
        if type(codec).__name__ == 'MegviiHeatmap':
            self.blur_rows, self.blur_columns = _blurs(codec.heatmap_size, codec.kernel_size)

    def _input_to_heatmap(self, codec: Any) -> NDArray[Any]:
        return input_to_heatmap(codec)

    def _label_peak(self, codec: Any) -> float:
        return 255. if type(codec).__name__ == 'MegviiHeatmap' else 1.

    def heatmaps(self, output: Any) -> Tensor:
        """Return the heatmaps (B, K, h, w) that the head decodes."""
        return output

    def _keypoints(self, output: Any) -> Tuple[Tensor, Tensor]:
        heatmaps = self.heatmaps(output)
        peaks, scores = self._peaks(heatmaps)
        return self._in_input(peaks), scores

    def _decoded(self, output: Any) -> Tuple[Tensor, Tensor]:
        heatmaps = self.heatmaps(output)
        peaks, scores = self._peaks(heatmaps)
        peaks = refine_peaks(heatmaps, peaks)
        return self._in_input(peaks), scores

    def _encode(self, keypoints: Tensor) -> Tuple[Any, Tensor]:
        peaks = warp_keypoints(keypoints, self.to_heatmap)
        codec, (width, height) = self.codec, self.codec.heatmap_size
        if type(codec).__name__ == 'MegviiHeatmap':
            maps, weights = encode_blurred(peaks + .5, *(
                x.to(peaks.device, non_blocking=True) for x in (self.blur_rows, self.blur_columns)))
            return maps * self.peak, weights
        return encode_gaussians(
            peaks, (height, width), codec.sigma, unbiased=getattr(codec, 'unbiased', False),
            between=type(codec).__name__ == 'UDPHeatmap')

    def _encoded(self, keypoints: Tensor, scores: Tensor) -> PseudoTargets:
        targets = super()._encoded(keypoints, scores)
        width, height = self.codec.heatmap_size
        # A doubtful keypoint's map is low, as a model's own heatmap is there. It is the mean of its
        # label and of none, by the chance that the keypoint is right. A full label of a keypoint
        # that is often wrong would be further from the truth than no label.
        heights = scores.clamp(0, 1)[..., None, None]
        return targets._replace(
            maps=map_tensors(lambda maps: maps * heights, targets.maps),
            valid=scores.new_ones(len(scores), 1, height, width))

    def _dense(self, output: Any) -> Any:
        """Return what is carried over as ``maps``."""
        return self.heatmaps(output)

    def _carry(self, output: Any, matrix: Tensor, mirrored: Tensor,
               flip_indices: Sequence[int]) -> PseudoTargets:
        heatmaps = self.heatmaps(output)
        height, width = heatmaps.shape[2:]
        matrix = compose_affine(self.to_heatmap, matrix, self.from_heatmap)
        mirrored = mirrored.to(heatmaps.device, non_blocking=True)
        maps, valid = self._warp(self._dense(output), matrix, mirrored, flip_indices)
        peaks, scores = (
            swap_left_right(x, flip_indices, mirrored) for x in self._peaks(heatmaps))
        peaks = warp_keypoints(peaks, matrix)
        weights = self._weights(inside_view(peaks, (height, width)).float(), scores)
        return PseudoTargets(self._in_input(peaks), scores, weights, maps, valid)

    def _warp(self, maps: Any, matrix: Tensor, mirrored: Tensor,
              flip_indices: Sequence[int]) -> Tuple[Any, Tensor]:
        """Carry ``maps`` over by a matrix of heatmap pixels, which is on the host as in `_carry`.

        Also tell where they are valid.
        """
        maps = swap_left_right(maps, flip_indices, mirrored)
        height, width = maps.shape[2:]
        return warp_heatmaps(maps, matrix, (height, width))

    def _goals(self, targets: PseudoTargets) -> Tensor:
        return self._keypoints(targets.maps)[0]

    def _loss(self, output: Any, targets: PseudoTargets, head: nn.Module) -> Tensor:
        return _compare(head.loss_module, output, targets.maps, targets)

    def _peaks(self, heatmaps: Tensor) -> Tuple[Tensor, Tensor]:
        """Return the peaks in heatmap pixels, and their scores."""
        peaks, values = heatmap_peaks(heatmaps)
        return peaks, values / self.peak

    def _in_input(self, peaks: Tensor) -> Tensor:
        """Bring points (B, K, 2) from the heatmap's pixels to the input's."""
        return warp_keypoints(peaks, self.from_heatmap)


class StagedTargetMaker(HeatmapTargetMaker):
    """Targets of CPMHead: the teacher's last stage is the target of every stage."""

    heads = (CPMHead, )

    def heatmaps(self, output: List[Tensor]) -> Tensor:
        """Return the last stage's heatmaps (B, K, h, w)."""
        return output[-1]

    def _goals(self, targets: PseudoTargets) -> Tensor:
        return self._keypoints([targets.maps])[0]

    def _loss(self, output: List[Tensor], targets: PseudoTargets, head: nn.Module) -> Tensor:
        return reduce(add, (
            _compare(loss, stage, targets.maps, targets)
            for loss, stage in zip(_losses_of(head, len(output)), output)))


class LevelTargetMaker(HeatmapTargetMaker):
    """Targets of MSPNHead, whose units have labels of different widths, by their level.

    ``maps`` holds for each of the student's units the heatmaps (B, K, h, w) of the teacher's last
    unit of the same level. Keypoints and scores are those of the very last unit.
    """

    heads = (MSPNHead, )

    def heatmaps(self, output: List[Tensor]) -> Tensor:
        """Return the last unit's heatmaps (B, K, h, w)."""
        return output[-1]

    def _dense(self, output: List[Tensor]) -> Dict[int, Tensor]:
        return dict(zip(self.head.level_indices, output))  # of a level's units, the last one's

    def _warp(self, maps: Dict[int, Tensor], matrix: Tensor, mirrored: Tensor,
              flip_indices: Sequence[int]) -> Tuple[List[Tensor], Tensor]:
        carried = {level: super(LevelTargetMaker, self)._warp(unit, matrix, mirrored, flip_indices)
                   for level, unit in maps.items()}
        levels = self.head.level_indices
        return [carried[level][0] for level in levels], carried[levels[-1]][1]

    def _encode(self, keypoints: Tensor) -> Tuple[List[Tensor], Tensor]:
        # The head knows the codec of its last level alone.
        maps, weights = super()._encode(keypoints)
        return [maps] * len(self.head.level_indices), weights

    def _loss(self, output: List[Tensor], targets: PseudoTargets, head: nn.Module) -> Tensor:
        return reduce(add, (
            _compare(loss, unit, goal, targets) for loss, unit, goal in zip(
                _losses_of(head, len(output)), output, targets.maps)))


class OffsetTargetMaker(TargetMaker):
    """Targets of HeatmapHead with UDP's combined codec: a class map and two of offsets a keypoint.

    The codec makes ``maps`` (B, 3 K, h, w) anew from the keypoints in the student's view:
    interpolation would spoil offsets and blur classes.
    """

    heads = (HeatmapHead, )

    def __init__(self, head: nn.Module, confidence: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(head, confidence)
        codec = self._codec(head)
        width, height = self.size = tuple(codec.heatmap_size)
        self.to_heatmap = torch.from_numpy(_scaling(codec.scale_factor)).unsqueeze(0)
        self.from_heatmap = invert_affine(self.to_heatmap)
        self.radius = codec.radius_factor * max(self.size)
        self.blur_rows, self.blur_columns = _blurs(self.size, 2 * codec.blur_kernel_size + 1)
        middle = torch.tensor([[[width // 2, height // 2]]]).float()
        label = encode_offsets(middle, (height, width), self.radius)[:, ::3]
        self.peak = self._blurred(label).max().item()

    @classmethod
    def fits(cls, head: nn.Module) -> bool:
        """Tell whether this is a head with that codec."""
        codec = getattr(head, 'decoder', None)
        return super().fits(head) and getattr(codec, 'heatmap_type', None) == 'combined'

    def heatmaps(self, output: Tensor) -> Tensor:
        """Return the class maps (B, K, h, w)."""
        return output[:, ::3]

    def _keypoints(self, output: Tensor) -> Tuple[Tensor, Tensor]:
        peaks, values = heatmap_peaks(self._blurred(output[:, ::3]))
        index = (peaks[..., :1] + peaks[..., 1:] * output.shape[3]).long()
        offsets = [output[:, axis::3].flatten(2).gather(-1, index) for axis in (1, 2)]
        peaks = peaks + torch.cat(offsets, -1) * self.radius
        keypoints = warp_keypoints(peaks, self.from_heatmap)
        return keypoints, (values / self.peak).clamp(0, 1)

    def _encode(self, keypoints: Tensor) -> Tuple[Tensor, Tensor]:
        in_heatmap = warp_keypoints(keypoints, self.to_heatmap)
        maps = encode_offsets(in_heatmap, self.size[::-1], self.radius)
        return maps, torch.ones_like(keypoints[..., 0])

    def _loss(self, output: Tensor, targets: PseudoTargets, head: nn.Module) -> Tensor:
        counts = (targets.weights > 0).repeat_interleave(3, 1)[..., None, None]
        goal = torch.where(counts, targets.maps, output.detach())
        return head.loss_module(detached_where(counts, output), goal, targets.weights)

    def _blurred(self, maps: Tensor) -> Tensor:
        rows, columns = (x.to(maps.device, non_blocking=True)
                         for x in (self.blur_rows, self.blur_columns))
        return rows @ maps @ columns.T


def input_to_heatmap(codec: Any) -> NDArray[Any]:
    """Return the map from a pixel of the input to the heatmap pixel that the codec encodes it at.

    MSRA's heatmaps divide by the stride, UDP's by (n − 1) / (m − 1). Megvii's floor the quotient,
    so that a heatmap pixel stands for the center of its cell, half a pixel further.

    Args:
        codec (BaseKeypointCodec): A codec of MMPose.

    Returns:
        np.ndarray: float32 (3, 3).

    Raises:
        ValueError: If the codec's targets are not heatmaps of one channel a keypoint.
    """
    name = type(codec).__name__
    plain = name in ('MSRAHeatmap', 'MegviiHeatmap') or (
        name == 'UDPHeatmap' and codec.heatmap_type == 'gaussian')
    if not plain:
        raise ValueError(
            f'the codec {name} makes no heatmaps with one channel per keypoint, as needed here; '
            "MSRAHeatmap, MegviiHeatmap and UDPHeatmap(heatmap_type='gaussian') do")
    matrix = _scaling(codec.scale_factor)
    if name == 'MegviiHeatmap':
        matrix[:2, 2] = -.5
    return matrix


def _blurs(size: Tuple[int, int], kernel: int) -> List[Tensor]:
    """Return OpenCV's own blur of rows and of columns as matrices, borders included."""
    return [torch.from_numpy(cv2.GaussianBlur(np.eye(n, dtype=np.float32), (1, kernel), 0))
            for n in size[::-1]]


def _scaling(scale_factor: NDArray[Any]) -> NDArray[Any]:
    return np.diag([*(1 / np.asarray(scale_factor)), 1]).astype(np.float32)


def _losses_of(head: nn.Module, count: int) -> List[nn.Module]:
    """Return the loss of each stage; MMPose's heads have one for all or one for each."""
    losses = head.loss_module
    return list(losses) if isinstance(losses, nn.ModuleList) else [losses] * count


def _counts(targets: PseudoTargets) -> Tensor:
    """Return which pixels (B, K, h, w) count: seen by the teacher, of keypoints that count."""
    assert targets.valid is not None  # as of all targets that were carried over as heatmaps
    return (targets.valid > 0) & (targets.weights > 0)[..., None, None]


def _compare(loss: nn.Module, output: Tensor, maps: Tensor, targets: PseudoTargets) -> Tensor:
    # Where the teacher has not looked, and in keypoints that do not count, the student is its own
    # target: no gradient, whatever the head's loss is and does with weights.
    counts = _counts(targets)
    goal = torch.where(counts, maps, output.detach())
    return loss(detached_where(counts, output), goal, targets.weights)


class HandTargetMaker(HeatmapTargetMaker):
    """Targets of InternetHead: two hands' keypoints in depth, their distance, and which are there.

    ``maps`` is a tuple of the heatmaps (B, K, d, h, w), each slice carried over; the depth of one
    hand's root relative to the other's (B, 1), in the codec's units, which counts where the teacher
    sees both; and the probabilities of the two hands (B, 2). A mirror image exchanges the hands, so
    that the depth changes its sign. Views differ in the image's plane alone, so that the keypoints'
    depths stay.

    Raises:
        ValueError: As :class:`TargetMaker`; also if the codec is not Hand3DHeatmap.
    """

    heads = (InternetHead, )
    takes_keypoints = False

    def __init__(self, head: nn.Module, confidence: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(head, confidence)
        self.root_size = self._codec(head).heatmap_size_root  # twice the encoded depth 0

    def _input_to_heatmap(self, codec: Any) -> NDArray[Any]:
        return _scaling(codec.scale_factor)

    def _label_peak(self, codec: Any) -> float:
        return codec.max_bound

    def _input_size(self, codec: Any) -> Tuple[int, int]:
        if type(codec).__name__ != 'Hand3DHeatmap':
            raise ValueError(f'InternetHead has the codec {type(codec).__name__}; its pseudo '
                             'targets need Hand3DHeatmap')
        width, height = codec.image_size
        return int(width), int(height)

    def heatmaps(self, output: List[Tensor]) -> Tensor:
        """Return each keypoint's heatmap (B, K, h, w), the highest of its slices."""
        return output[0].amax(2)

    def _dense(self, output: List[Tensor]) -> List[Tensor]:
        return output

    def _warp(self, maps: List[Tensor], matrix: Tensor, mirrored: Tensor,
              flip_indices: Sequence[int]) -> Tuple[Tuple[Tensor, Tensor, Tensor], Tensor]:
        heatmaps, root, hands = maps
        heatmaps = swap_left_right(heatmaps, flip_indices, mirrored)
        # A slice is carried over as any heatmap.
        height, width = heatmaps.shape[3:]
        slices, valid = warp_heatmaps(heatmaps.flatten(1, 2), matrix, (height, width))
        mirrored = mirrored[:, None]
        root = torch.where(mirrored, self.root_size - root, root)
        hands = hands.sigmoid()
        hands = torch.where(mirrored, hands.flip(1), hands)
        return (slices.view_as(heatmaps), root, hands), valid

    def _loss(self, output: List[Tensor], targets: PseudoTargets, head: nn.Module) -> Tensor:
        heatmaps, root, hands = output
        goal, root_goal, hands_goal = targets.maps
        counts = _counts(targets)[:, :, None]
        goal = torch.where(counts, goal, heatmaps.detach())
        loss = head.loss_module(detached_where(counts, heatmaps), goal, targets.weights)
        both = (hands_goal > .5).all(1, keepdim=True).float()
        return (loss + head.root_loss_module(root, root_goal, both)
                + head.hand_loss_module(hands, hands_goal, torch.ones_like(root)))
