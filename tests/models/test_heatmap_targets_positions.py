"""Heatmap targets lie where the codec would encode the same joints in the student's view."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from heatmap_heads import CODECS, codec_of, encode, targets_of
from target_views import FLIP_INDICES, IMAGE_SIZE, make_view, seen_in, views

from mmpose_mum.functional.warp import heatmap_peaks, warp_keypoints
from mmpose_mum.models.heatmap_targets import HeatmapTargets, input_to_heatmap

# Megvii's blur reflects at the border, which moves the peaks of blobs that it cuts.
BORDER = 3
EXACT = ('msra unbiased', 'udp')  # their Gaussians' centres lie between pixels
SIZES = [((192, 256), (48, 64)), ((64, 96), (16, 24)), ((128, 96), (64, 48)), ((96, 96), (24, 32))]


def is_udp(codec):
    return type(codec).__name__ == 'UDPHeatmap'


def centre_of_mass(heatmaps):
    """Returns the sub-pixel centres (K, 2) of blobs far from the border."""
    mass = heatmaps.double() / heatmaps.double().sum((1, 2), keepdim=True)
    rows, cols = torch.arange(mass.shape[1]).double(), torch.arange(mass.shape[2]).double()
    return torch.stack([mass.sum(1) @ cols, mass.sum(2) @ rows], -1)


@pytest.mark.parametrize('input_size, heatmap_size', SIZES)
@pytest.mark.parametrize('name', CODECS)
def test_the_map_into_the_heatmap_is_where_the_codec_encodes(name, input_size, heatmap_size):
    codec = codec_of(name, input_size, heatmap_size)
    stride = np.array(input_size) / heatmap_size
    border = (BORDER if name == 'megvii' else .5) * stride
    keypoints = np.random.default_rng(0).uniform(border - stride / 2, input_size - border, (300, 2))
    keypoints = keypoints.astype(np.float32)
    matrix = torch.from_numpy(input_to_heatmap(codec))
    assert matrix.shape == (3, 3) and matrix.dtype == torch.float32
    expected = warp_keypoints(torch.from_numpy(keypoints)[None], matrix[None])[0]
    heatmaps = encode(codec, keypoints)
    difference = heatmap_peaks(heatmaps[None])[0][0] - expected
    # Whole pixels are at most half a pixel away, and no more on one side than on the other.
    assert difference.abs().max() <= .5 + 1e-4
    assert difference.mean(0).abs().max() < .07
    if name in EXACT:
        inner = ((expected > 6.5) & (expected < torch.tensor(heatmap_size) - 7.5)).all(-1)
        assert inner.sum() >= 5
        assert (centre_of_mass(heatmaps[inner]) - expected[inner]).abs().max() < .03


def carried(name, seed, sizes=SIZES[0], ratio=None):
    """Encodes joints in random teachers' views and carries them into random students' views.

    Returns:
        The codec, the targets, and the joints (B, K, 2) in pixels of the students' and teachers'
        inputs. Of the four images one, the other, none and both views are flipped.
    """
    rng = np.random.default_rng(seed)
    codec = codec_of(name, *sizes)
    flips = [False, True, False, True], [False, False, True, True]
    joints = IMAGE_SIZE / 2 + rng.uniform(-110, 110, (4, 6, 2))
    matrices = [[make_view(rng, codec.input_size, flip, ratio, is_udp(codec)) for flip in which]
                for which in flips]
    in_teacher, in_student = (
        np.stack([seen_in(*view) for view in zip(*both, joints)]) for both in zip(matrices, flips))
    heatmaps = torch.stack([encode(codec, k) for k in in_teacher])
    targets = HeatmapTargets(SimpleNamespace(decoder=codec))(
        heatmaps, views(matrices[0], flips[0]), views(matrices[1], flips[1]), FLIP_INDICES)
    in_teacher, in_student = torch.from_numpy(in_teacher), torch.from_numpy(in_student)
    # What the target looks like comes from the joints of the same name.
    swapped = torch.tensor(flips[0]) ^ torch.tensor(flips[1])
    seen = torch.where(swapped[:, None, None], in_teacher[:, FLIP_INDICES], in_teacher)
    return codec, targets, in_student, seen


def well_inside(keypoints, codec, margin=BORDER):
    """Tells which pixels of the input are that many heatmap pixels inside."""
    size, margin = torch.tensor(codec.input_size), margin * torch.from_numpy(codec.scale_factor)
    return ((keypoints > margin) & (keypoints < size - 1 - margin)).all(-1)


@pytest.mark.parametrize('sizes', SIZES[:3])
@pytest.mark.parametrize('name', CODECS)
def test_targets_peak_where_the_codec_encodes_the_joints_in_the_students_view(name, sizes):
    differences = []
    for seed in range(6):
        codec, targets, in_student, in_teacher = carried(name, seed, sizes)
        stride = torch.from_numpy(codec.scale_factor)
        both = well_inside(in_student, codec) & well_inside(in_teacher, codec)
        assert both.sum() >= 6
        assert (targets.weights[both] == 1).all()
        expected = torch.stack([encode(codec, k) for k in in_student])
        difference = (heatmap_peaks(targets.maps)[0] - heatmap_peaks(expected)[0])[both]
        # The rounding codecs round once in each view.
        assert difference.abs().max() <= (1 if name in EXACT else 2)
        differences.append(difference)
        in_input = (targets.keypoints - in_student)[both] / stride
        assert in_input.abs().max() <= (1 if name in EXACT else 1.6)
    assert torch.cat(differences).mean(0).abs().max() < .2  # no shift to one side


@pytest.mark.parametrize('name', EXACT)
def test_carried_blobs_lie_on_the_encoded_ones_to_a_tenth_of_a_pixel(name):
    for seed in range(5):
        codec, targets, in_student, in_teacher = carried(name, seed)
        both = well_inside(in_student, codec, 8) & well_inside(in_teacher, codec, 8)
        assert both.any()
        expected = torch.stack([encode(codec, k) for k in in_student])
        difference = centre_of_mass(targets.maps[both]) - centre_of_mass(expected[both])
        assert difference.abs().max() < .1


@pytest.mark.parametrize('name', EXACT)
def test_between_views_of_one_scale_the_target_is_the_codecs_own_heatmap(name):
    for seed in range(3):
        codec, targets, in_student, in_teacher = carried(name, seed, ratio=1.)
        both = well_inside(in_student, codec) & well_inside(in_teacher, codec)
        expected = torch.stack([encode(codec, k) for k in in_student])
        difference = ((targets.maps - expected) * targets.valid).abs().amax((2, 3))
        assert difference[both].max() < .1  # the interpolation flattens the peak a little


def test_the_same_view_gives_the_teachers_heatmaps_everywhere_valid():
    heatmaps = torch.rand(2, 6, 64, 48)
    # A peak on the very border may lie outside of it after rounding.
    heatmaps[:, :, 30, 20] = 1.
    rng = np.random.default_rng(0)
    matrices = [make_view(rng, (192, 256), flip) for flip in (False, True)]
    same = views(matrices, [False, True])
    targets = targets_of()(heatmaps, same, same, FLIP_INDICES)
    assert torch.allclose(targets.maps, heatmaps, atol=1e-3)
    assert targets.valid.shape == (2, 1, 64, 48) and targets.valid.all()
    assert (targets.weights == 1).all()


@pytest.mark.parametrize('name', CODECS)
def test_the_teachers_joints_are_those_of_the_targets_in_its_own_view(name):
    codec = codec_of(name)
    targets = HeatmapTargets(SimpleNamespace(decoder=codec))
    keypoints = np.random.default_rng(0).uniform([30, 30], [160, 220], (6, 2))
    heatmaps = .5 * encode(codec, keypoints)[None].bfloat16()
    joints, scores = targets.joints(heatmaps)
    assert joints.dtype == scores.dtype == torch.float32
    stride = codec.scale_factor
    assert (np.abs(joints[0].numpy() - keypoints) <= (.5 + .05) * stride).all()
    assert scores.max() <= .51 and scores.min() > .4
    same = views([np.eye(3)], [False])
    expected = targets(heatmaps, same, same, FLIP_INDICES)
    torch.testing.assert_close(joints, expected.keypoints)
    assert torch.equal(scores, expected.scores)
