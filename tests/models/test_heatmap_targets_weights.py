"""Which pixels and joints of heatmap targets count, how surely, and how far a student is off."""
import numpy as np
import pytest
import torch
from heatmap_heads import CODECS, PEAKS, codec_of, encode, heatmaps_with, targets_of
from target_views import FLIP_INDICES, identity_views, views

from mmpose_mum.models.pseudo_targets import PseudoTargets


def test_what_the_teacher_has_not_seen_is_invalid():
    moved = views([np.array([[1, 0, 40.], [0, 1, 0], [0, 0, 1]])], [False])  # 10 heatmap pixels
    targets = targets_of('msra')(torch.ones(1, 6, 64, 48), identity_views(), moved, FLIP_INDICES)
    expected = torch.ones(1, 1, 64, 48)
    expected[..., :10] = 0
    assert torch.equal(targets.valid, expected)
    assert torch.allclose(targets.maps, expected.expand(1, 6, -1, -1), atol=1e-4)


def test_joints_that_leave_the_crop_weigh_nothing():
    moved = views([np.array([[1, 0, 40.], [0, 1, 16.], [0, 0, 1]])], [False])
    heatmaps = heatmaps_with(PEAKS, [1.] * 6)
    for mode in (dict(), dict(mode='threshold', threshold=.1), dict(mode='soft')):
        targets = targets_of('msra', mode)(heatmaps, identity_views(), moved, FLIP_INDICES)
        assert targets.weights.tolist() == [[1, 0, 0, 0, 1, 1]]
        expected = torch.tensor(PEAKS) * 4. + torch.tensor([40., 16.])
        assert torch.allclose(targets.keypoints[0], expected, atol=1e-3)


def test_a_mirrored_view_swaps_scores_and_weights_with_the_joints():
    mirrored = views([np.array([[-1, 0, 188.], [0, 1, 0], [0, 0, 1]])], [True])  # 47 · 4
    heatmaps = heatmaps_with(PEAKS, [.1, .2, .3, .4, .5, .6])
    for there, back in ((identity_views(), mirrored), (mirrored, identity_views())):
        targets = targets_of('msra', dict(mode='soft'))(heatmaps, there, back, FLIP_INDICES)
        assert torch.allclose(targets.scores, torch.tensor([[.1, .3, .2, .5, .4, .6]]))
        assert torch.allclose(targets.weights, targets.scores)
        expected = torch.tensor([(47 - PEAKS[k][0], PEAKS[k][1]) for k in FLIP_INDICES]) * 4.
        assert torch.allclose(targets.keypoints[0], expected, atol=1e-3)
    both = targets_of('msra')(heatmaps, mirrored, mirrored, FLIP_INDICES)
    assert torch.allclose(both.maps, heatmaps, atol=1e-4)


@pytest.mark.parametrize('confidence, expected', [
    (None, [1, 1, 1, 1, 1, 1]),
    (dict(), [1, 1, 1, 1, 1, 1]),
    (dict(mode='none'), [1, 1, 1, 1, 1, 1]),
    (dict(mode='threshold', threshold=.5), [0, 0, 1, 1, 1, 0]),
    (dict(mode='soft'), [.25, .375, .5, .75, 1, 0]),
])
@pytest.mark.parametrize('name', ['msra', 'megvii'])
def test_confidence_modes(name, confidence, expected):
    values = torch.tensor([.25, .375, .5, .75, 1.5, 0.])
    peak = 255 if name == 'megvii' else 1
    heatmaps = heatmaps_with(PEAKS, values * peak)
    heatmaps[0, 5] -= 1  # no peak at all, as a head without a last ReLU may have it
    targets = targets_of(name, confidence)(
        heatmaps, identity_views(), identity_views(), FLIP_INDICES)
    assert targets.weights.tolist() == [expected]
    assert torch.allclose(targets.scores[0, :5], values[:5])


@pytest.mark.parametrize('name', CODECS)
def test_an_encoded_joint_scores_1(name):
    codec = codec_of(name)
    keypoints = np.array([[i * 8., i * 12.] for i in range(4, 10)])
    if name == 'udp':  # heatmap pixels, since the peak between them is lower
        keypoints = keypoints / 4 * (191 / 47, 255 / 63)
    targets = targets_of(name)(
        encode(codec, keypoints)[None], identity_views(), identity_views(), FLIP_INDICES)
    assert torch.allclose(targets.scores, torch.ones(1, 6), atol=1e-3)


def made_targets(heatmaps, weights):
    return PseudoTargets(None, None, torch.tensor([weights]), heatmaps)


def test_the_distance_is_the_mean_over_the_joints_that_count_in_pixels_of_the_input():
    target = heatmaps_with([(10, 10), (20, 20), (5, 5)], [1.] * 3)
    student = heatmaps_with([(13, 14), (20, 20), (40, 50)], [.2] * 3)
    distance, used = targets_of('msra').distance(student, made_targets(target, [1., .5, 0.]))
    assert distance == pytest.approx(2.5 * 4) and used == pytest.approx(2 / 3)
    distance, used = targets_of('msra').distance(student, made_targets(target, [0., 0., 0.]))
    assert distance == 0 and used == 0


def test_measuring_the_distance_records_no_gradient():
    student = torch.rand(1, 3, 8, 6, requires_grad=True)
    made = made_targets(torch.rand(1, 3, 8, 6), [1., 1., 1.])
    distance, used = targets_of('msra').distance(student, made)
    assert not distance.requires_grad and not used.requires_grad
