"""Measures of how much a model doubts what it sees: pure functions, larger means more doubt.

N people have K keypoints each. Distances are in units of the person's box, its longer side.
"""
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata


def low_mean(scores: np.ndarray) -> np.ndarray:
    """Return one minus the mean score of each person, the least confidence of active learning.

    Args:
        scores (np.ndarray): (N, K), in [0, 1] or above.

    Returns:
        np.ndarray: (N, ).
    """
    return 1 - scores.mean(1)


def low_kth(scores: np.ndarray, k: int = 3) -> np.ndarray:
    """Return one minus the k-th lowest score of each person.

    One keypoint that is hidden anyway does not count, but several do.

    Args:
        scores (np.ndarray): (N, K).
        k (int): Counted from 1; the highest score stands in where there are fewer keypoints.

    Returns:
        np.ndarray: (N, ).
    """
    return 1 - np.sort(scores, 1)[:, min(k, scores.shape[1]) - 1]


def peak_entropy(heatmaps: np.ndarray, least: float = 0.1) -> np.ndarray:
    """Return the entropy of the heatmaps' peaks, as a mean over the keypoints.

    The multiple peak entropy of Liu and Ferrari (Active Learning for Human Pose Estimation, ICCV
    2017, section 3.2). There a softmax makes probabilities of the peaks' heights. The heights of
    MMPose's heatmaps lie in [0, 1], where a softmax makes all alike; here they are divided by
    their sum.

    Args:
        heatmaps (np.ndarray): (N, K, H, W).
        least (float): Peaks below this share of the map's highest one are noise.

    Returns:
        np.ndarray: (N, ), in nats: 0 if each map has one peak.
    """
    padded = np.pad(heatmaps, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    height, width = heatmaps.shape[2:]
    is_peak = heatmaps >= least * heatmaps.max((2, 3), keepdims=True)
    is_peak &= heatmaps > 0
    for dy in range(3):
        for dx in range(3):
            neighbor = padded[:, :, dy:dy + height, dx:dx + width]
            # A plateau is one peak, at its last pixel.
            after = (dy, dx) > (1, 1)
            is_peak &= heatmaps > neighbor if after else heatmaps >= neighbor
    peaks = np.where(is_peak, heatmaps, 0).reshape(*heatmaps.shape[:2], -1)
    shares = peaks / np.maximum(peaks.sum(-1, keepdims=True), np.finfo(peaks.dtype).tiny)
    logs = np.log(np.where(shares > 0, shares, 1))
    return -(shares * logs).sum(-1).mean(1)


def disagreement(keypoints: np.ndarray, others: np.ndarray, box_sizes: np.ndarray) -> np.ndarray:
    """Return how far two answers lie from each other, as a mean over the keypoints.

    Two models, or one model on an image and on its mirror image: consistency-based selection (Gao
    et al., ECCV 2020). A distance above the box counts as one, so that one keypoint that jumps
    does not outweigh the rest.

    Args:
        keypoints (np.ndarray): (N, K, 2), in pixels.
        others (np.ndarray): The same.
        box_sizes (np.ndarray): (N, ), the longer side of the box in the same pixels.

    Returns:
        np.ndarray: (N, ), in [0, 1].
    """
    distances = np.linalg.norm(keypoints - others, axis=-1) / box_sizes[:, None]
    return np.minimum(distances, 1).mean(1)


class PoseSpace(NamedTuple):
    """The plane that labeled poses lie near, of :func:`fit_poses`.

    Attributes:
        mean: (2 K, ).
        components: (C, 2 K), orthonormal.
    """
    mean: np.ndarray
    components: np.ndarray


def fit_poses(poses: np.ndarray, kept: float = 0.95) -> PoseSpace:
    """Fit a plane through labeled poses by principal components.

    Args:
        poses (np.ndarray): (M, K, 2), of :func:`centered`, all keypoints labeled.
        kept (float): Share of the variance that the plane has to explain.

    Returns:
        PoseSpace: With as many components as that takes.

    Raises:
        ValueError: If there are fewer than two poses.
    """
    if len(poses) < 2:
        raise ValueError(f'expected at least 2 poses with all keypoints labeled, got {len(poses)}')
    flat = poses.reshape(len(poses), -1).astype(float)
    mean = flat.mean(0)
    _, deviations, components = np.linalg.svd(flat - mean, full_matrices=False)
    variances = np.cumsum(deviations ** 2)
    needed = int(np.searchsorted(variances, kept * variances[-1])) + 1
    return PoseSpace(mean, components[:needed])


def implausibility(poses: np.ndarray, space: PoseSpace) -> np.ndarray:
    """Return how far poses lie from the plane of the labeled ones, as a mean over the keypoints.

    The reprojection error of principal components, as in Lightning Pose's Pose PCA loss (Biderman
    et al., Nature Methods 2024).

    Args:
        poses (np.ndarray): (N, K, 2), of :func:`centered`.
        space (PoseSpace): Of labeled poses.

    Returns:
        np.ndarray: (N, ), in the poses' unit.
    """
    flat = poses.reshape(len(poses), -1) - space.mean
    rest = flat - flat @ space.components.T @ space.components
    return np.linalg.norm(rest.reshape(poses.shape), axis=-1).mean(1)


def centered(keypoints: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Express keypoints by their person's box.

    Args:
        keypoints (np.ndarray): (N, K, 2), in pixels.
        boxes (np.ndarray): (N, 4), x1 y1 x2 y2, in the same pixels.

    Returns:
        np.ndarray: (N, K, 2), from the box's center, in units of its longer side.
    """
    corners = boxes.reshape(-1, 1, 2, 2).astype(float)
    return (keypoints - corners.mean(2)) / longer_box_sides(boxes)[:, None, None]


def longer_box_sides(boxes: np.ndarray) -> np.ndarray:
    """Return the longer side of boxes (N, 4), x1 y1 x2 y2, at least one pixel: (N, )."""
    return np.maximum(boxes[:, 2:] - boxes[:, :2], 1).max(1)


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value as a share: 0 the lowest, 1 the highest, ties share theirs.

    Args:
        values (np.ndarray): (N, ).

    Returns:
        np.ndarray: (N, ), in [0, 1].
    """
    return (rankdata(values) - 1) / max(len(values) - 1, 1)
