"""Turn the teacher's output into a target in the student's view, with a weight for each joint."""
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from ..functional.warp import (
    compose_affine,
    heatmap_peaks,
    inside_view,
    invert_affine,
    swap_left_right,
    view_to_view,
    warp_heatmaps,
    warp_keypoints,
)

CONFIDENCE_MODES = ('none', 'threshold', 'soft')


class PseudoTargets(NamedTuple):
    """What the student is to reproduce in its view of the unlabelled images.

    Attributes:
        heatmaps: (B, K, h, w), the teacher's heatmaps carried into the student's view.
        valid: (B, 1, h, w) float, 1 where the teacher has seen the pixel.
        weights: (B, K) float, each joint's weight in the loss.
        keypoints: (B, K, 2), the teacher's joints in pixels of the student's input.
        scores: (B, K), the teacher's confidence, the peak of its heatmap over the codec's maximum.
    """
    heatmaps: Tensor
    valid: Tensor
    weights: Tensor
    keypoints: Tensor
    scores: Tensor


class HeatmapTargets:
    """Pseudo targets of heads whose output is a heatmap of one channel a joint.

    Args:
        head (nn.Module): The head; its codec tells where a heatmap's pixel lies in the input.
        confidence (dict): ``mode`` is ``'none'`` (every joint counts fully), ``'threshold'`` (it
            counts when the teacher's score reaches ``threshold``) or ``'soft'`` (it counts by its
            score, clipped to [0, 1]).

    Raises:
        ValueError: If the head has no codec, if its codec makes no such heatmaps, or if
            ``confidence`` is none of the above.
    """

    def __init__(self, head: nn.Module, confidence: Optional[dict] = None) -> None:
        codec = getattr(head, 'decoder', None)
        if codec is None:
            raise ValueError(f'the head {type(head).__name__} has no codec: set its `decoder`, '
                             'which tells where a pixel of the heatmap lies in the input')
        self.input_size = tuple(codec.input_size)  # (width, height)
        self.to_heatmap = torch.from_numpy(input_to_heatmap(codec))
        self.peak = 255. if type(codec).__name__ == 'MegviiHeatmap' else 1.
        confidence = dict(confidence or {})
        self.mode = confidence.pop('mode', 'none')
        self.threshold = confidence.pop('threshold', None)
        if confidence:
            raise ValueError(f'confidence has unknown keys {sorted(confidence)}; it knows mode '
                             'and threshold')
        if self.mode not in CONFIDENCE_MODES:
            raise ValueError(f'confidence mode must be one of {CONFIDENCE_MODES}, got '
                             f'{self.mode!r}')
        if (self.threshold is None) == (self.mode == 'threshold'):
            raise ValueError(f'confidence has threshold={self.threshold} with mode='
                             f'{self.mode!r}; a threshold belongs to mode="threshold" alone')

    def __call__(self, teacher: Tensor, teacher_views: Dict, student_views: Dict,
                 flip_indices: Sequence[int]) -> PseudoTargets:
        """Carry the teacher's heatmaps into the student's view.

        Args:
            teacher (Tensor): (B, K, h, w), the teacher's heatmaps in its own view.
            teacher_views (dict): ``warp_mat`` float (B, 3, 3), image pixel → pixel of the input,
                and ``flip`` bool (B,), of the teacher's view.
            student_views (dict): The same of the student's.
            flip_indices (Sequence[int]): K indices of the joints' mirror images.

        Returns:
            PseudoTargets: See there.
        """
        teacher = teacher.float()
        size = tuple(teacher.shape[2:])
        to_heatmap, from_heatmap = self._maps(teacher.device)
        matrix = view_to_view(teacher_views['warp_mat'], student_views['warp_mat'])
        matrix = compose_affine(to_heatmap, matrix, from_heatmap)

        mirrored = teacher_views['flip'] ^ student_views['flip']
        teacher = swap_left_right(teacher, flip_indices, mirrored)
        heatmaps, valid = warp_heatmaps(teacher, matrix, size)
        peaks, scores = self._peaks(teacher)
        peaks = warp_keypoints(peaks, matrix)

        weights = inside_view(peaks, size).float()
        if self.mode == 'threshold':
            weights = weights * (scores >= self.threshold)
        elif self.mode == 'soft':
            weights = weights * scores.clamp(0, 1)
        return PseudoTargets(heatmaps, valid, weights, warp_keypoints(peaks, from_heatmap), scores)

    def joints(self, teacher: Tensor) -> Tuple[Tensor, Tensor]:
        """Find the joints that the teacher sees, in its own view.

        Args:
            teacher (Tensor): (B, K, h, w), the teacher's heatmaps.

        Returns:
            tuple[Tensor, Tensor]: (B, K, 2), (x, y) in pixels of the teacher's input, and (B, K),
            their scores as in :class:`PseudoTargets`.
        """
        peaks, scores = self._peaks(teacher.float())
        return warp_keypoints(peaks, self._maps(teacher.device)[1]), scores

    def _peaks(self, heatmaps: Tensor) -> Tuple[Tensor, Tensor]:
        """Return the peaks in heatmap pixels, and their scores."""
        peaks, values = heatmap_peaks(heatmaps)
        return peaks, values / self.peak

    def _maps(self, device: torch.device) -> Tuple[Tensor, Tensor]:
        """Return the maps (1, 3, 3) from the input's pixels to the heatmap's, and back."""
        to_heatmap = self.to_heatmap.to(device, non_blocking=True).unsqueeze(0)
        return to_heatmap, invert_affine(to_heatmap)


def input_to_heatmap(codec) -> np.ndarray:
    """Return the map from a pixel of the input to the heatmap pixel that the codec encodes it at.

    MSRA's heatmaps divide by the stride, UDP's by (n − 1) / (m − 1). Megvii's floor the quotient,
    so that a heatmap pixel stands for the centre of its cell, half a pixel further.

    Args:
        codec (BaseKeypointCodec): A codec of MMPose.

    Returns:
        np.ndarray: float32 (3, 3).

    Raises:
        ValueError: If the codec's targets are not heatmaps of one channel a joint.
    """
    name = type(codec).__name__
    plain = name in ('MSRAHeatmap', 'MegviiHeatmap') or (
        name == 'UDPHeatmap' and codec.heatmap_type == 'gaussian')
    if not plain:
        raise ValueError(
            f'pseudo targets of the codec {name} are not supported yet; those of MSRAHeatmap, '
            "MegviiHeatmap and UDPHeatmap(heatmap_type='gaussian') are")
    matrix = np.diag([*(1 / np.asarray(codec.scale_factor)), 1]).astype(np.float32)
    if name == 'MegviiHeatmap':
        matrix[:2, 2] = -.5
    return matrix


def views_of(data_samples: Sequence, device: torch.device) -> Dict[str, Tensor]:
    """Collect how the views of a batch were made, and move that to the device at once.

    Args:
        data_samples (Sequence[PoseDataSample]): Samples whose metainfo holds ``warp_mat``, float
            (3, 3), and ``flip``, bool.
        device (torch.device): Device of the result.

    Returns:
        dict: ``warp_mat``, float32 (B, 3, 3), and ``flip``, bool (B,).

    Raises:
        KeyError: If a sample lacks one of them.
    """
    for sample in data_samples:
        for key in ('warp_mat', 'flip'):
            if key not in sample.metainfo:
                raise KeyError(
                    f'an unlabelled sample has no {key!r} in its metainfo: its pipeline must end '
                    "with WarpTopdownAffine and PackPoseInputs(meta_keys=(…, 'flip', 'warp_mat'))")
    warp_mat = np.stack([s.metainfo['warp_mat'] for s in data_samples]).astype(np.float32)
    flip = np.array([bool(s.metainfo['flip']) for s in data_samples])
    return dict(
        warp_mat=torch.from_numpy(warp_mat).to(device, non_blocking=True),
        flip=torch.from_numpy(flip).to(device, non_blocking=True))


def peak_distance(student: Tensor, targets: PseudoTargets) -> Tuple[Tensor, Tensor]:
    """Measure how far the student's peaks lie from the target's, and how many joints count.

    Args:
        student (Tensor): (B, K, h, w), the student's heatmaps.
        targets (PseudoTargets): The targets.

    Returns:
        tuple[Tensor, Tensor]: Scalars: the mean distance over the joints that count, in heatmap
        pixels, and their share of all.
    """
    used = (targets.weights > 0).float()
    distance = heatmap_peaks(student.detach())[0] - heatmap_peaks(targets.heatmaps)[0]
    distance = distance.norm(dim=-1)
    return (distance * used).sum() / used.sum().clamp(min=1), used.mean()
