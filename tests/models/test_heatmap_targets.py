"""Every head with heatmaps is taught by its targets in its own layout, or refused by name."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from heatmap_heads import (
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
from mmpose.registry import KEYPOINT_CODECS, MODELS
from target_views import (
    FLIP_INDICES,
    HEATMAP_SIZE,
    INPUT_SIZE,
    identity_views,
    inside,
    make_view,
    renamed,
    seen_twice,
    views,
)

from mmpose_mum.functional.warp import heatmap_peaks
from mmpose_mum.models import pseudo_targets
from mmpose_mum.models.heatmap_targets import (
    HeatmapTargets,
    LevelTargets,
    OffsetTargets,
    StagedTargets,
    input_to_heatmap,
)


def goals_of(name, made):
    if name.startswith('cpm'):
        return [made.maps] * 3
    return made.maps if name == 'mspn' else [made.maps]


@pytest.mark.parametrize('name, kind', [
    ('vipnas', HeatmapTargets), ('offsets', OffsetTargets), ('cpm', StagedTargets),
    ('cpm losses', StagedTargets), ('mspn', LevelTargets)])
def test_every_heads_targets_lie_where_the_joints_lie(name, kind):
    targets = pseudo_targets.targets_of(build(name))
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
def test_every_heads_loss_is_0_at_the_target_and_has_no_gradient_where_nothing_counts(name):
    head = build(name)
    targets = pseudo_targets.targets_of(head)
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
    targets = pseudo_targets.targets_of(build('mspn'))
    units = [torch.rand(1, 6, 32, 24) for _ in range(4)]
    made = targets(units, identity_views(), identity_views(), FLIP_INDICES)
    for goal, expected in zip(made.maps, (0, 2, 2, 3)):
        torch.testing.assert_close(goal, units[expected], atol=1e-3, rtol=0)
    assert torch.equal(made.scores, units[3].amax((2, 3)) / 255)


def test_offsets_are_decoded_as_the_codec_does_it():
    head = build('offsets')
    targets = pseudo_targets.targets_of(head)
    output = torch.randn(3, 18, 32, 24)
    joints, scores = targets.joints(output)
    decoded = [head.decoder.decode(x.numpy()) for x in output]
    found = np.concatenate([keypoints for keypoints, _ in decoded])
    # The codec decodes by another factor than it encodes by.
    found = found / INPUT_SIZE * (np.array(INPUT_SIZE) - 1)
    np.testing.assert_allclose(joints.numpy(), found, atol=1e-3)
    expected = np.concatenate([values for _, values in decoded]) / targets.peak
    np.testing.assert_allclose(scores.numpy(), expected.clip(0, 1), atol=1e-5)


def test_a_class_map_like_the_label_scores_1():
    targets = pseudo_targets.targets_of(build('offsets'))
    label = whole('offsets', np.full((1, 6, 2), 48 / 23 * 24, np.float32))[0]
    scores = targets.joints(label)[1]
    assert (scores > .85).all() and (scores <= 1).all()
    faint = label.clone()
    faint[:, ::3] *= .3
    torch.testing.assert_close(targets.joints(faint)[1], .3 * scores)


def test_mmposes_own_head_is_taken_and_refused_without_a_codec():
    head = dict(type='HeatmapHead', in_channels=4, out_channels=6, deconv_out_channels=None)
    codec = dict(CODECS['msra'], input_size=(192, 256), heatmap_size=(48, 64))
    assert HeatmapTargets(MODELS.build(dict(head, decoder=codec))).input_size == (192, 256)
    with pytest.raises(ValueError, match='HeatmapHead has no codec: set its `decoder`'):
        HeatmapTargets(MODELS.build(head))


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
        HeatmapTargets(SimpleNamespace(decoder=built))


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
        return dict(warp_mat=torch.rand((2, 3, 3), device='meta'),
                    flip=torch.zeros(2, dtype=torch.bool, device='meta'))

    targets = targets_of(confidence=dict(mode='threshold', threshold=.5))(
        torch.rand((2, 6, 64, 48), device='meta'), meta_views(), meta_views(), FLIP_INDICES)
    assert all(t.is_meta for t in targets)
    assert all(t.is_meta for t in targets_of().distance(targets.maps, targets))
