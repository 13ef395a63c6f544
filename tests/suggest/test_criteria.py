"""Each criterion against a slow reference or a case that has one answer."""
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmpose_mum.suggest import criteria


def slow_peak_entropy(heatmap, least):
    """Goes through the pixels; for maps without plateaus."""
    height, width = heatmap.shape
    peaks = []
    for y in range(height):
        for x in range(width):
            around = [heatmap[v, u] for v in range(max(y - 1, 0), min(y + 2, height))
                      for u in range(max(x - 1, 0), min(x + 2, width)) if (v, u) != (y, x)]
            if heatmap[y, x] > max(around) and heatmap[y, x] >= least * heatmap.max():
                peaks.append(heatmap[y, x])
    return -sum(p / sum(peaks) * math.log(p / sum(peaks)) for p in peaks)


@given(st.integers(0, 10 ** 6))
def test_the_entropy_of_peaks_is_the_slow_references(seed):
    maps = np.random.default_rng(seed).permutation(4 * 3 * 6 * 5).reshape(4, 3, 6, 5) + 1.
    expected = [np.mean([slow_peak_entropy(m, .1) for m in person]) for person in maps]
    np.testing.assert_allclose(criteria.peak_entropy(maps), expected, rtol=1e-6, atol=1e-9)


def test_one_peak_is_no_doubt_two_alike_are_the_most_that_two_can_be():
    maps = np.zeros((3, 1, 8, 8), np.float32)
    maps[0, 0, 2, 2] = .9
    maps[1, 0, 2, 2] = maps[1, 0, 6, 6] = .5
    maps[2, 0, 2, 2], maps[2, 0, 6, 6] = .9, .05  # the second one is noise
    np.testing.assert_allclose(criteria.peak_entropy(maps), [0, math.log(2), 0], atol=1e-6)


def test_a_plateau_is_one_peak_and_an_empty_map_none():
    maps = np.zeros((2, 1, 8, 8), np.float32)
    maps[0, 0, 3:5, 3:5] = 1
    np.testing.assert_allclose(criteria.peak_entropy(maps), [0, 0], atol=1e-6)


def test_confidences_mean_and_kth_lowest():
    scores = np.array([[.1, .9, .8, .7], [.5, .5, .5, .5]])
    np.testing.assert_allclose(criteria.low_mean(scores), [.375, .5])
    np.testing.assert_allclose(criteria.low_kth(scores, 2), [.3, .5])
    np.testing.assert_allclose(criteria.low_kth(scores, 9), [.1, .5])


def test_disagreement_is_in_boxes_and_one_jump_counts_once():
    keypoints = np.zeros((1, 2, 2))
    others = np.array([[[3., 4.], [1e6, 0.]]])
    np.testing.assert_allclose(criteria.disagreement(keypoints, others, np.array([50.])),
                               [(.1 + 1) / 2])


def test_poses_of_the_labeled_plane_are_plausible_and_others_are_as_far_as_they_lie():
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.normal(size=(10, 2)))[0].T
    poses = (rng.normal(size=(40, 2)) @ plane + 1).reshape(40, 5, 2)
    space = criteria.fit_poses(poses, kept=.999999)
    assert len(space.components) == 2
    off = rng.normal(size=10)
    off -= off @ plane.T @ plane
    moved = poses[:1] + off.reshape(1, 5, 2)
    np.testing.assert_allclose(criteria.implausibility(poses, space), 0, atol=1e-9)
    np.testing.assert_allclose(criteria.implausibility(moved, space),
                               np.linalg.norm(off.reshape(5, 2), axis=1).mean())


def test_one_pose_is_too_few():
    with pytest.raises(ValueError, match='at least 2 poses .* got 1'):
        criteria.fit_poses(np.zeros((1, 5, 2)))


@given(arrays(np.float32, (3, 4, 2), elements=st.floats(-100, 100, width=32)),
       st.floats(.5, 20), st.tuples(st.floats(-50, 50), st.floats(-50, 50)))
def test_a_pose_by_its_box_does_not_know_where_the_person_stands(keypoints, scale, shift):
    boxes = np.array([[0, 10, 40, 110]] * 3, float)
    moved = boxes * scale + np.tile(shift, 2)
    np.testing.assert_allclose(criteria.centered(keypoints * scale + shift, moved),
                               criteria.centered(keypoints, boxes), atol=1e-6)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_ranks_are_shares_and_ties_share_theirs(values):
    found = criteria.ranks(np.array(values, float))
    if len(values) > 1:
        expected = [(sum(o < v for o in values) + (values.count(v) - 1) / 2) / (len(values) - 1)
                    for v in values]
        np.testing.assert_allclose(found, expected)
    assert ((found >= 0) & (found <= 1)).all()
