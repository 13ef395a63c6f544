"""How widely keypoints are spread, over images and within them."""
from typing import List

import torch
from torch import Tensor


def moments(keypoints: Tensor) -> Tensor:
    """Sum up a batch's keypoints, so that the sums of several batches may be added.

    Args:
        keypoints (Tensor): (B, K, 2), in widths and heights of the input.

    Returns:
        Tensor: float32 (2 + 4·K), on the same device: the number of images, the sum over them of
        the variance of an image's keypoints, and the keypoints' sums and sums of squares.

    Example:
        >>> moments(torch.tensor([[[0., 0], [1, 0]]]))[:2]  # one image, variances 1/4 and 0
        tensor([1.0000, 0.2500])
    """
    keypoints = keypoints.float()
    apart = keypoints.var(1, unbiased=False).sum()
    return torch.cat([torch.stack([apart.new_tensor(len(keypoints)), apart]),
                      keypoints.sum(0).flatten(), keypoints.square().sum(0).flatten()])


def spreads(sums: Tensor) -> List[float]:
    """Tell how widely keypoints are spread, from sums of :func:`moments`.

    Args:
        sums (Tensor): (2 + 4·K), best on the host, which reads them.

    Returns:
        list[float]: In widths and heights of the input: the standard deviation of a keypoint over
        the images, that of the median keypoint; and that of the keypoints within an image. The
        latter is infinite for one keypoint, which cannot be apart from others.

    Example:
        >>> hands = torch.tensor([[[0., 0], [1, 0]]])
        >>> spreads(moments(hands) + moments(hands))  # the same in both images
        [0.0, 0.5]
    """
    sums = sums.double()
    number, apart = sums[:2]
    first, second = (sums[2:] / number).view(2, -1, 2)
    spread = (second - first.square()).sum(-1).clamp(min=0).sqrt().median().item()
    return [spread, (apart / number).sqrt().item() if len(first) > 1 else float('inf')]
