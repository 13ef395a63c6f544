"""Encode batches of keypoints as MMPose's codecs do, by tensor operations on any device.

Rounding and borders are those of MMPose's NumPy codecs. These functions encode a batch at once.
"""
import math
from typing import Sequence, Tuple

import torch
from torch import Tensor


def encode_coordinates(keypoints: Tensor, input_size: Tuple[int, int]) -> Tuple[Tensor, Tensor]:
    """Encode as RegressionLabel does.

    Args:
        keypoints (Tensor): (B, K, 2), (x, y) in pixels of the input.
        input_size (tuple[int, int]): Width and height of the input.

    Returns:
        tuple[Tensor, Tensor]: Coordinates (B, K, 2), as shares of the input's width and height;
        float weights (B, K), 1 inside the input and 0 outside.

    Example:
        >>> encode_coordinates(torch.tensor([[[16., 24], [-8, 24]]]), input_size=(64, 96))
        (tensor([[[ 0.2500,  0.2500],
                 [-0.1250,  0.2500]]]), tensor([[1., 0.]]))
    """
    x, y = keypoints.unbind(-1)
    width, height = input_size
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return torch.stack([x / width, y / height], -1), inside.to(keypoints.dtype)


def encode_gaussians(keypoints: Tensor, size: Tuple[int, int], sigma: float,
                     unbiased: bool = False, between: bool = False) -> Tuple[Tensor, Tensor]:
    """Encode as MSRAHeatmap does, or UDPHeatmap's Gaussians.

    Args:
        keypoints (Tensor): (B, K, 2), (x, y) in pixels of the heatmap.
        size (tuple[int, int]): Height and width of the heatmaps.
        sigma (float): Standard deviation, in heatmap pixels.
        unbiased (bool): Whether the peak may lie between pixels. If not, it lies on the nearest
            pixel, and the Gaussian ends at three standard deviations.
        between (bool): UDP's way: the peak may lie between pixels, and the Gaussian ends at three
            standard deviations.

    Returns:
        tuple[Tensor, Tensor]: Heatmaps (B, K, ``*size``) with a peak of 1; float weights (B, K),
        0 if no part of the Gaussian lies in the heatmap, else 1.

    Example:
        >>> heatmaps, weights = encode_gaussians(torch.tensor([[[2., 1.]]]), size=(3, 4), sigma=1.)
        >>> (heatmaps == heatmaps.max()).nonzero()  # image 0, keypoint 0, row 1, column 2
        tensor([[0, 0, 1, 2]])
        >>> heatmaps.max(), weights
        (tensor(1.), tensor([[1.]]))
    """
    if unbiased:
        centers = keypoints
        first, end = keypoints - 3 * sigma, keypoints + 3 * sigma + 1
    else:
        # The codec's conversions to int truncate towards 0.
        nearest = (keypoints + .5).trunc()
        first = (nearest - 3 * sigma).trunc()
        end = (nearest + 3 * sigma + 1).trunc()
        centers = first + (6 * sigma + 1) // 2
        if between:
            centers = centers + keypoints - nearest
    inside, profiles = torch.ones_like(keypoints[..., 0]).bool(), []
    for axis, length in enumerate(reversed(size)):
        pixels = torch.arange(length, device=keypoints.device, dtype=keypoints.dtype)
        begin, stop, center = (v[..., axis:axis + 1] for v in (first, end, centers))
        profile = (-(pixels - center)**2 / (2 * sigma**2)).exp()
        if not unbiased:
            profile = profile * ((pixels >= begin) & (pixels < stop))
        profiles.append(profile)
        inside = inside & (begin < length)[..., 0] & (stop >= 0)[..., 0]
    of_x, of_y = profiles
    weights = inside.to(keypoints.dtype)
    return of_y[..., None] * of_x[..., None, :] * weights[..., None, None], weights


def encode_blurred(keypoints: Tensor, rows: Tensor, columns: Tensor) -> Tuple[Tensor, Tensor]:
    """Encode as MegviiHeatmap does, but with a peak of 1: a blurred pixel.

    Args:
        keypoints (Tensor): (B, K, 2), (x, y) in pixels of the heatmap. The first pixel covers 0
            to 1.
        rows (Tensor): (h, h). Column i is the blurred row i.
        columns (Tensor): (w, w), the same for columns.

    Returns:
        tuple[Tensor, Tensor]: Heatmaps (B, K, h, w); float weights (B, K), 1 inside the heatmap
        and 0 outside, where there is no label.

    Example:
        >>> blur = torch.tensor([[.5, .25, 0], [.5, .5, .5], [0, .25, .5]])
        >>> encode_blurred(torch.tensor([[[1.9, 0.]]]), torch.eye(1), blur)
        (tensor([[[[0.5000, 1.0000, 0.5000]]]]), tensor([[1.]]))
    """
    cells = keypoints.long()  # truncated toward 0, as by the codec
    inside, profiles = torch.ones_like(keypoints[..., 0]).bool(), []
    for axis, blur in enumerate((columns, rows)):
        cell, labels = cells[..., axis], (blur / blur.diagonal()).T
        profiles.append(labels[cell.clamp(0, len(blur) - 1)])
        inside = inside & (cell >= 0) & (cell < len(blur))
    of_x, of_y = profiles
    weights = inside.to(keypoints.dtype)
    return of_y[..., None] * of_x[..., None, :] * weights[..., None, None], weights


def encode_offsets(keypoints: Tensor, size: Tuple[int, int], radius: float) -> Tensor:
    """Encode as UDPHeatmap with ``heatmap_type='combined'`` does.

    Args:
        keypoints (Tensor): (B, K, 2), (x, y) in pixels of the heatmap.
        size (tuple[int, int]): Height and width of the heatmaps.
        radius (float): Radius of a keypoint's class, in heatmap pixels.

    Returns:
        Tensor: (B, 3 K, ``*size``). Each keypoint has three maps: its class, 1 within the radius
        and else 0; and the offset from each pixel to it, in x and in y, in radii.

    Example:
        >>> near, of_x, of_y = encode_offsets(torch.tensor([[[1., 0]]]), size=(1, 4), radius=1.)[0]
        >>> near, of_x
        (tensor([[1., 1., 1., 0.]]), tensor([[ 1.,  0., -1., -2.]]))
    """
    height, width = size
    columns, rows = (torch.arange(n, device=keypoints.device, dtype=keypoints.dtype)
                     for n in (width, height))
    x, y = keypoints[..., None, None].unbind(2)  # (B, K, 1, 1) each
    of_x = ((x - columns) / radius).expand(-1, -1, height, -1)
    of_y = ((y - rows[:, None]) / radius).expand(-1, -1, -1, width)
    near = (of_x**2 + of_y**2 <= 1).to(keypoints.dtype)
    return torch.stack([near, of_x, of_y], 2).flatten(1, 2)


def encode_simcc(keypoints: Tensor, input_size: Tuple[int, int], split_ratio: float, *,
                 smoothing_type: str, sigma: Sequence[float], label_smooth_weight: float,
                 normalize: bool) -> Tuple[Tuple[Tensor, Tensor], Tensor]:
    """Encode as SimCCLabel does.

    Args:
        keypoints (Tensor): (B, K, 2), (x, y) in pixels of the input.
        input_size (tuple[int, int]): Width and height of the input.
        split_ratio (float): Bins per pixel.
        smoothing_type (str): ``'gaussian'`` or ``'standard'``.
        sigma (Sequence[float]): Standard deviations of the Gaussians of x and y, in bins.
        label_smooth_weight (float): Sum of a standard label outside its bin, in [0, 1].
        normalize (bool): Whether a Gaussian has a sum of 1. If not, it has a peak of 1.

    Returns:
        tuple[tuple[Tensor, Tensor], Tensor]: The labels of x (B, K, Wx) and y (B, K, Wy); float
        weights (B, K), 0 if a keypoint has no label, else 1. Without a label, both labels are 0.

    Example:
        >>> (of_x, of_y), weights = encode_simcc(
        ...     torch.tensor([[[1., 2.]]]), input_size=(3, 4), split_ratio=2, sigma=(),
        ...     smoothing_type='standard', label_smooth_weight=0.5, normalize=False)
        >>> of_x
        tensor([[[0.1000, 0.1000, 0.5000, 0.1000, 0.1000, 0.1000]]])
    """
    nearest = (keypoints * split_ratio).round()
    inside, labels = torch.ones_like(keypoints[..., 0]).bool(), []
    for axis in (0, 1):
        count, mean = round(input_size[axis] * split_ratio), nearest[..., axis:axis + 1]
        bins = torch.arange(count, device=keypoints.device, dtype=keypoints.dtype)
        if smoothing_type == 'gaussian':
            deviation = float(sigma[axis])
            label = (-(bins - mean)**2 / (2 * deviation**2)).exp()
            if normalize:
                label = label / (deviation * math.sqrt(2 * math.pi))
            begin, end = mean - 3 * deviation, mean + 3 * deviation + 1
        else:
            others = label_smooth_weight / (count - 1)
            label = torch.where(bins == mean, 1. - label_smooth_weight, others)
            begin, end = mean, mean
        labels.append(label)
        inside = inside & (begin < count)[..., 0] & (end >= 0)[..., 0]
    weights = inside.to(keypoints.dtype)
    of_x, of_y = (label.to(keypoints.dtype) * weights[..., None] for label in labels)
    return (of_x, of_y), weights
