"""Every head with heatmaps is taught by its targets in its own layout, or refused by name."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS, MODELS

from helpers.heatmap_heads import (
    CODECS,
    HEADS,
    PEAKS,
    as_output,
    build,
    codec_of,
    encode,
    heatmaps_with,
    targets_of,
    whole,
)
from helpers.target_views import (
    FLIP_INDICES,
    HEATMAP_SIZE,
    IMAGE_SIZE,
    INPUT_SIZE,
    identity_views,
    inside,
    make_view,
    renamed,
    seen_in,
    seen_twice,
    views,
)
from mmpose_mum.functional.warp import heatmap_peaks, warp_keypoints
from mmpose_mum.models.targets import base as pseudo_targets
from mmpose_mum.models.targets.base import PseudoTargets
from mmpose_mum.models.targets.heatmap import (
    HeatmapTargetMaker,
    LevelTargetMaker,
    OffsetTargetMaker,
    StagedTargetMaker,
    input_to_heatmap,
)


def goals_of(name, made):
    if name.startswith('cpm'):
        return [made.maps] * 3
    return made.maps if name == 'mspn' else [made.maps]


@pytest.mark.parametrize('name, kind', [
    ('vipnas', HeatmapTargetMaker), ('offsets', OffsetTargetMaker), ('cpm', StagedTargetMaker),
    ('cpm losses', StagedTargetMaker), ('mspn', LevelTargetMaker)])
def test_every_heads_targets_lie_where_the_keypoints_lie(name, kind):
    targets = pseudo_targets.target_maker_for(build(name))
    assert type(targets) is kind
    stride = INPUT_SIZE[0] / HEATMAP_SIZE[0]
    counted = 0
    for seed in range(4):
        first, second, in_teacher, in_student = seen_twice(seed, udp=name == 'offsets')
        made = targets(as_output(name, whole(name, in_teacher)), first, second, FLIP_INDICES)
        both = renamed(inside(in_teacher, margin=12)) & inside(in_student, margin=12)
        error = (made.keypoints - torch.from_numpy(in_student))[both].abs().max()
        assert error < (.01 if name == 'offsets' else 1.6 * stride)
        assert (made.weights[both] == 1).all()
        out = renamed(inside(in_teacher, margin=12)) & ~inside(in_student, margin=-12)
        assert (made.weights[out] == 0).all()
        counted += both.sum()
        for goal, expected in zip(goals_of(name, made), whole(name, in_student)):
            if name == 'offsets':
                assert ((goal - expected)[:, ::3][both] != 0).float().mean() < .01
                for axis in (1, 2):
                    assert (goal - expected)[:, axis::3][both].abs().max() < .01
            elif not (expected.max(-1)[0] < 1.).all():  # not the noise
                difference = (heatmap_peaks(goal)[0] - heatmap_peaks(whole(
                    name, in_student)[-1])[0])[both]
                assert difference.abs().max() <= 2
    assert counted > 20


@pytest.mark.parametrize('name', HEADS)
def test_every_head_is_taught_the_keypoints_of_a_labeler(name):
    targets = pseudo_targets.target_maker_for(build(name))
    first, second, in_teacher, in_student = seen_twice(1, udp=name == 'offsets', spread=200)
    scores, weights = torch.rand(2, *in_teacher.shape[:2])
    made = targets.of_keypoints(
        torch.from_numpy(in_teacher), scores, first, second, FLIP_INDICES, weights)
    torch.testing.assert_close(made.keypoints, torch.from_numpy(in_student), rtol=0, atol=.01)
    assert made.scores.equal(renamed(scores))
    counts = inside(made.keypoints)
    torch.testing.assert_close(made.weights, renamed(weights) * counts)
    assert 0 < counts.sum() < counts.numel()
    near = inside(in_student, margin=3)
    for goal in goals_of(name, made):
        found = targets.decoded(as_output(name, [goal] * 4 if name != 'offsets' else [goal]))[0]
        assert (found - made.keypoints)[near].abs().max() < (.1 if name == 'offsets' else 4.1)
    own = made._replace(weights=counts.float())
    assert targets.loss(as_output(name, goals_of(name, own)), own) == 0


@pytest.mark.parametrize('name', CODECS)
def test_a_labelers_keypoints_are_encoded_as_mmpose_does(name):
    targets = targets_of(name)
    keypoints = np.random.default_rng(0).uniform(-30, [222, 286], (2, 50, 2)).astype(np.float32)
    same = identity_views(2, (False, ))
    made = targets.of_keypoints(
        torch.from_numpy(keypoints), torch.ones(2, 50), same, same, list(range(50)))
    for maps, of_one in zip(made.maps, keypoints):
        torch.testing.assert_close(maps, encode(codec_of(name), of_one), rtol=1e-4, atol=1e-4)
    assert made.valid.eq(1).all() and made.valid.shape == (2, 1, 64, 48)
    scores = torch.rand(2, 50) * 1.5  # above 1, they are no chances
    doubtful = targets.of_keypoints(
        torch.from_numpy(keypoints), scores, same, same, list(range(50)))
    assert doubtful.maps.equal(made.maps * scores.clamp(max=1)[..., None, None])


@pytest.mark.parametrize('name', HEADS)
def test_every_heads_loss_is_0_at_the_target_and_has_no_gradient_where_nothing_counts(name):
    head = build(name)
    targets = pseudo_targets.target_maker_for(head)
    first, second, in_teacher, _ = seen_twice(0, spread=180, udp=name == 'offsets')
    made = targets(as_output(name, whole(name, in_teacher)), first, second, FLIP_INDICES)
    goals = goals_of(name, made)
    assert targets.loss(as_output(name, goals), made) == 0
    distance, used = targets.distance(as_output(name, goals), made)
    assert distance < (.01 if name == 'offsets' else 1e-6) and 0 < used < 1

    leaves = [torch.rand_like(x).requires_grad_() for x in goals]
    loss = targets.loss(as_output(name, leaves), made)
    assert loss.ndim == 0 and loss > 0
    loss.backward()
    counts = made.weights > 0
    assert counts.any() and not counts.all()
    channels = counts.repeat_interleave(3, 1) if name == 'offsets' else counts
    for leaf in leaves:
        assert (leaf.grad[~channels] == 0).all()
        assert (leaf.grad[channels].abs().amax((1, 2)) > 0).all()
        if made.valid is not None:
            assert (leaf.grad[(made.valid == 0).expand_as(leaf)] == 0).all()
    if name == 'cpm losses':
        sizes = [leaf.grad.norm() for leaf in leaves]
        assert sizes[1] / sizes[0] == pytest.approx(2, rel=.1)
        assert sizes[2] / sizes[0] == pytest.approx(4, rel=.1)


def test_each_unit_is_taught_by_the_last_one_of_its_level():
    targets = pseudo_targets.target_maker_for(build('mspn'))
    units = [torch.rand(1, 6, 32, 24) for _ in range(4)]
    made = targets(units, identity_views(), identity_views(), FLIP_INDICES)
    for goal, expected in zip(made.maps, (0, 2, 2, 3)):
        torch.testing.assert_close(goal, units[expected], atol=1e-3, rtol=0)
    assert torch.equal(made.scores, units[3].amax((2, 3)) / 255)


def test_offsets_are_decoded_as_the_codec_does_it():
    head = build('offsets')
    targets = pseudo_targets.target_maker_for(head)
    output = torch.randn(3, 18, 32, 24)
    joints, scores = targets.keypoints(output)
    decoded = [head.decoder.decode(x.numpy()) for x in output]
    found = np.concatenate([keypoints for keypoints, _ in decoded])
    # The codec decodes by another factor than it encodes by.
    found = found / INPUT_SIZE * (np.array(INPUT_SIZE) - 1)
    np.testing.assert_allclose(joints.numpy(), found, atol=1e-3)
    expected = np.concatenate([values for _, values in decoded]) / targets.peak
    np.testing.assert_allclose(scores.numpy(), expected.clip(0, 1), atol=1e-5)


def test_a_class_map_like_the_label_scores_1():
    targets = pseudo_targets.target_maker_for(build('offsets'))
    label = whole('offsets', np.full((1, 6, 2), 48 / 23 * 24, np.float32))[0]
    scores = targets.keypoints(label)[1]
    assert (scores > .85).all() and (scores <= 1).all()
    faint = label.clone()
    faint[:, ::3] *= .3
    torch.testing.assert_close(targets.keypoints(faint)[1], .3 * scores)


def test_mmposes_own_head_is_taken_and_refused_without_a_codec():
    head = dict(type='HeatmapHead', in_channels=4, out_channels=6, deconv_out_channels=None)
    codec = dict(CODECS['msra'], input_size=(192, 256), heatmap_size=(48, 64))
    assert HeatmapTargetMaker(MODELS.build(dict(head, decoder=codec))).input_size == (192, 256)
    with pytest.raises(ValueError, match='HeatmapHead has no codec: set its `decoder`'):
        HeatmapTargetMaker(MODELS.build(head))


SUPPORTED = r"MSRAHeatmap, MegviiHeatmap and UDPHeatmap\(heatmap_type='gaussian'\)"


@pytest.mark.parametrize('codec', [
    dict(type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64), heatmap_type='combined'),
    dict(type='SimCCLabel', input_size=(192, 256)),
    dict(type='RegressionLabel', input_size=(192, 256)),
])
def test_other_codecs_are_refused_with_a_list_of_the_supported_ones(codec):
    built = KEYPOINT_CODECS.build(codec)
    with pytest.raises(ValueError, match=f"codec {codec['type']}.* {SUPPORTED}"):
        input_to_heatmap(built)
    with pytest.raises(ValueError, match=SUPPORTED):
        HeatmapTargetMaker(SimpleNamespace(decoder=built))


def test_autocast_changes_nothing():
    rng = np.random.default_rng(1)
    codec = codec_of('udp')
    first, second = (
        views([make_view(rng, codec.input_size, flip)], [flip]) for flip in (False, True))
    heatmaps = encode(codec, rng.uniform(40, 150, (6, 2)))[None]
    expected = targets_of()(heatmaps, first, second, FLIP_INDICES)
    with torch.autocast('cpu', torch.bfloat16):
        result = targets_of()(heatmaps, first, second, FLIP_INDICES)
    for r, e in zip(result, expected):
        assert r.dtype == torch.float32 and torch.equal(r, e)


def test_half_precision_heatmaps_give_float32_targets():
    heatmaps = heatmaps_with(PEAKS, [1.] * 6).bfloat16()
    targets = targets_of()(heatmaps, identity_views(), identity_views(), FLIP_INDICES)
    assert all(t.dtype == torch.float32 for t in targets)


def test_on_the_meta_device():
    def meta_views():
        return dict(warp_mat=torch.rand(2, 3, 3), flip=torch.zeros(2, dtype=torch.bool))

    targets = targets_of(confidence=dict(mode='threshold', threshold=.5))(
        torch.rand((2, 6, 64, 48), device='meta'), meta_views(), meta_views(), FLIP_INDICES)
    assert all(t.is_meta for t in targets)
    assert all(t.is_meta for t in targets_of().distance(targets.maps, targets))


# Megvii's blur reflects at the border, which moves the peaks of blobs that it cuts.
BORDER = 3
EXACT = ('msra unbiased', 'udp')  # their Gaussians' centers lie between pixels
SIZES = [((192, 256), (48, 64)), ((64, 96), (16, 24)), ((128, 96), (64, 48)), ((96, 96), (24, 32))]


def is_udp(codec):
    return type(codec).__name__ == 'UDPHeatmap'


def center_of_mass(heatmaps):
    """Returns the sub-pixel centers (K, 2) of blobs far from the border."""
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
        assert (center_of_mass(heatmaps[inner]) - expected[inner]).abs().max() < .03


def carried(name, seed, sizes=SIZES[0], ratio=None):
    """Encodes keypoints in random teachers' views and carries them into random students' views.

    Returns:
        The codec, the targets, and the keypoints (B, K, 2) in pixels of the students' and teachers'
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
    targets = HeatmapTargetMaker(SimpleNamespace(decoder=codec))(
        heatmaps, views(matrices[0], flips[0]), views(matrices[1], flips[1]), FLIP_INDICES)
    in_teacher, in_student = torch.from_numpy(in_teacher), torch.from_numpy(in_student)
    # What the target looks like comes from the keypoints of the same name.
    swapped = torch.tensor(flips[0]) ^ torch.tensor(flips[1])
    seen = torch.where(swapped[:, None, None], in_teacher[:, FLIP_INDICES], in_teacher)
    return codec, targets, in_student, seen


def well_inside(keypoints, codec, margin=BORDER):
    """Tells which pixels of the input are that many heatmap pixels inside."""
    size, margin = torch.tensor(codec.input_size), margin * torch.from_numpy(codec.scale_factor)
    return ((keypoints > margin) & (keypoints < size - 1 - margin)).all(-1)


@pytest.mark.parametrize('sizes', SIZES[:3])
@pytest.mark.parametrize('name', CODECS)
def test_targets_peak_where_the_codec_encodes_the_keypoints_in_the_students_view(name, sizes):
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
        difference = center_of_mass(targets.maps[both]) - center_of_mass(expected[both])
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
def test_the_teachers_keypoints_are_those_of_the_targets_in_its_own_view(name):
    codec = codec_of(name)
    targets = HeatmapTargetMaker(SimpleNamespace(decoder=codec))
    keypoints = np.random.default_rng(0).uniform([30, 30], [160, 220], (6, 2))
    heatmaps = .5 * encode(codec, keypoints)[None].bfloat16()
    joints, scores = targets.keypoints(heatmaps)
    assert joints.dtype == scores.dtype == torch.float32
    stride = codec.scale_factor
    assert (np.abs(joints[0].numpy() - keypoints) <= (.5 + .05) * stride).all()
    assert scores.max() <= .51 and scores.min() > .4
    same = views([np.eye(3)], [False])
    expected = targets(heatmaps, same, same, FLIP_INDICES)
    torch.testing.assert_close(joints, expected.keypoints)
    assert torch.equal(scores, expected.scores)


def test_what_the_teacher_has_not_seen_is_invalid():
    moved = views([np.array([[1, 0, 40.], [0, 1, 0], [0, 0, 1]])], [False])  # 10 heatmap pixels
    targets = targets_of('msra')(torch.ones(1, 6, 64, 48), identity_views(), moved, FLIP_INDICES)
    expected = torch.ones(1, 1, 64, 48)
    expected[..., :10] = 0
    assert torch.equal(targets.valid, expected)
    assert torch.allclose(targets.maps, expected.expand(1, 6, -1, -1), atol=1e-4)


def test_keypoints_that_leave_the_crop_weigh_nothing():
    moved = views([np.array([[1, 0, 40.], [0, 1, 16.], [0, 0, 1]])], [False])
    heatmaps = heatmaps_with(PEAKS, [1.] * 6)
    for mode in (dict(), dict(mode='threshold', threshold=.1), dict(mode='soft')):
        targets = targets_of('msra', mode)(heatmaps, identity_views(), moved, FLIP_INDICES)
        assert targets.weights.tolist() == [[1, 0, 0, 0, 1, 1]]
        expected = torch.tensor(PEAKS) * 4. + torch.tensor([40., 16.])
        assert torch.allclose(targets.keypoints[0], expected, atol=1e-3)


def test_a_mirrored_view_swaps_scores_and_weights_with_the_keypoints():
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
def test_an_encoded_keypoint_scores_1(name):
    codec = codec_of(name)
    keypoints = np.array([[i * 8., i * 12.] for i in range(4, 10)])
    if name == 'udp':  # heatmap pixels, since the peak between them is lower
        keypoints = keypoints / 4 * (191 / 47, 255 / 63)
    targets = targets_of(name)(
        encode(codec, keypoints)[None], identity_views(), identity_views(), FLIP_INDICES)
    assert torch.allclose(targets.scores, torch.ones(1, 6), atol=1e-3)


def made_targets(heatmaps, weights):
    return PseudoTargets(None, None, torch.tensor([weights]), heatmaps)


def test_the_distance_is_the_mean_over_the_keypoints_that_count_in_pixels_of_the_input():
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


@pytest.mark.parametrize('name', HEADS)
def test_a_keypoint_of_half_the_weight_pulls_less(name):
    """Of a soft confidence, of labelers that half agree, or of the dataset."""
    head = MODELS.build(HEADS[name])
    for loss in head.loss_module.modules():
        loss.use_target_weight = True
    targets = pseudo_targets.target_maker_for(head)
    first, second, in_teacher, _ = seen_twice(0, spread=60, udp=name == 'offsets')
    made = targets(as_output(name, whole(name, in_teacher)), first, second, FLIP_INDICES)
    found = [torch.rand_like(x).requires_grad_() for x in goals_of(name, made)]
    share, counts = torch.tensor([1., .5] * 3), made.weights > 0
    full, part = (torch.autograd.grad(targets.loss(
        as_output(name, found), made._replace(weights=made.weights * w)), found)
        for w in (1., share))
    halved = share.expand(4, 6)[counts] < 1
    assert halved.any() and not halved.all()
    for of_part, of_full in zip(part, full):
        ratio = (of_part.view(4, 6, -1).norm(dim=-1) / of_full.view(4, 6, -1).norm(dim=-1))[counts]
        torch.testing.assert_close(ratio[~halved], torch.ones_like(ratio[~halved]))
        assert (ratio[halved] > .2).all() and (ratio[halved] < .6).all()  # some losses square it
