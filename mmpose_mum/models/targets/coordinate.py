"""Pseudo targets of heads that predict coordinates: SimCC, regression, integral regression."""
import copy
import math
from typing import Any, Dict, Optional, Sequence, Tuple

import torch
from mmpose.models.heads import (
    DSNTHead,
    IntegralRegressionHead,
    RegressionHead,
    RLEHead,
    RTMCCHead,
    RTMWHead,
    SimCCHead,
)
from torch import Tensor, nn

from ...functional.codecs import encode_coordinates, encode_gaussians, encode_simcc
from ...functional.warp import swap_left_right, warp_distributions
from .base import PseudoTargets, TargetMaker, detached_where

# Share of the crop within which a keypoint is right: MMPose's own accuracy of regression heads.
NEAR = .05


class SimCCTargetMaker(TargetMaker):
    """Targets of SimCCHead, RTMCCHead and RTMWHead: ``maps`` are labels of x and y.

    Their shapes are (B, K, Wx) and (B, K, Wy). If the loss compares distributions, as MMPose's
    KLDiscretLoss does, they are the teacher's distributions, carried over. They keep its
    uncertainty: an uncertain keypoint has a flat label, as its heatmap would be low. Otherwise the
    codec encodes the teacher's keypoints.

    Raises:
        ValueError: As :class:`TargetMaker`; also if the codec is not SimCCLabel.
    """

    heads = (SimCCHead, RTMCCHead, RTMWHead)

    def __init__(self, head: nn.Module, confidence: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(head, confidence)
        self.codec = _checked(self._codec(head), 'SimCCLabel', head)
        middle = torch.tensor([[[size // 2 for size in self.input_size]]]).float()
        self.peaks = [self._label_peak(label) for label in self._encode(middle)[0]]

    def _keypoints(self, output: Tuple[Tensor, Tensor]) -> Tuple[Tensor, Tensor]:
        keypoints = torch.stack([x.argmax(-1) for x in output], -1).float()
        sharp = [self._values(x).amax(-1) / peak for x, peak in zip(output, self.peaks)]
        return keypoints / self.codec.simcc_split_ratio, torch.minimum(*sharp).clamp(0, 1)

    def _carry(self, output: Tuple[Tensor, Tensor], matrix: Tensor, mirrored: Tensor,
               flip_indices: Sequence[int]) -> PseudoTargets:
        made = super()._carry(output, matrix, mirrored, flip_indices)
        loss = self.head.loss_module
        if not hasattr(loss, 'beta'):
            return made
        matrix, mirrored = (
            x.to(output[0].device, non_blocking=True) for x in (matrix, mirrored))
        of_x, of_y = (swap_left_right(self._values(x), flip_indices, mirrored) for x in output)
        maps = warp_distributions(of_x, of_y, matrix, self.codec.simcc_split_ratio)
        if loss.label_softmax:  # the loss puts a softmax on labels, too
            return made._replace(maps=tuple(x.log() / loss.label_beta for x in maps))
        return made._replace(maps=maps)

    def _encode(self, keypoints: Tensor) -> Tuple[Tuple[Tensor, Tensor], Tensor]:
        codec = self.codec
        return encode_simcc(
            keypoints, self.input_size, codec.simcc_split_ratio,
            smoothing_type=codec.smoothing_type, sigma=codec.sigma.tolist(),
            label_smooth_weight=codec.label_smooth_weight, normalize=codec.normalize)

    def _loss(self, output: Tuple[Tensor, Tensor], targets: PseudoTargets,
              head: nn.Module) -> Tensor:
        counts = (targets.weights > 0)[..., None]
        compared = tuple(detached_where(counts, x) for x in output)
        # Some losses leave one value for each sample.
        return head.loss_module(compared, targets.maps, targets.weights).mean()

    def _values(self, output: Tensor) -> Tensor:
        """Return what the loss compares with the label: a softmax, unless the loss takes none."""
        beta = getattr(self.head.loss_module, 'beta', None)
        return output if beta is None else (output * beta).softmax(-1)

    def _label_peak(self, label: Tensor) -> float:
        """Return the peak of a label's distribution, as an output should have it."""
        loss = self.head.loss_module
        if getattr(loss, 'label_softmax', False):
            label = (label * loss.label_beta).softmax(-1)
        elif hasattr(loss, 'beta'):  # the softmax that comes closest to it sums to 1
            label = label / label.sum(-1, keepdim=True)
        return label.max().item()


class RegressionTargetMaker(TargetMaker):
    """Targets of RegressionHead: only the keypoints, without ``maps``.

    Raises:
        ValueError: As :class:`TargetMaker`; also for any other mode of ``confidence``.
    """

    heads = (RegressionHead, )
    codec = 'RegressionLabel'

    def __init__(self, head: nn.Module, confidence: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(head, confidence)
        _checked(self._codec(head), self.codec, head)
        self._check_mode(head)

    def _check_mode(self, head: nn.Module) -> None:
        if self.mode != 'none':
            raise ValueError(
                f'confidence mode {self.mode!r} needs to know how sure the teacher is, and '
                f'{type(head).__name__} predicts only coordinates. Remove `confidence`, or use '
                'RLEHead, which also predicts how far off its coordinates may be')

    def _keypoints(self, output: Any) -> Tuple[Tensor, Tensor]:
        coordinates = self._coordinates(output)
        keypoints = torch.stack(
            [coordinates[..., axis] * self.input_size[axis] for axis in (0, 1)], -1)
        return keypoints, self._scores(output)

    def _coordinates(self, output: Any) -> Tensor:
        """Return the coordinates (B, K, 2), in widths and heights of the input."""
        return output

    def _scores(self, output: Any) -> Tensor:
        return torch.ones_like(output[..., 0])

    def _encode(self, keypoints: Tensor) -> Tuple[Any, Tensor]:
        return None, torch.ones_like(keypoints[..., 0])

    def _compared(self, output: Any, targets: PseudoTargets) -> Tuple[Tensor, Tensor, Tensor]:
        """Return the student's coordinates, their targets, and bool (B, K, 1), which count."""
        counts = (targets.weights > 0)[..., None]
        coordinates = self._coordinates(output)
        goal, _ = encode_coordinates(targets.keypoints, self.input_size)
        goal = torch.where(counts, goal, coordinates.detach())
        return detached_where(counts, coordinates), goal, counts

    def _loss(self, output: Any, targets: PseudoTargets, head: nn.Module) -> Tensor:
        coordinates, goal, _ = self._compared(output, targets)
        return head.loss_module(coordinates, goal, targets.weights[..., None])


class RLETargetMaker(RegressionTargetMaker):
    """Targets of RLEHead: only the keypoints; the predicted scale gives the scores."""

    heads = (RLEHead, )

    def _check_mode(self, head: nn.Module) -> None:
        """Take any mode."""

    def _coordinates(self, output: Tensor) -> Tensor:
        return output[..., :2]

    def _scores(self, output: Tensor) -> Tensor:
        scale = output[..., 2:4].sigmoid() + 1e-9  # as the loss has it
        if getattr(self.head.loss_module, 'q_distribution', 'laplace') == 'gaussian':
            near = torch.erf(NEAR / (scale * math.sqrt(2)))
        else:
            near = 1 - torch.exp(-NEAR / scale)
        return near.prod(-1)

    def _loss(self, output: Tensor, targets: PseudoTargets, head: nn.Module) -> Tensor:
        coordinates, goal, counts = self._compared(output, targets)
        scale = detached_where(counts, output[..., 2:4])
        loss, weights = head.loss_module, targets.weights
        if not loss.use_target_weight:
            # The loss's flow learns from each keypoint that it is given, whatever has no gradient
            # outside of it. A copy shares the flow.
            loss, weights = copy.copy(loss), counts[..., 0].float()
            loss.use_target_weight = True
        return loss(coordinates, scale, goal, weights[..., None])


class IntegralTargetMaker(RegressionTargetMaker):
    """Targets of IntegralRegressionHead: only the keypoints, as its loss needs no heatmaps.

    Raises:
        ValueError: As :class:`TargetMaker`; also if the codec is not IntegralRegressionLabel.
    """

    heads = (IntegralRegressionHead, )
    codec = 'IntegralRegressionLabel'

    def __init__(self, head: nn.Module, confidence: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(head, confidence)
        codec = self._codec(head)
        self.normalize = codec.normalize
        codec = codec.heatmap_codec
        self.size = tuple(codec.heatmap_size)[::-1]
        self.scale = tuple(codec.scale_factor.tolist())
        self.gaussian = dict(sigma=codec.sigma, unbiased=codec.unbiased)
        middle = torch.tensor([[[n // 2 for n in self.size[::-1]]]]).float()
        label, _ = encode_gaussians(middle, self.size, **self.gaussian)
        self.peak = (label.max() / label.sum()).item()

    def _input_size(self, codec: Any) -> Tuple[int, int]:
        # Asked before the codec is checked.
        return tuple(getattr(codec, 'keypoint_codec', codec).input_size)

    def heatmaps(self, output: Tuple[Tensor, Tensor]) -> Tensor:
        """Return the softmaxed heatmaps (B, K, h, w)."""
        return output[1]

    def _check_mode(self, head: nn.Module) -> None:
        """Take any mode."""

    def _coordinates(self, output: Tuple[Tensor, Tensor]) -> Tensor:
        return output[0]

    def _scores(self, output: Tuple[Tensor, Tensor]) -> Tensor:
        return (output[1].flatten(2).amax(-1) / self.peak).clamp(0, 1)

    def _loss(self, output: Tuple[Tensor, Tensor], targets: PseudoTargets,
              head: nn.Module) -> Tensor:
        coordinates, goal, _ = self._compared(output, targets)
        return head.loss_module(coordinates, goal, targets.weights)


class DSNTTargetMaker(IntegralTargetMaker):
    """Targets of DSNTHead: the keypoints, and as ``maps`` the codec's heatmaps (B, K, h, w)."""

    heads = (DSNTHead, )

    def _encode(self, keypoints: Tensor) -> Tuple[Tensor, Tensor]:
        in_heatmap = torch.stack([x / s for x, s in zip(keypoints.unbind(-1), self.scale)], -1)
        maps, _ = encode_gaussians(in_heatmap, self.size, **self.gaussian)
        if self.normalize:
            maps = maps / (maps.sum((2, 3), keepdim=True) + 1e-24)
        return maps, super()._encode(keypoints)[1]

    def _loss(self, output: Tuple[Tensor, Tensor], targets: PseudoTargets,
              head: nn.Module) -> Tensor:
        coordinates, goal, counts = self._compared(output, targets)
        counts, heatmaps = counts[..., None], output[1]
        goals = [goal, torch.where(counts, targets.maps, heatmaps.detach())]
        outputs = [coordinates, detached_where(counts, heatmaps)]
        of_keypoints, of_heatmaps = head.loss_module(outputs, goals, targets.weights)
        return of_keypoints + of_heatmaps


def _checked(codec: Any, name: str, head: nn.Module) -> Any:
    if type(codec).__name__ != name:
        raise ValueError(f'{type(head).__name__} has the codec {type(codec).__name__}; its pseudo '
                         f'targets need {name}')
    return codec
