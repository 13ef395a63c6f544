"""One keypoint out of several labelers', by how far they agree."""
from typing import Tuple

import torch
from torch import Tensor


def average_by_agreement(keypoints: Tensor, scores: Tensor, box_size: Tensor,
                         tolerance: float = .05) -> Tuple[Tensor, Tensor, Tensor]:
    """Average labelers' keypoints, weighted by their scores and by how near another one is.

    The distance d of two labelers' keypoints, in units of the box, is an agreement of
    exp(-(d / tolerance)² / 2). A labeler's own is its highest with any other, so that of three, two
    that agree outvote the third. Where nobody agrees the average means nothing, which the returned
    agreement says.

    That labels whose positions by several teachers are inconsistent are corrected or left out is
    Huang et al.'s idea (SSPCM, CVPR 2023), known here by its description; the formula is ours.

    Args:
        keypoints (Tensor): (L, B, K, 2) of L labelers, at least 2, in pixels of one view.
        scores (Tensor): (L, B, K), how sure each is; below 0 counts as 0.
        box_size (Tensor): (B,), the longer side of each person's box, in the same pixels.
        tolerance (float): Distance of much agreement, in units of the box.

    Returns:
        tuple[Tensor, Tensor, Tensor]: (B, K, 2), the averages; (B, K), the scores, averaged by the
        same weights; (B, K), the agreement, from 0 to 1.

    Example:
        >>> found = torch.tensor([[10., 20], [10, 20], [90, 20]]).view(3, 1, 1, 2)
        >>> keypoints, _, _ = average_by_agreement(
        ...     found, torch.ones(3, 1, 1), torch.tensor([100.]))
        >>> keypoints.round(decimals=2)
        tensor([[[10., 20.]]])
    """
    distance = (keypoints[:, None] - keypoints[None]).norm(dim=-1) / box_size[:, None]
    near = (-(distance / tolerance)**2 / 2).exp()
    same = torch.eye(len(keypoints), device=near.device, dtype=torch.bool)[..., None, None]
    agreement = near.masked_fill(same, 0).amax(1)
    weights = scores.clamp(min=0) * agreement + 1e-6  # else nothing is divided by nothing
    shares = weights / weights.sum(0)
    return (shares[..., None] * keypoints).sum(0), (shares * scores).sum(0), agreement.amax(0)
