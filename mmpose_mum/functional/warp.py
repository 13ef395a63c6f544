"""Carry keypoints, heatmaps and distributions from one view of an image into another."""
import math
from functools import reduce
from typing import Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

# Standard deviation in pixels. It closes the gaps between a distribution's bins in an enlarged
# view. That of a label is several times as large.
BLUR = .7
ROUNDING = 1e-6  # of float32 Fourier transforms of sum 1, with room


def view_to_view(source: Tensor, target: Tensor) -> Tensor:
    """Compose the map from one view's pixels to another's.

    Args:
        source (Tensor): (B, 3, 3), image pixel → pixel of the first view.
        target (Tensor): (B, 3, 3), image pixel → pixel of the second view.

    Returns:
        Tensor: (B, 3, 3) float, pixel of the first view → pixel of the second.

    Example:
        >>> half = torch.tensor([[[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]]])  # of the image's size
        >>> moved = torch.tensor([[[1., 0, 7], [0, 1, 0], [0, 0, 1]]])  # by 7 pixels to the right
        >>> warp_keypoints(torch.tensor([[[10., 20]]]), view_to_view(half, moved))
        tensor([[[27., 40.]]])
    """
    return compose_affine(target, invert_affine(source.double()))


def compose_affine(*matrices: Tensor) -> Tensor:
    """Multiply affine maps (..., 3, 3). The last one applies first.

    The product is computed in float64: float32 would be off by thousandths of a pixel, and autocast
    would multiply in bfloat16.

    Returns:
        Tensor: (..., 3, 3), with the dtype of the first map.

    Example:
        >>> scale, shift = torch.diag(torch.tensor([2., 2, 1])), torch.eye(3)
        >>> shift[0, 2] = 5
        >>> compose_affine(scale, shift)  # first the shift
        tensor([[ 2.,  0., 10.],
                [ 0.,  2.,  0.],
                [ 0.,  0.,  1.]])
    """
    return reduce(torch.matmul, [m.double() for m in matrices]).to(matrices[0].dtype)


def invert_affine(matrix: Tensor) -> Tensor:
    """Invert affine maps (..., 3, 3) in closed form: a solver would wait for the device.

    The inverse is computed in float64, see :func:`compose_affine`.

    Returns:
        Tensor: (..., 3, 3), with the dtype of ``matrix``.

    Example:
        >>> matrix = torch.tensor([[2., 0, 6], [0, 4, 8], [0, 0, 1]])
        >>> compose_affine(matrix, invert_affine(matrix)).equal(torch.eye(3))
        True
    """
    m = matrix.double()
    a, b, c, d = m[..., 0, 0], m[..., 0, 1], m[..., 1, 0], m[..., 1, 1]
    det = a * d - b * c
    linear = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2)
    linear = linear / det[..., None, None]
    shift = -linear @ m[..., :2, 2:]
    return torch.cat([torch.cat([linear, shift], -1), m[..., 2:, :]], -2).to(matrix.dtype)


def warp_keypoints(keypoints: Tensor, matrix: Tensor) -> Tensor:
    """Map points.

    Args:
        keypoints (Tensor): (B, K, 2), (x, y) in pixels of the source.
        matrix (Tensor): (B, 3, 3), source pixel → target pixel; on the keypoints' device, or on
            the host.

    Returns:
        Tensor: (B, K, 2), (x, y) in pixels of the target.

    Example:
        >>> turned = torch.tensor([[[0., -1, 9], [1, 0, 0], [0, 0, 1]]])  # by 90 degrees
        >>> warp_keypoints(torch.tensor([[[2., 3], [0, 0]]]), turned)
        tensor([[[6., 2.],
                 [9., 0.]]])
    """
    matrix = matrix.to(keypoints.device, non_blocking=True)
    # Written out, as autocast would run a matrix product in bfloat16.
    of_x, of_y, shift = matrix[:, None, :2].unbind(-1)
    return keypoints[..., :1] * of_x + keypoints[..., 1:] * of_y + shift


def warp_heatmaps(heatmaps: Tensor, matrix: Tensor, size: Tuple[int, int]) -> Tuple[Tensor, Tensor]:
    """Resample heatmaps into another view, and tell which pixels the source covers.

    Args:
        heatmaps (Tensor): (B, K, h, w) float.
        matrix (Tensor): (B, 3, 3), source heatmap pixel → target heatmap pixel; on the heatmaps'
            device, or on the host, as not all devices have float64 to invert it.
        size (tuple[int, int]): Height and width of the target heatmaps.

    Returns:
        tuple[Tensor, Tensor]: The heatmaps (B, K, ``*size``), bilinear, 0 outside the source; a
        float mask (B, 1, ``*size``), 1 where a pixel lies between the source's pixel centers, and
        0 where the source saw nothing.

    Example:
        >>> right = torch.tensor([[[1., 0, 1], [0, 1, 0], [0, 0, 1]]])
        >>> heatmaps, valid = warp_heatmaps(torch.tensor([[[[5., 6, 7]]]]), right, size=(1, 3))
        >>> heatmaps, valid
        (tensor([[[[0., 5., 6.]]]]), tensor([[[[0., 1., 1.]]]]))
    """
    height, width = heatmaps.shape[2:]
    device, dtype = heatmaps.device, matrix.dtype
    ys = torch.arange(size[0], device=device, dtype=dtype)
    xs = torch.arange(size[1], device=device, dtype=dtype)
    pixels = torch.stack([xs.expand(size[0], -1), ys[:, None].expand(-1, size[1])], -1)
    pixels = pixels.view(1, -1, 2).expand(len(heatmaps), -1, -1)
    source = warp_keypoints(pixels, invert_affine(matrix)).view(-1, *size, 2)
    last = torch.stack([xs.new_full((), width - 1), xs.new_full((), height - 1)])
    # A hair of tolerance: the identity must keep its border in float32.
    inside = ((source > -1e-3) & (source < last + 1e-3)).all(-1)
    grid = source / last.clamp(min=1) * 2 - 1
    warped = F.grid_sample(
        heatmaps.to(dtype), grid, mode='bilinear', padding_mode='zeros', align_corners=True)
    return warped.to(heatmaps.dtype), inside[:, None].to(heatmaps.dtype)


def warp_distributions(of_x: Tensor, of_y: Tensor, matrix: Tensor,
                       bins: float) -> Tuple[Tensor, Tensor]:
    """Carry separate distributions of points' x and y into another view.

    A coordinate in the target is a weighted sum of x and y. Its distribution is the convolution of
    the two stretched distributions: the product of their Fourier transforms. The result has no
    detail finer than a pixel, and is smoothed by :data:`BLUR`.

    Args:
        of_x (Tensor): float32 (B, K, Wx), the distribution of each point's x over bins, sum 1.
        of_y (Tensor): float32 (B, K, Wy), the same of its y.
        matrix (Tensor): (B, 3, 3), source pixel → target pixel. Both views have the same size.
        bins (float): Bins per pixel, at least 1. Bin i lies at pixel i / ``bins``.

    Returns:
        tuple[Tensor, Tensor]: The distributions in the target, (B, K, Wx) and (B, K, Wy), without
        what lies outside, sum 1. If everything lies outside, all bins are equal.

    Example:
        >>> of_x = torch.zeros(1, 1, 16).index_fill(-1, torch.tensor(4), 1.)  # surely at x = 4
        >>> of_y = torch.zeros(1, 1, 16).index_fill(-1, torch.tensor(9), 1.)
        >>> moved = torch.tensor([[[1., 0, 3], [0, 1, -2], [0, 0, 1]]])
        >>> [p.argmax().item() for p in warp_distributions(of_x, of_y, moved, bins=1)]
        [7, 7]
    """
    sources, found = (of_x, of_y), []
    for row, source in enumerate(sources):
        count = source.shape[-1]
        period = 3 * count  # room for what lies outside, before the transform wraps it round
        frequencies = torch.arange(
            int(period / (2 * bins)) + 1, device=source.device) * (2 * math.pi / period)
        shift = frequencies * matrix[:, row, 2:] * bins  # (B, F)
        spectrum = torch.polar(
            (-(frequencies * bins * BLUR)**2 / 2).exp().expand_as(shift), -shift)[:, None]
        for column, p in enumerate(sources):
            steps = torch.arange(p.shape[-1], device=p.device, dtype=p.dtype)
            angles = -matrix[:, row, column, None, None] * frequencies * steps[:, None]
            waves = torch.view_as_complex(torch.stack([angles.cos(), angles.sin()], -1))
            spectrum = spectrum * (p.to(waves.dtype) @ waves)  # (B, K, F)
        density = torch.fft.irfft(spectrum, n=period)[..., :count].clamp(min=0) + ROUNDING
        found.append(density / density.sum(-1, keepdim=True))
    return tuple(found)


def swap_left_right(x: Tensor, flip_indices: Sequence[int], where: Tensor) -> Tensor:
    """Exchange the left and right keypoints of the samples that need it.

    Args:
        x (Tensor): (B, K, ...), one entry per keypoint.
        flip_indices (Sequence[int]): K numbers, the index of each keypoint's mirror image.
        where (Tensor): bool (B,), the samples to change.

    Returns:
        Tensor: A new tensor with the shape and dtype of ``x``.

    Example:
        >>> scores = torch.tensor([[1, 2, 3], [4, 5, 6]])  # of a nose, a left and a right eye
        >>> swap_left_right(scores, flip_indices=[0, 2, 1], where=torch.tensor([False, True]))
        tensor([[1, 2, 3],
                [4, 6, 5]])
    """
    index = torch.as_tensor(flip_indices, dtype=torch.long).to(x.device, non_blocking=True)
    return torch.where(where.view(-1, *[1] * (x.ndim - 1)), x.index_select(1, index), x)


def longer_sides(boxes: Tensor, matrix: Tensor) -> Tensor:
    """Measure boxes in views of their images. A rotated or mirrored box is as long as before.

    Args:
        boxes (Tensor): (B, 4), x1 y1 x2 y2 in pixels of the image.
        matrix (Tensor): (B, 3, 3), image pixel → pixel of the view.

    Returns:
        Tensor: (B,), the longer sides in pixels of the views.

    Example:
        >>> half = torch.tensor([[[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]]])  # of the image's size
        >>> longer_sides(torch.tensor([[10., 20, 50, 40]]), half)
        tensor([20.])
    """
    a, b, c, d = matrix[:, :2, :2].flatten(1).unbind(1)
    return (boxes[:, 2:] - boxes[:, :2]).amax(1) * (a * d - b * c).abs().sqrt()


def inside_view(keypoints: Tensor, size: Tuple[int, int]) -> Tensor:
    """Tell which points lie in a view.

    Args:
        keypoints (Tensor): (..., 2), (x, y) in pixels.
        size (tuple[int, int]): Height and width of the view, in the same pixels.

    Returns:
        Tensor: bool (...).

    Example:
        >>> inside_view(torch.tensor([[0., 0], [63, 95], [64, 0]]), size=(96, 64))
        tensor([ True,  True, False])
    """
    x, y = keypoints.unbind(-1)
    return (x >= 0) & (y >= 0) & (x <= size[1] - 1) & (y <= size[0] - 1)


def heatmap_peaks(heatmaps: Tensor) -> Tuple[Tensor, Tensor]:
    """Find each heatmap's highest pixel.

    Args:
        heatmaps (Tensor): (B, K, h, w).

    Returns:
        tuple[Tensor, Tensor]: The peaks, float32 (B, K, 2), (x, y) in whole heatmap pixels; their
        values (B, K).

    Example:
        >>> heatmap_peaks(torch.tensor([[[[0., 0, 0], [0, 0, 0.5]]]]))
        (tensor([[[2., 1.]]]), tensor([[0.5000]]))
    """
    values, index = heatmaps.flatten(2).max(-1)
    width = heatmaps.shape[3]
    peaks = torch.stack([index % width, torch.div(index, width, rounding_mode='floor')], -1)
    return peaks.float(), values


def refine_peaks(heatmaps: Tensor, peaks: Tensor) -> Tensor:
    """Move peaks a quarter of a pixel toward the higher neighbor, as MMPose's MSRA codec does.

    Args:
        heatmaps (Tensor): (B, K, h, w).
        peaks (Tensor): (B, K, 2), of :func:`heatmap_peaks`.

    Returns:
        Tensor: (B, K, 2). A peak does not move along an axis if it is at the axis' ends, or next
        to its beginning.

    Example:
        >>> heatmaps = torch.zeros(1, 1, 3, 5)
        >>> heatmaps[0, 0, 1] = torch.tensor([0, 0, 1., 3, 2])
        >>> refine_peaks(heatmaps, torch.tensor([[[3., 1]]]))
        tensor([[[3.2500, 1.0000]]])
    """
    height, width = heatmaps.shape[2:]
    x, y = peaks.long().unbind(-1)
    index, flat = x + y * width, heatmaps.flatten(2)
    moves = []
    for at, last, step, beside in ((x, width - 1, 1, (y > 0)), (y, height - 1, width, (x > 0))):
        before, after = (
            flat.gather(2, (index + shift).clamp(0, height * width - 1)[..., None])[..., 0]
            for shift in (-step, step))
        moves.append((after - before).sign() * .25 * ((at > 1) & (at < last) & beside))
    return peaks + torch.stack(moves, -1)
