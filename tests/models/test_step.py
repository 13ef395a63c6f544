"""Watchers get what was really trained, whatever the head, and the training never notices."""
import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from helpers import heatmap_heads as several_stages
from helpers.hand_heads import DEPTHS, hand_head, hand_output
from helpers.target_views import FLIP_INDICES, identity_views
from helpers.target_views import HEATMAP_SIZE as MAPS
from helpers.target_views import INPUT_SIZE as VIEW
from helpers.tiny_estimators import HEADS, in_the_middle, other_batch, other_config
from mmpose_mum.models.step import UnlabeledStep
from mmpose_mum.models.targets.base import target_maker_for
from mmpose_mum.testing import tiny_batch, tiny_config

CUTOUT = dict(num_keypoints=2, half_size=(6., 8.))


def watched_step(cfg, make_batch=tiny_batch, prepare=lambda model: None):
    """Takes the step of a model of which everything is recorded."""
    torch.manual_seed(0)
    model = MODELS.build(cfg).train()
    prepare(model)
    entered, steps = [], []
    model.student.backbone.register_forward_pre_hook(lambda _, args: entered.append(args[0]))
    model.watchers.append(steps.append)
    batch = make_batch(model)
    losses = model.loss(**batch)
    return model, batch, losses, entered, steps


def test_the_mixed_image_is_the_one_that_entered_the_student():
    _, batch, losses, entered, (step, ) = watched_step(
        tiny_config(mix_unmix=dict(sites=['input']), keypoint_cutout=CUTOUT))
    assert step.site == 'input' and step.prefix == ''
    labeled, unlabeled = entered
    assert torch.equal(step.mixed(), unlabeled)
    assert not torch.equal(step.strong, unlabeled)
    # Before mixing and after the cutout, which fills with 0.
    original = batch['inputs']['unsup_student']
    changed = step.strong != original
    assert changed.any() and (step.strong[changed] == 0).all()
    assert step.weak is batch['inputs']['unsup_teacher']
    assert torch.equal(step.targets.scores.mean(), losses['teacher_confidence'])


@pytest.mark.parametrize('mix_unmix, site', [
    (dict(sites=['layer2']), 'layer2'), (dict(prob=0.), None), (False, None)], ids=str)
def test_other_sites_leave_the_image_as_it_is(mix_unmix, site):
    _, _, _, (_, unlabeled), (step, ) = watched_step(tiny_config(mix_unmix=mix_unmix))
    assert step.site == site and torch.equal(step.strong, unlabeled)
    if site is None:
        assert step.mixed() is None
    else:
        assert not torch.equal(step.mixed(), step.strong)
        assert torch.equal(step.mixed().sort(0).values, step.strong.sort(0).values)


def test_a_watched_step_has_the_same_losses_and_holds_no_gradient():
    cfg = tiny_config(keypoint_cutout=CUTOUT)
    _, _, losses, _, (step, ) = watched_step(cfg)
    assert not step.output.requires_grad and not step.seen.requires_grad
    torch.manual_seed(0)
    alone = MODELS.build(cfg).train()
    expected = alone.loss(**tiny_batch(alone))
    assert all(torch.equal(losses[key], expected[key]) for key in expected)
    assert losses['unsup_loss'].requires_grad


def test_nothing_is_handed_out_in_the_burn_in(monkeypatch):
    monkeypatch.setattr('mmpose_mum.models.estimator.MessageHub.get_current_instance',
                        lambda: type('Hub', (), {'get_info': lambda *args, **kwargs: 3}))
    assert watched_step(tiny_config(burn_in=5))[-1] == []
    assert len(watched_step(tiny_config(burn_in=3))[-1]) == 1


def test_both_pairs_of_the_dual_model_are_handed_out():
    cfg = dict(tiny_config(mix_unmix=dict(sites=['input'])), type='DualPoseEstimator')
    *_, steps = watched_step(cfg)
    assert [step.prefix for step in steps] == ['', 'second_']
    assert not torch.equal(steps[0].seen, steps[1].seen)


def assert_readable(step, goals, answers):
    """Checks keypoints and heatmaps of four images with four keypoints."""
    assert step.teacher_keypoints().shape == step.student_keypoints().shape == (4, 4, 2)
    assert torch.isfinite(step.student_keypoints()).all()
    for maps, expected in ((step.target_heatmaps(), goals), (step.student_heatmaps(), answers)):
        assert (maps is not None) == expected
        assert maps is None or maps.ndim == 4 and maps.shape[:2] == (4, 4)


# Whether the target and the student have heatmaps.
HAVE_HEATMAPS = dict(simcc=(0, 0), rtmcc=(0, 0), regression=(0, 0), rle=(0, 0), integral=(0, 1),
                     dsnt=(1, 1), offsets=(1, 1), visibility=(1, 1))


@pytest.mark.parametrize('name', HEADS)
def test_keypoints_and_heatmaps_of_any_head(name, monkeypatch):
    *_, (step, ) = watched_step(
        other_config(name), lambda model: other_batch(name, model, monkeypatch), in_the_middle)
    assert_readable(step, *HAVE_HEATMAPS[name])
    if name == 'offsets':  # the first of three maps a keypoint is its class map
        assert torch.equal(step.target_heatmaps(), step.targets.maps[:, ::3])


def test_keypoints_beside_visibility_without_any_heatmaps(monkeypatch):
    cfg = other_config('visibility')
    cfg['estimator']['head']['pose_cfg'] = HEADS['simcc']
    *_, (step, ) = watched_step(cfg, lambda model: other_batch('simcc', model, monkeypatch))
    assert_readable(step, False, False)


@pytest.mark.parametrize('name', several_stages.HEADS)
def test_heatmaps_of_several_stages_are_those_of_the_last(name):
    keypoints = torch.rand(4, 6, 2) * torch.tensor(VIEW) * .6 + torch.tensor(VIEW) * .2
    output = several_stages.as_output(name, several_stages.whole(name, keypoints.numpy()))
    kind = target_maker_for(several_stages.build(name))
    targets = kind(output, identity_views(4), identity_views(4), FLIP_INDICES)
    step = UnlabeledStep('', None, None, output, output, targets, kind, None, None)
    assert step.target_heatmaps().shape == step.student_heatmaps().shape == (4, 6, *MAPS[::-1])
    torch.testing.assert_close(
        step.target_heatmaps(), step.student_heatmaps(), atol=1e-4, rtol=0)
    assert (step.student_keypoints() - keypoints).abs().max() <= 2 * VIEW[0] / MAPS[0]


def test_heatmaps_of_hands_are_the_highest_of_the_slices():
    kind = target_maker_for(hand_head())
    output = hand_output(
        kind.head, np.full((4, 6, 2), 40, np.float32), np.tile(DEPTHS, (4, 1)))
    targets = kind(output, identity_views(4), identity_views(4), FLIP_INDICES)
    step = UnlabeledStep('', None, None, output, output, targets, kind, None, None)
    assert step.target_heatmaps().shape == step.student_heatmaps().shape == (4, 6, *MAPS[::-1])
