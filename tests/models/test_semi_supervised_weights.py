"""What counts in the losses of the semi-supervised estimator: how much, where and when."""
import pytest
import torch
from mmengine.logging import MessageHub
from mmpose.registry import MODELS
from tiny_estimators import build

from mmpose_mum.models.pseudo_targets import PoseTargets
from mmpose_mum.testing import tiny_batch, tiny_config


def at_iteration(iteration):
    MessageHub.get_current_instance().update_info('iter', iteration)


@pytest.mark.parametrize('weights', [(1., 1.), (.5, 4.)])
def test_weights_scale_their_losses(weights):
    plain = build().loss(**tiny_batch(build()))
    weighted = build(sup_weight=weights[0], unsup_weight=weights[1])
    weighted = weighted.loss(**tiny_batch(weighted))
    torch.testing.assert_close(weighted['sup_loss_kpt'], plain['sup_loss_kpt'] * weights[0])
    torch.testing.assert_close(weighted['unsup_loss'], plain['unsup_loss'] * weights[1])
    assert weighted['unsup_weight'] == weights[1]


@pytest.mark.parametrize('use_target_weight', [True, False])
def test_nothing_is_learnt_where_the_teacher_has_not_looked(use_target_weight, monkeypatch):
    cfg = tiny_config(mix_unmix=False)
    cfg['estimator']['head']['loss']['use_target_weight'] = use_target_weight
    model = MODELS.build(dict(cfg, confidence=dict(mode='threshold', threshold=0.))).train()
    batch = tiny_batch(model)
    # Some of the joints are surer than the mean.
    model.targets.threshold = model.loss(**batch)['teacher_confidence'].item()
    seen, forward = {}, model.student.forward

    def recording(inputs, *args, **kwargs):
        seen['output'] = forward(inputs, *args, **kwargs)
        seen['output'].retain_grad()
        return seen['output']

    make, loss = PoseTargets.__call__, model.student.head.loss_module
    monkeypatch.setattr(
        PoseTargets, '__call__', lambda *args: seen.setdefault('targets', make(*args)))
    monkeypatch.setattr(model.student, 'forward', recording)
    model.loss(**batch)['unsup_loss'].backward()
    assert loss is model.student.head.loss_module

    targets, gradient = seen['targets'], seen['output'].grad
    outside = (targets.valid == 0).expand_as(gradient)
    assert outside.any() and not outside.all()
    assert (gradient[outside] == 0).all()
    dropped = (targets.weights == 0)
    assert dropped.any() and not dropped.all()
    assert (gradient[dropped] == 0).all()
    counts = ~outside & ~dropped[..., None, None]
    assert (gradient[counts] != 0).float().mean() > .99


@pytest.mark.parametrize('confidence, used', [
    (None, None), (dict(mode='none'), None), (dict(mode='threshold', threshold=1e9), 0.),
    (dict(mode='threshold', threshold=-1e9), None), (dict(mode='soft'), None)], ids=str)
def test_confidence_decides_on_the_share_of_joints(confidence, used):
    everything = build().loss(**tiny_batch(build()))
    model = build(confidence=confidence)
    losses = model.loss(**tiny_batch(model))
    assert losses['teacher_confidence'] == everything['teacher_confidence']
    if used == 0:
        assert losses['joints_used'] == 0 and losses['unsup_loss'] == 0
    else:
        assert 0 < losses['joints_used'] <= everything['joints_used']
    if confidence == dict(mode='soft'):
        assert losses['unsup_loss'] != everything['unsup_loss']


def test_burn_in_and_ramp_up_follow_the_runners_iteration():
    model = build(unsup_weight=4., burn_in=10, ramp_up=3)
    weights = {}
    for iteration in (0, 9, 10, 11, 12, 13, 100):
        at_iteration(iteration)
        weights[iteration] = model._current_unsup_weight()
    assert weights == {0: 0, 9: 0, 10: 1, 11: 2, 12: 3, 13: 4, 100: 4}
    batch = tiny_batch(model)
    at_iteration(9)
    assert set(model.loss(**batch)) == {'sup_loss_kpt'}
    at_iteration(11)
    losses = model.loss(**batch)
    assert losses['unsup_weight'] == 2 and losses['unsup_loss'] > 0


def test_without_a_runner_there_is_no_burn_in():
    model = build(unsup_weight=2., burn_in=100, ramp_up=100)
    assert model.loss(**tiny_batch(model))['unsup_weight'] == 2
