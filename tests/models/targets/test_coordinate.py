"""Targets of heads that tell coordinates lie where the keypoints lie in the student's view."""
import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

import mmpose_mum  # noqa: F401
from helpers.target_views import (
    FLIP_INDICES,
    HEATMAP_SIZE,
    INPUT_SIZE,
    identity_views,
    inside,
    renamed,
    seen_twice,
)
from mmpose_mum.models.targets.base import target_maker_for

FEATURES = dict(in_channels=4, in_featuremap_size=(3, 4))
SIMCC = dict(type='SimCCLabel', input_size=INPUT_SIZE)
INTEGRAL = dict(
    type='IntegralRegressionLabel', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, sigma=2.)
REGRESSION = dict(type='RegressionLabel', input_size=INPUT_SIZE)
KL = dict(type='KLDiscretLoss', use_target_weight=True)
HEADS = {
    'simcc': dict(
        type='SimCCHead', out_channels=6, input_size=INPUT_SIZE, deconv_out_channels=None,
        loss=KL, decoder=dict(SIMCC, sigma=6.), **FEATURES),
    'simcc standard': dict(
        type='SimCCHead', out_channels=6, input_size=INPUT_SIZE, deconv_out_channels=None,
        loss=KL, decoder=dict(SIMCC, smoothing_type='standard', label_smooth_weight=.1),
        **FEATURES),
    'rtmcc': dict(
        type='RTMCCHead', out_channels=6, input_size=INPUT_SIZE,
        loss=dict(KL, beta=10., label_softmax=True),
        decoder=dict(SIMCC, sigma=(4.9, 5.66), normalize=False), **FEATURES),
    'rtmw': dict(
        type='RTMWHead', out_channels=6, input_size=INPUT_SIZE,
        loss=dict(KL, use_target_weight=False, beta=1., label_softmax=True, label_beta=10.),
        decoder=dict(SIMCC, sigma=(4.9, 5.66), normalize=False), **FEATURES),
    'regression': dict(type='RegressionHead', in_channels=4, num_joints=6, decoder=REGRESSION),
    'regression unweighted': dict(
        type='RegressionHead', in_channels=4, num_joints=6, decoder=REGRESSION,
        loss=dict(type='L1Loss')),
    'rle': dict(type='RLEHead', in_channels=4, num_joints=6, decoder=REGRESSION),
    'rle unweighted': dict(
        type='RLEHead', in_channels=4, num_joints=6, decoder=REGRESSION,
        loss=dict(type='RLELoss', use_target_weight=False, q_distribution='gaussian')),
    'integral': dict(
        type='IntegralRegressionHead', num_joints=6, deconv_out_channels=(4, 4, 4),
        decoder=INTEGRAL, **FEATURES),
    'dsnt': dict(
        type='DSNTHead', num_joints=6, deconv_out_channels=(4, 4, 4), decoder=INTEGRAL,
        **FEATURES),
    'dsnt unweighted': dict(
        type='DSNTHead', num_joints=6, deconv_out_channels=(4, 4, 4), decoder=INTEGRAL,
        loss=dict(type='MultipleLossWrapper', losses=[
            dict(type='SmoothL1Loss'), dict(type='JSDiscretLoss', use_target_weight=False)]),
        **FEATURES),
}
CERTAIN = [name for name in HEADS if 'regression' not in name]


def build(name, **changes):
    torch.manual_seed(0)
    return MODELS.build(dict(HEADS[name], **changes))


def logits_for(head, labels):
    """Returns outputs of which the head's loss makes the labels' own distribution."""
    loss = head.loss_module
    if loss.label_softmax:
        return labels * loss.label_beta / loss.beta
    total = labels.sum(-1, keepdim=True).clamp(min=1e-6)  # 0 for keypoints without a label
    return (labels / total).clamp(min=1e-12).log() / loss.beta


def ideal(name, head, keypoints):
    """Returns the output (a list) of a head that is right and as sure as its label, by MMPose."""
    encoded = [head.decoder.encode(k[None], np.ones((1, len(k)), np.float32)) for k in keypoints]

    def of(key):
        return torch.from_numpy(np.concatenate([e[key] for e in encoded])).float()

    if 'keypoint_x_labels' in encoded[0]:
        return [logits_for(head, of(f'keypoint_{axis}_labels')) for axis in 'xy']
    coordinates = of('keypoint_labels')
    if 'heatmaps' in encoded[0]:
        return [coordinates, of('heatmaps').view(len(keypoints), -1, *HEATMAP_SIZE[::-1])]
    if name.startswith('rle'):
        return [torch.cat([coordinates, torch.full_like(coordinates, -8.)], -1)]
    return [coordinates]


def as_output(found):
    return found[0] if len(found) == 1 else tuple(found)


def gradients(targets, found, made):
    leaves = [x.clone().requires_grad_() for x in found]
    loss = targets.loss(as_output(leaves), made)
    assert loss.ndim == 0 and loss.dtype == torch.float32
    loss.backward()
    return loss.item(), [torch.zeros_like(x) if x.grad is None else x.grad for x in leaves]


@pytest.mark.parametrize('name', HEADS)
def test_targets_lie_where_the_keypoints_lie_in_the_students_view(name):
    head = build(name)
    targets = target_maker_for(head)
    assert targets.input_size == INPUT_SIZE
    counted = 0
    for seed in range(4):
        first, second, in_teacher, in_student = seen_twice(seed)
        made = targets(as_output(ideal(name, head, in_teacher)), first, second, FLIP_INDICES)
        # A keypoint outside of the teacher's view has no label, and a head cannot say where it is.
        seen = renamed(inside(in_teacher))
        error = (made.keypoints - torch.from_numpy(in_student))[seen].abs().max()
        assert error < (.6 if name.startswith(('simcc', 'rtm')) else 1e-2)  # bins are half a pixel
        clear = inside(in_student, margin=1.) | ~inside(in_student, margin=-1.)
        counts = inside(in_student).float()
        assert torch.equal(made.weights[seen & clear], counts[seen & clear])
        assert made.valid is None
        counted += made.weights.sum()
    assert counted > 30


@pytest.mark.parametrize('name', HEADS)
def test_the_loss_is_least_at_the_target_and_uncounted_keypoints_have_no_gradient(name):
    head = build(name)
    targets = target_maker_for(head)
    first, second, in_teacher, _ = seen_twice(0, spread=180)
    made = targets(as_output(ideal(name, head, in_teacher)), first, second, FLIP_INDICES)
    counts = made.weights > 0
    assert counts.any() and not counts.all()
    best = ideal(name, head, made.keypoints.numpy())
    if name.startswith(('simcc', 'rtm')):  # the labels are the teacher's, a little smoothed
        best = [logits_for(head, labels) for labels in made.maps]
    least, at_best = gradients(targets, best, made)
    torch.manual_seed(1)
    if name.startswith('dsnt'):
        other = [best[0] + .1 * torch.randn_like(best[0]),
                 torch.randn_like(best[1]).flatten(2).softmax(-1).view_as(best[1])]
    else:
        other = [x + .1 * torch.randn_like(x) for x in best]
    loss, elsewhere = gradients(targets, other, made)
    assert loss > least
    for grad in elsewhere:
        assert torch.isfinite(grad).all() and (grad[~counts] == 0).all()
    assert (elsewhere[0][counts] != 0).any(-1).all()
    if not name.startswith('rle'):  # whose loss falls for ever as its scale shrinks
        assert at_best[0].abs().max() < .05 * elsewhere[0].abs().max()


@pytest.mark.parametrize('name', [name for name in HEADS if name.startswith(('simcc', 'rtm'))])
def test_what_a_simcc_teacher_doubts_stays_doubtful(name):
    head = build(name)
    targets = target_maker_for(head)
    first, second, in_teacher, _ = seen_twice(0, spread=40)
    sharp = ideal(name, head, in_teacher)
    blunt = [x * .5 for x in sharp]
    of_sharp, of_blunt = (
        targets(as_output(found), first, second, FLIP_INDICES) for found in (sharp, blunt))
    counts = of_sharp.weights > 0
    assert counts.sum() > 10
    for axis, (surer, doubtful) in enumerate(zip(of_sharp.maps, of_blunt.maps)):
        # What the student's own output would have to be, as the loss sees it.
        surer, doubtful = (
            (logits_for(head, x) * head.loss_module.beta).softmax(-1) for x in (surer, doubtful))
        peak = surer.argmax(-1) / head.decoder.simcc_split_ratio
        assert (peak - of_sharp.keypoints[..., axis])[counts].abs().max() < 1
        assert (doubtful.amax(-1) < surer.amax(-1))[counts].all()


def test_labels_of_a_loss_that_compares_no_distributions_are_the_codecs():
    head = build('simcc')
    head.loss_module = MODELS.build(dict(type='KeypointMSELoss'))
    targets = target_maker_for(head)
    found = ideal('simcc', build('simcc'), np.full((1, 6, 2), 40., np.float32))
    made = targets(as_output(found), identity_views(), identity_views(), FLIP_INDICES)
    encoded = head.decoder.encode(
        np.full((1, 6, 2), 40., np.float32), np.ones((1, 6), np.float32))
    for labels, axis in zip(made.maps, 'xy'):
        np.testing.assert_allclose(
            labels[0].numpy(), encoded[f'keypoint_{axis}_labels'][0], atol=1e-6, rtol=0)


@pytest.mark.parametrize('name', ['rle', 'rle unweighted'])
def test_what_uncounted_keypoints_say_changes_no_weight_of_the_flow(name):
    head = build(name)
    targets = target_maker_for(head)
    found = ideal(name, head, seen_twice(0, spread=40)[2])
    made = targets(as_output(found), *[identity_views(4)] * 2, FLIP_INDICES)
    made = made._replace(weights=torch.zeros_like(made.weights))
    found = [(x + .1).requires_grad_() for x in found]
    weights = list(head.loss_module.parameters())
    targets.loss(as_output(found), made).backward()
    assert all(p.grad is None or (p.grad == 0).all() for p in weights)
    targets.loss(as_output(found), made._replace(
        weights=torch.ones_like(made.weights))).backward()
    assert any((p.grad != 0).any() for p in weights)


@pytest.mark.parametrize('name', CERTAIN)
def test_an_output_like_the_label_scores_1_and_a_blunt_one_less(name):
    head = build(name)
    targets = target_maker_for(head, dict(mode='threshold', threshold=.5))
    keypoints = np.full((1, 6, 2), 48., np.float32)
    sharp = ideal(name, head, keypoints)
    joints, scores = targets.keypoints(as_output(sharp))
    torch.testing.assert_close(joints, torch.from_numpy(keypoints), rtol=0, atol=.01)
    assert scores.shape == (1, 6) and (scores > .99).all() and (scores <= 1).all()
    previous = scores
    for step in (1, 2, 3):
        if name.startswith('rle'):
            blunt = [sharp[0].clone()]
            blunt[0][..., 2:] = -4 + step * 2
        elif name.startswith(('simcc', 'rtm')):
            blunt = [x * .5**step for x in sharp]
        else:
            flat = torch.full_like(sharp[1], 1 / sharp[1][0, 0].numel())
            blunt = [sharp[0], torch.lerp(sharp[1], flat, step / 3)]
        scores = targets.keypoints(as_output(blunt))[1]
        assert (scores < previous).all() and (scores >= 0).all()
        previous = scores
    assert (scores < .5).all()
    made = targets(as_output(blunt), identity_views(), identity_views(), FLIP_INDICES)
    assert (made.weights == 0).all()


@pytest.mark.parametrize('name', CERTAIN)
def test_soft_weights_are_the_scores(name):
    head = build(name)
    for loss in head.loss_module.modules():
        loss.use_target_weight = True  # else they are refused
    targets = target_maker_for(head, dict(mode='soft'))
    found = [x + 0. for x in ideal(name, head, np.full((1, 6, 2), 40., np.float32))]
    if name.startswith('rle'):
        found[0][..., 2:] = -3.
    made = targets(as_output(found), identity_views(), identity_views(), FLIP_INDICES)
    assert torch.equal(made.weights, made.scores)


@pytest.mark.parametrize('mode', [dict(mode='soft'), dict(mode='threshold', threshold=.3)], ids=str)
def test_a_regression_head_does_not_know_how_sure_it_is(mode):
    with pytest.raises(ValueError, match='RegressionHead predicts only coordinates. .* RLEHead'):
        target_maker_for(build('regression'), mode)
    targets = target_maker_for(build('regression'), dict(mode='none'))
    assert (targets.keypoints(torch.rand(2, 6, 2))[1] == 1).all()


def test_rles_score_is_the_probability_of_being_near():
    sigma = torch.tensor([.01, .05, .2])
    scales = sigma.logit()[None, :, None].expand(1, 3, 2)
    output = torch.cat([torch.full((1, 3, 2), .5), scales], -1)
    for name, distribution in (
            ('rle', lambda s: torch.distributions.Laplace(0., s)),
            ('rle unweighted', lambda s: torch.distributions.Normal(0., s))):
        scores = target_maker_for(build(name)).keypoints(output)[1][0]
        for score, scale in zip(scores, sigma):
            of_axis = distribution(scale)
            near = of_axis.cdf(torch.tensor(.05)) - of_axis.cdf(torch.tensor(-.05))
            assert score == pytest.approx(float(near**2), rel=1e-4)


@pytest.mark.parametrize('name, codec, expected', [
    ('simcc', REGRESSION, 'SimCCHead has the codec RegressionLabel.*need SimCCLabel'),
    ('rle', SIMCC, 'RLEHead has the codec SimCCLabel.*need RegressionLabel'),
    ('dsnt', REGRESSION, 'DSNTHead has the codec RegressionLabel.*need IntegralRegressionLabel')])
def test_a_codec_that_is_not_the_heads_is_refused(name, codec, expected):
    with pytest.raises(ValueError, match=expected):
        target_maker_for(build(name, decoder=codec))


@pytest.mark.parametrize('name', HEADS)
def test_on_the_meta_device_and_under_autocast(name):
    head = build(name)
    targets = target_maker_for(head)
    first, second, in_teacher, _ = seen_twice(2)
    found = ideal(name, head, in_teacher)
    expected = targets(as_output(found), first, second, FLIP_INDICES)
    with torch.autocast('cpu', torch.bfloat16):
        made = targets(as_output(found), first, second, FLIP_INDICES)
        loss = targets.loss(as_output([x.bfloat16() for x in found]), made)
    assert loss.dtype == torch.float32
    assert torch.equal(made.keypoints, expected.keypoints)
    assert torch.equal(made.weights, expected.weights)

    if name.startswith('rle'):
        return  # MMPose's own loss builds a distribution, which checks itself on the host
    head.to('meta')
    first, second = ({k: v.to('meta') for k, v in views.items()} for views in (first, second))
    found = as_output([x.to('meta').requires_grad_() for x in found])
    made = targets(found, first, second, FLIP_INDICES)
    targets.loss(found, made).backward()
    assert made.keypoints.is_meta and all(x.is_meta for x in targets.distance(found, made))


def test_an_unlabeled_step_leaves_the_labeled_loss_of_a_head_as_it_is():
    head = build('rle unweighted')
    targets = target_maker_for(head)
    found = as_output(ideal('rle unweighted', head, seen_twice(0, spread=40)[2]))
    targets.loss(found, targets(found, *[identity_views(4)] * 2, FLIP_INDICES))
    assert not head.loss_module.use_target_weight


@pytest.mark.parametrize('name', ['rtmcc', 'rtmw'])
def test_a_carried_distribution_is_no_surer_than_the_teacher(name):
    """What the loss makes of the label is compared with what it makes of the teacher's output."""
    head = build(name)
    loss = head.loss_module
    output = ideal(name, head, np.full((1, 6, 2), 40., np.float32))
    made = target_maker_for(head)(
        tuple(output), identity_views(), identity_views(), FLIP_INDICES)
    for label, seen in zip(made.maps, output):
        taught, own = (label * loss.label_beta).softmax(-1), (seen * loss.beta).softmax(-1)
        assert (taught.amax(-1) <= own.amax(-1) + 1e-4).all()


@pytest.mark.parametrize('name', [
    name for name in HEADS if 'unweighted' not in name and name != 'rtmw'])
def test_a_keypoint_of_half_the_weight_pulls_less(name):
    """Of a soft confidence, of labelers that half agree, or of the dataset."""
    head = build(name)
    targets = target_maker_for(head)
    first, second, in_teacher, _ = seen_twice(0, spread=40)
    made = targets(as_output(ideal(name, head, in_teacher)), first, second, FLIP_INDICES)
    torch.manual_seed(1)
    found = [x + .1 * torch.rand_like(x) for x in ideal(name, head, made.keypoints.numpy())]
    share, counts = torch.tensor([1., .5] * 3), made.weights > 0
    full, part = (gradients(targets, found, made._replace(weights=made.weights * w))[1]
                  for w in (1., share))
    halved = share.expand(4, 6)[counts] < 1
    assert halved.any() and not halved.all() and full[0].any()
    for of_part, of_full in zip(part, full):
        if not of_full.any():  # heatmaps that the loss does not compare
            continue
        ratio = (of_part.flatten(2).norm(dim=-1) / of_full.flatten(2).norm(dim=-1))[counts]
        torch.testing.assert_close(ratio[~halved], torch.ones_like(ratio[~halved]))
        assert (ratio[halved] > .2).all() and (ratio[halved] < .6).all()  # some losses square it


@pytest.mark.parametrize('name', [
    name for name in HEADS if name.startswith(('simcc', 'rtm', 'rle', 'dsnt'))])
def test_all_that_the_loss_compares_is_taught(name):
    """Both axes, the scale, and the heatmaps."""
    head = build(name)
    targets = target_maker_for(head)
    first, second, in_teacher, _ = seen_twice(0, spread=180)
    made = targets(as_output(ideal(name, head, in_teacher)), first, second, FLIP_INDICES)
    torch.manual_seed(1)
    other = [x + .1 * torch.rand_like(x) for x in ideal(name, head, made.keypoints.numpy())]
    for grad in gradients(targets, other, made)[1]:
        moved = grad != 0 if name.startswith('rle') else (grad != 0).flatten(2).any(-1)
        assert moved[made.weights > 0].all()


@pytest.mark.parametrize('name', ['dsnt', 'dsnt unweighted'])
def test_dsnts_heatmaps_are_those_that_mmpose_encodes(name):
    head = build(name)
    targets = target_maker_for(head)
    first, second, in_teacher, _ = seen_twice(0, spread=60)
    made = targets(as_output(ideal(name, head, in_teacher)), first, second, FLIP_INDICES)
    expected, counts = ideal(name, head, made.keypoints.numpy())[1], made.weights > 0
    assert counts.sum() > 10
    torch.testing.assert_close(made.maps[counts], expected[counts], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('blunt', [0, 1])
@pytest.mark.parametrize('name', [name for name in HEADS if name.startswith(('simcc', 'rtm'))])
def test_a_keypoint_that_is_sure_along_one_axis_alone_is_doubtful(name, blunt):
    head = build(name)
    sharp = ideal(name, head, np.full((1, 6, 2), 48., np.float32))
    found = [x / 8 if axis == blunt else x for axis, x in enumerate(sharp)]
    scores = target_maker_for(head).keypoints(as_output(found))[1]
    assert (scores < .5).all()
