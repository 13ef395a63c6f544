"""Average the keypoints of several labelers, weighted by how well they agree."""
from typing import Optional, Tuple

import torch
from torch import Tensor


def average_by_agreement(keypoints: Tensor, scores: Tensor, box_size: Tensor,
                         tolerance: float = .05,
                         weights: Optional[Tensor] = None) -> Tuple[Tensor, Tensor, Tensor]:
    """Average labelers' keypoints, weighted by their scores and by their agreement.

    Two labelers agree by exp(-(d / tolerance)² / 2), where d is the distance of their keypoints in
    units of the box. A labeler's agreement is its highest with any other one. So two labelers that
    agree outvote a third. If none agree, the average means nothing, and the agreement is near 0.

    The idea is from Huang et al. (SSPCM, CVPR 2023), whose description we know: correct or leave
    out labels on which several teachers do not agree. The formula is ours.

    Args:
        keypoints (Tensor): (L, B, K, 2), (x, y) of L labelers in pixels of one view; L is at
            least 2.
        scores (Tensor): (L, B, K), the confidence of each. A negative score counts as 0.
        box_size (Tensor): (B,), the longer side of each person's box, in the same pixels.
        tolerance (float): Distance at which the agreement is 0.61, in units of the box.
        weights (Tensor, optional): (L, B, K), what each counts besides, in [0, 1]. One that does
            not count agrees with none. Defaults to 1.

    Returns:
        tuple[Tensor, Tensor, Tensor]: The averaged keypoints (B, K, 2); their scores (B, K),
        averaged with the same weights; the highest agreement (B, K), in [0, 1].

    Example:
        >>> found = torch.tensor([[10., 20], [10, 20], [90, 20]]).view(3, 1, 1, 2)
        >>> keypoints, _, _ = average_by_agreement(
        ...     found, torch.ones(3, 1, 1), torch.tensor([100.]))
        >>> keypoints.round(decimals=2)
        tensor([[[10., 20.]]])
    """
    distance = (keypoints[:, None] - keypoints[None]).norm(dim=-1) / box_size[:, None]
    weights = torch.ones_like(scores) if weights is None else weights
    near = (-(distance / tolerance)**2 / 2).exp() * weights[:, None] * weights
    same = torch.eye(len(keypoints), device=near.device, dtype=torch.bool)[..., None, None]
    agreement = near.masked_fill(same, 0).amax(1)
    shares = (scores.clamp(min=0) * agreement + 1e-6) * weights.clamp(min=1e-6)  # or 0 / 0
    shares = shares / shares.sum(0)
    return (shares[..., None] * keypoints).sum(0), (shares * scores).sum(0), agreement.amax(0)
