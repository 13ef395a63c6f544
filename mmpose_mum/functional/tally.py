"""Count keypoints, by keypoint and by score."""
from typing import List

import torch
from torch import Tensor

BINS = 10  # in which the hooks count scores


def bin_names() -> List[str]:
    """Return the names of the hooks' bins, by their ends.

    Example:
        >>> bin_names()[3]
        '0.3-0.4'
    """
    return [f'{i / BINS}-{(i + 1) / BINS}' for i in range(BINS)]


def tally(marked: Tensor, counts: Tensor, scores: Tensor, bins: int) -> Tensor:
    """Count the marked keypoints and all that count, for each keypoint and for each bin of scores.

    Args:
        marked (Tensor): bool (B, K), such as the keypoints that are right.
        counts (Tensor): bool (B, K), the keypoints that count; no other is counted.
        scores (Tensor): (B, K). NaN counts as 0.
        bins (int): Bins of equal width between 0 and 1; the outer ones are open.

    Returns:
        Tensor: int64 (2, K + bins), on the device of the arguments: marked, and all.

    Example:
        >>> marked, scores = torch.tensor([[True, False]]), torch.tensor([[.9, .2]])
        >>> tally(marked, torch.ones_like(marked), scores, bins=2)  # 2 keypoints, 2 bins
        tensor([[1, 0, 0, 1],
                [1, 1, 1, 1]])
    """
    index = (scores.float().nan_to_num(0.) * bins).floor().clamp(0, bins - 1)
    in_bin = index[..., None] == torch.arange(bins, device=index.device)  # (B, K, bins)
    both = torch.stack([marked & counts, counts])
    return torch.cat([both.sum(1), (both[..., None] & in_bin).sum((1, 2))], 1)
