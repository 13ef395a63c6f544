"""Keypoint cutout: hide some of a person's keypoints. The student must infer them."""
from typing import Optional, Tuple

import torch
from torch import Tensor

from .._moved import old_arguments, old_names

__getattr__ = old_names(__name__)


@old_arguments('num_joints')
def keypoint_cutout(images: Tensor,
                    keypoints: Tensor,
                    usable: Optional[Tensor] = None,
                    *,
                    num_keypoints: int = 5,
                    half_size: Tuple[float, float] = (10., 20.),
                    jitter: float = 10.) -> Tensor:
    """Fill square patches around randomly chosen keypoints with 0.

    This is the "joint cutout" of Xie et al. (ICCV 2021). At 256×192 they cut 5 keypoints, with a
    jitter of 10 pixels and half sizes of 10 to 19 pixels. The images are normalized, so 0 is the
    mean color. The function runs on the images' device, without a loop and without a host sync.

    Args:
        images (Tensor): Normalized images (B, C, H, W).
        keypoints (Tensor): (B, K, 2), (x, y) in pixels of the images.
        usable (Tensor, optional): bool (B, K), the keypoints that may be hidden. An image with
            fewer usable ones gets fewer patches. Defaults to all.
        num_keypoints (int): Patches per image, at most K.
        half_size (tuple[float, float]): Range of the patches' half side, in pixels.
        jitter (float): Standard deviation of the patches' centers around the keypoints, in pixels.

    Returns:
        Tensor: New images, with the shape, dtype and memory format of ``images``.

    Raises:
        ValueError: If ``half_size`` is no range.

    Example:
        >>> images, keypoints = torch.ones(1, 1, 4, 4), torch.tensor([[[1., 2.]]])
        >>> keypoint_cutout(images, keypoints, num_keypoints=1, half_size=(1, 1), jitter=0)
        tensor([[[[1., 1., 1., 1.],
                  [0., 0., 0., 1.],
                  [0., 0., 0., 1.],
                  [0., 0., 0., 1.]]]])
    """
    if not isinstance(half_size, (tuple, list)) or len(half_size) != 2 or not (
            0 <= half_size[0] <= half_size[1]):
        raise ValueError('half_size must be the least and the greatest half side of a patch, in '
                         f'pixels, such as (10, 20), got {half_size!r}')
    batch, total = keypoints.shape[:2]
    device = images.device
    keys = torch.rand((batch, total), device=device)
    if usable is not None:
        keys = keys + usable.to(keys.dtype)  # the usable ones first
    chosen = keys.topk(min(num_keypoints, total), dim=1).indices
    center = keypoints.gather(1, chosen[..., None].expand(-1, -1, 2))
    center = center + torch.randn(center.shape, device=device) * jitter
    low, high = half_size
    half = torch.rand(chosen.shape, device=device) * (high - low) + low
    if usable is not None:
        half = torch.where(usable.gather(1, chosen), half, -torch.ones_like(half))

    def within(size: int, position: Tensor) -> Tensor:  # (B, J, size)
        pixels = torch.arange(size, device=device, dtype=position.dtype)
        return (pixels - position[..., None]).abs() <= half[..., None]

    columns = within(images.shape[3], center[..., 0])
    rows = within(images.shape[2], center[..., 1])
    hidden = (rows[..., :, None] & columns[..., None, :]).any(1, keepdim=True)
    # Out of place, masked_fill would lose channels_last.
    return images.clone().masked_fill_(hidden, 0)
