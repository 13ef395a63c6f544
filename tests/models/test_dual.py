"""Two students teach each other: both learn, each from the other alone, and both start apart."""
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS

from helpers.tiny_estimators import other_config
from mmpose_mum.models import MixUnMix
from mmpose_mum.testing import tiny_batch, tiny_config


def build(seed=0, **kwargs):
    torch.manual_seed(seed)
    model = MODELS.build(dict(tiny_config(**kwargs), type='DualPoseEstimator'))
    model.init_weights()
    for network in (model.student, model.teacher):
        network.head.final_layer.weight.data.mul_(100)  # else all heatmaps are near 0
    return model.train()


def gradients(network):
    return [p.grad for p in network.parameters()]


def test_the_networks_start_from_different_weights():
    model = build()
    first, second = model.student.state_dict(), model.teacher.state_dict()
    assert first.keys() == second.keys()
    for name in ('backbone.conv1.weight', 'head.final_layer.weight'):
        assert not torch.equal(first[name], second[name])


def test_both_run_in_training_mode_and_are_trained():
    model = build()
    assert model.student.training and model.teacher.training
    assert all(p.requires_grad for p in model.parameters())
    model.eval()
    assert not model.student.training and not model.teacher.training


@pytest.mark.parametrize('kind', ['integral', 'dsnt'])
def test_what_a_head_keeps_constant_is_constant_in_both(kind):
    """These heads hold the coordinates of their heatmaps' pixels as weights without gradient."""
    model = MODELS.build(dict(other_config(kind), type='DualPoseEstimator')).train()
    constant = [{name for name, p in network.named_parameters() if not p.requires_grad}
                for network in (model.student, model.teacher)]
    assert constant == [{'head.linspace_x', 'head.linspace_y'}] * 2


@pytest.mark.parametrize('prefix, learner, other', [
    ('', 'student', 'teacher'), ('second_', 'teacher', 'student')])
def test_each_loss_moves_its_own_network_alone(prefix, learner, other):
    model = build()
    losses = model.loss(**tiny_batch(model))
    (losses[prefix + 'unsup_loss'] + losses[prefix + 'sup_loss_kpt']).backward()
    assert getattr(model, learner).backbone.conv1.weight.grad.abs().max() > 0
    assert all(grad is None for grad in gradients(getattr(model, other)))


@pytest.mark.parametrize('bfloat16', [False, True])
def test_every_weight_of_both_learns(bfloat16):
    """Under autocast, a cast that is kept from a forward without gradient would hide a weight."""
    model = build()
    with torch.autocast('cpu', torch.bfloat16, enabled=bfloat16):
        losses = model.loss(**tiny_batch(model))
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_the_targets_are_the_other_networks():
    """Changing the second network changes what the first has to reproduce, and the reverse."""
    model, changed = build(mix_unmix=False), build(mix_unmix=False)
    changed.teacher.head.final_layer.bias.data += 1
    before, after = model.loss(**tiny_batch(model)), changed.loss(**tiny_batch(changed))
    assert not torch.allclose(after['unsup_loss'], before['unsup_loss'])
    torch.testing.assert_close(after['sup_loss_kpt'], before['sup_loss_kpt'])
    assert not torch.allclose(after['second_sup_loss_kpt'], before['second_sup_loss_kpt'])
    assert after['teacher_confidence'] > before['teacher_confidence']
    torch.testing.assert_close(after['second_teacher_confidence'],
                               before['second_teacher_confidence'])


def test_a_teacher_judges_in_evaluation_mode_and_trains_on_afterwards():
    model = build(mix_unmix=False)
    batch = tiny_batch(model)
    modes, means = [], []

    def record(module, args):
        modes.append(module.training)
        means.append(module.running_mean.clone())
    model.teacher.backbone.bn1.register_forward_pre_hook(record)
    model.loss(**batch)
    # As the first one's teacher; then itself on the labeled images and on the strong view.
    assert modes == [False, True, True] and model.teacher.training
    torch.testing.assert_close(means[0], means[1])  # judging has left the statistics alone


def test_the_paper_weighs_the_labeled_losses_by_one_half():
    model = build(sup_weight=.5)
    twin = build()
    halved, whole = model.loss(**tiny_batch(model)), twin.loss(**tiny_batch(twin))
    for key in ('sup_loss_kpt', 'second_sup_loss_kpt'):
        torch.testing.assert_close(halved[key] * 2, whole[key])
    total, _ = model.parse_losses(halved)
    torch.testing.assert_close(total, sum(halved[k] for k in (
        'sup_loss_kpt', 'unsup_loss', 'second_sup_loss_kpt', 'second_unsup_loss')))


def test_a_step_moves_both_and_keeps_them_apart():
    model = build()
    wrapper = OptimWrapper(torch.optim.Adam(model.parameters(), lr=1e-3))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    batch = tiny_batch(model)
    wrapper.update_params(model.parse_losses(model.loss(**batch))[0])
    after = model.state_dict()
    for network in ('student', 'teacher'):
        name = f'{network}.backbone.conv1.weight'
        assert not torch.equal(before[name], after[name])
    assert not torch.equal(after['student.backbone.conv1.weight'],
                           after['teacher.backbone.conv1.weight'])


def test_both_are_mixed():
    model = build()
    assert isinstance(model.student.neck, MixUnMix) and isinstance(model.teacher.neck, MixUnMix)
    plain = build(mix_unmix=False)
    plain.load_state_dict(model.state_dict())  # the neck hides from the names
    batch = tiny_batch(model)
    torch.manual_seed(0)
    mixed = model.loss(**batch)
    torch.manual_seed(0)
    unmixed = plain.loss(**batch)
    for key in ('unsup_loss', 'second_unsup_loss'):
        assert not torch.allclose(mixed[key], unmixed[key], rtol=1e-4)


def test_a_plain_models_checkpoint_is_refused_and_its_own_is_loaded():
    model = build()
    with pytest.raises(ValueError, match='single model.*init_cfg'):
        model.load_state_dict(model.student.state_dict())
    other = build(seed=1)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.teacher.head.final_layer.weight, model.teacher.head.final_layer.weight)
