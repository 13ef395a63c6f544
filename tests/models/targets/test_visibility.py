"""Targets of heads that tell visibility or hands in depth, beside keypoints."""
import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

import mmpose_mum  # noqa: F401
from helpers.hand_heads import DEPTHS, ROOT, TYPE, hand_head, hand_output
from helpers.target_views import (
    FLIP_INDICES,
    FLIPS,
    HEATMAP_SIZE,
    INPUT_SIZE,
    identity_views,
    inside,
    renamed,
    seen_twice,
    views,
)
from mmpose_mum.models.targets.base import TargetMaker, target_maker_for
from mmpose_mum.models.targets.heatmap import HandTargetMaker
from mmpose_mum.models.targets.visibility import VisibilityTargetMaker

MSRA = dict(type='MSRAHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, sigma=2)
POSES = {
    'heatmaps': dict(type='HeatmapHead', in_channels=4, out_channels=6, deconv_out_channels=None,
                     loss=dict(type='KeypointMSELoss', use_target_weight=True), decoder=MSRA),
    'regression': dict(type='RegressionHead', in_channels=4, num_joints=6,
                       decoder=dict(type='RegressionLabel', input_size=INPUT_SIZE)),
}


def visibility_head(pose='heatmaps', use_sigmoid=True):
    torch.manual_seed(0)
    return MODELS.build(dict(
        type='VisPredictHead', pose_cfg=dict(POSES[pose]),
        loss=dict(type='BCELoss', use_target_weight=True, use_sigmoid=use_sigmoid)))


def visibility_output(head, keypoints, seed=0):
    decoder = head.pose_head.decoder
    encoded = [decoder.encode(k[None], np.ones((1, len(k)), np.float32)) for k in keypoints]
    key = 'heatmaps' if 'heatmaps' in encoded[0] else 'keypoint_labels'
    pose = torch.from_numpy(np.stack([e[key].reshape(6, *e[key].shape[-2:]) if key == 'heatmaps'
                                      else e[key][0] for e in encoded]))
    visible = torch.randn(len(keypoints), 6, generator=torch.Generator().manual_seed(seed))
    return pose, visible.sigmoid() if head.use_sigmoid else visible


@pytest.mark.parametrize('use_sigmoid', [True, False])
@pytest.mark.parametrize('pose', POSES)
def test_the_pose_is_the_pose_heads_and_the_visibility_follows_its_keypoints(pose, use_sigmoid):
    head = visibility_head(pose, use_sigmoid)
    targets = target_maker_for(head)
    assert type(targets) is VisibilityTargetMaker and targets.input_size == INPUT_SIZE
    of_pose = target_maker_for(head.pose_head)
    first, second, in_teacher, in_student = seen_twice(0, spread=180)
    output = visibility_output(head, in_teacher)
    made = targets(output, first, second, FLIP_INDICES)
    expected = of_pose(output[0], first, second, FLIP_INDICES)
    assert torch.equal(made.keypoints, expected.keypoints)
    assert torch.equal(made.weights, expected.weights)
    assert torch.equal(made.scores, expected.scores)
    maps, visible = made.maps
    assert maps is None if expected.maps is None else torch.equal(maps, expected.maps)
    probability = output[1] if use_sigmoid else output[1].sigmoid()
    leaves = ~inside(made.keypoints)
    assert leaves.any() and not leaves.all()
    assert torch.equal(visible, torch.where(leaves, 0., renamed(probability)))


@pytest.mark.parametrize('use_sigmoid', [True, False])
@pytest.mark.parametrize('pose', POSES)
def test_visibility_is_learned_for_every_keypoint_and_the_pose_where_it_counts(pose, use_sigmoid):
    head = visibility_head(pose, use_sigmoid)
    targets = target_maker_for(head)
    first, second, in_teacher, _ = seen_twice(0, spread=180)
    made = targets(visibility_output(head, in_teacher), first, second, FLIP_INDICES)
    counts = made.weights > 0
    assert counts.any() and not counts.all()
    found = visibility_output(head, np.random.default_rng(1).uniform(
        10, 80, (4, 6, 2)).astype(np.float32), seed=1)
    found = [x.requires_grad_() for x in found]
    loss = targets.loss(tuple(found), made)
    loss.backward()
    assert loss.ndim == 0
    assert (found[0].grad[~counts] == 0).all() and (found[0].grad[counts] != 0).any()
    assert (found[1].grad != 0).all()
    # The visibility is learned right: its gradient vanishes at the target.
    visible = made.maps[1].clamp(1e-4, 1 - 1e-4)
    visible = (visible if use_sigmoid else visible.logit()).requires_grad_()
    targets.loss((found[0].detach(), visible), made).backward()
    assert visible.grad.abs().max() < .06


def test_the_distance_and_the_heatmaps_are_the_pose_heads():
    head = visibility_head()
    targets = target_maker_for(head)
    output = visibility_output(head, np.full((1, 6, 2), 40., np.float32))
    made = targets(output, identity_views(), identity_views(), FLIP_INDICES)
    moved = (output[0].roll(2, -1), output[1])
    distance, used = targets.distance(moved, made)
    assert distance == pytest.approx(8) and used == 1  # two pixels of the heatmap
    assert targets.heatmaps(output) is output[0]
    assert target_maker_for(visibility_head('regression')).heatmaps(output) is None


def test_confidence_is_the_pose_heads():
    head = visibility_head()
    targets = target_maker_for(head, dict(mode='threshold', threshold=.5))
    pose, visible = visibility_output(head, np.full((1, 6, 2), 40., np.float32))
    pose[:, 3:] *= .2
    made = targets((pose, torch.zeros_like(visible)), *[identity_views()] * 2, FLIP_INDICES)
    assert made.weights.tolist() == [[1, 1, 1, 0, 0, 0]]
    with pytest.raises(ValueError, match='RegressionHead predicts only coordinates'):
        target_maker_for(visibility_head('regression'), dict(mode='soft'))


@pytest.mark.parametrize('make', [hand_head, visibility_head])
def test_they_are_set_up_by_what_all_makers_share(make, monkeypatch):
    seen, init = [], TargetMaker.__init__
    monkeypatch.setattr(
        TargetMaker, '__init__', lambda self, *args: seen.append(self) or init(self, *args))
    head = make()
    maker = target_maker_for(head, dict(mode='threshold', threshold=.5))
    assert maker in seen and maker.head is head and maker.input_size == INPUT_SIZE
    assert (maker.mode, maker.threshold) == ('threshold', .5)


def test_hands_are_carried_slice_by_slice_and_change_sides_in_a_mirror():
    head = hand_head()
    targets = target_maker_for(head)
    assert type(targets) is HandTargetMaker and targets.input_size == INPUT_SIZE
    first, second, in_teacher, in_student = seen_twice(0, spread=60)
    # A keypoint's depth has its name too.
    flipped = np.array(FLIPS[0])[:, None]
    of_teacher = np.where(flipped, DEPTHS[FLIP_INDICES], DEPTHS)
    made = targets(hand_output(head, in_teacher, of_teacher), first, second, FLIP_INDICES)
    both = renamed(inside(in_teacher, margin=8)) & inside(in_student, margin=8)
    assert both.sum() > 15
    assert (made.keypoints - torch.from_numpy(in_student))[both].abs().max() < 4.1  # a pixel
    assert (made.scores[both] > .85).all() and (made.weights[both] == 1).all()

    heatmaps, root, hands = made.maps
    of_student = np.where(np.array(FLIPS[1])[:, None], DEPTHS[FLIP_INDICES], DEPTHS)
    expected = hand_output(head, in_student, of_student)[0]
    assert heatmaps.shape == expected.shape
    found = heatmaps.flatten(3).amax(-1).argmax(2), expected.flatten(3).amax(-1).argmax(2)
    assert torch.equal(found[0][both], found[1][both])
    swapped = np.array(FLIPS[0]) ^ np.array(FLIPS[1])
    sign = torch.tensor(np.where(swapped, -1., 1.), dtype=torch.float32)[:, None]
    torch.testing.assert_close(root, (sign * ROOT / 400 + .5) * 64)
    probability = torch.tensor([TYPE]).sigmoid().expand(4, -1)
    expected = torch.where(sign < 0, probability.flip(1), probability)
    torch.testing.assert_close(hands, expected)


@pytest.mark.parametrize('make', [visibility_head, hand_head])
def test_what_makes_a_keypoint_count_can_be_asked(make):
    """PseudoLabelMonitorHook does when none counts."""
    made = target_maker_for(make(), confidence=dict(mode='threshold', threshold=.3))
    assert (made.mode, made.threshold) == ('threshold', .3)


@pytest.mark.parametrize('left_hand', [False, True])
def test_the_loss_of_hands_is_the_heads_three_losses(left_hand):
    head = hand_head()
    targets = target_maker_for(head)
    # Half of the keypoints leave the view to the left.
    keypoints = np.array([[[10, 60]] * 3 + [[60, 60]] * 3], np.float32)
    teacher = hand_output(head, keypoints, DEPTHS[None])
    teacher[2] = teacher[2] * torch.tensor([1., -1. if left_hand else 1.])
    moved = views([np.array([[1, 0, -20.], [0, 1, 0], [0, 0, 1]])], [False])
    made = targets(teacher, identity_views(), moved, FLIP_INDICES)
    assert made.weights.tolist() == [[0, 0, 0, 1, 1, 1]]
    generator = torch.Generator().manual_seed(0)
    output = [torch.rand(x.shape, generator=generator).requires_grad_() for x in teacher]
    loss = targets.loss(output, made)
    loss.backward()
    goal, root, hands = made.maps
    counts = ((made.weights > 0)[..., None, None, None]
              & (made.valid > 0)[:, :, None]).expand_as(goal)
    expected = (((output[0] - goal)**2 * counts).mean()
                + left_hand * (output[1] - root).abs().mean()
                + torch.nn.functional.binary_cross_entropy_with_logits(output[2], hands))
    torch.testing.assert_close(loss, expected)
    assert (output[0].grad[~counts] == 0).all() and (output[0].grad[counts] != 0).all()
    # One hand alone has no depth relative to the other.
    assert ((output[1].grad != 0) == left_hand).all() and (output[2].grad != 0).all()
    distance, used = targets.distance([goal, root, hands], made)
    assert distance == 0 and used == .5


def test_hands_need_their_codec():
    with pytest.raises(ValueError, match='InternetHead has the codec MSRAHeatmap.*Hand3DHeatmap'):
        target_maker_for(hand_head(decoder=MSRA))


@pytest.mark.parametrize('name', ['visibility', 'hands'])
def test_on_the_meta_device(name):
    def on_meta(views):
        return {key: value.to('meta') for key, value in views.items()}

    head = visibility_head() if name == 'visibility' else hand_head()
    keypoints = np.full((1, 6, 2), 40., np.float32)
    output = (visibility_output(head, keypoints) if name == 'visibility'
              else hand_output(head, keypoints, DEPTHS[None]))
    targets = target_maker_for(head)
    output = type(output)(x.to('meta').requires_grad_() for x in output)
    made = targets(output, on_meta(identity_views()), on_meta(identity_views()), FLIP_INDICES)
    targets.loss(output, made).backward()
    assert all(x.is_meta for x in targets.distance(output, made))


def test_a_hands_keypoint_of_half_the_weight_pulls_half():
    head = hand_head()
    targets = target_maker_for(head)
    teacher = hand_output(head, np.full((1, 6, 2), 60, np.float32), DEPTHS[None])
    made = targets(teacher, *[identity_views()] * 2, FLIP_INDICES)
    share = torch.tensor([[1., .5, 1., .5, 1., .5]])
    heatmaps = torch.rand_like(teacher[0]).requires_grad_()
    whole, part = (torch.autograd.grad(targets.loss(
        [heatmaps, *teacher[1:]], made._replace(weights=made.weights * w)), heatmaps)[0]
        for w in (1., share))
    assert (made.weights == 1).all()
    torch.testing.assert_close(part, whole * share[..., None, None, None])
