"""A whole training step runs on PyTorch's `meta` device: on a GPU, nothing would wait for the host.

The step of each head, and all of it: forward, losses, backward, the optimizer and the teacher's
update.
"""
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS

from helpers.hostless import (
    ERRORS,
    FAULTS,
    KINDS,
    NoHostTensors,
    losses_of,
    model_of,
    watch_for,
)
from helpers.labelers import CODECS, HEADS, NAMES, write_labeler
from mmpose_mum.engine import EMANHook
from mmpose_mum.testing import INPUT_SIZE, tiny_batch, tiny_config


def meta_step(cfg, hook=None):
    """Runs forward, losses, backward, optimizer and EMAN; returns what it logged and ran."""
    model = MODELS.build(cfg).to('meta').train()
    batch = tiny_batch(model)
    return step_of(model, lambda: model.loss(**batch), hook)


def step_of(model, losses_of_batch, hook=None):
    """Runs the rest of a step around the losses."""
    optim_wrapper = OptimWrapper(torch.optim.Adam(model.student.parameters(), lr=1e-3))
    hub = MessageHub('meta')
    hub.update_info('eman_updates', 0)
    hook = hook or EMANHook(momentum=.9, warm_up=False)
    runner = SimpleNamespace(
        model=model, iter=0, message_hub=hub, optim_wrapper=optim_wrapper)
    hook.before_train(runner)
    with NoHostTensors() as mode:
        losses = losses_of_batch()
        total, logged = model.parse_losses(losses)
        optim_wrapper.update_params(total)
        hook.after_train_iter(runner, 0)
    assert total.is_meta and all(x.is_meta for x in logged.values())
    assert hub.get_info('eman_updates') == 1
    return model, losses, mode.operators


SITES = [('resnet', site) for site in ('input', 'layer1', 'layer2', 'layer3', 'layer4')]
SITES += [('hrnet', site) for site in ('input', 'layer1', 'stage2', 'stage3')]


@pytest.mark.parametrize('name, site', SITES)
def test_a_step_needs_no_host(name, site):
    _, losses, operators = meta_step(tiny_config(
        name, mix_unmix=dict(sites=[site]), keypoint_cutout=dict(score_threshold=.1),
        confidence=dict(mode='threshold', threshold=.3)))
    assert {'sup_loss_kpt', 'unsup_loss'} <= set(losses)
    # The mixing's gather, the backward pass and the teacher's update went through the mode.
    assert {'aten::index_select', 'aten::convolution_backward', 'aten::_foreach_lerp_'} <= operators


@pytest.mark.parametrize('options', [
    dict(mix_unmix=False), dict(confidence=dict(mode='soft')), dict(mix_unmix=dict(prob=0.)),
    dict(mix_unmix=dict(sites=['input'], grid=(3, 2), group_size=2))], ids=str)
def test_a_step_with_other_options_needs_no_host(options):
    meta_step(tiny_config(**options))


@pytest.mark.parametrize('several', [False, True])
def test_a_step_by_labelers_needs_no_host(several, tmp_path):
    """Of another head, normalization and order of keypoints."""
    size = dict(input_size=INPUT_SIZE)
    simcc = dict(HEADS['simcc'], input_size=INPUT_SIZE, in_featuremap_size=(2, 3),
                 out_channels=6, decoder=dict(CODECS['simcc'], **size))
    labelers = [write_labeler(tmp_path / 'a', 'simcc', head=simcc)]
    if several:
        regression = dict(HEADS['regression'], num_joints=6,
                          decoder=dict(CODECS['regression'], **size))
        labelers.append(write_labeler(tmp_path / 'b', 'regression', head=regression))
    model = MODELS.build(tiny_config(labeler=labelers)).to('meta').train()
    model.load_labeler([NAMES[i] for i in (4, 1, 5, 0)])
    _, losses, _ = step_of(model, lambda: model.loss(**tiny_batch(model)))
    assert 'unsup_loss' in losses


def test_a_step_whose_update_is_a_copy_needs_no_host():
    meta_step(tiny_config(), EMANHook(momentum=.9))


def test_every_mix_has_a_backward_that_is_no_scatter():
    _, _, operators = meta_step(tiny_config(mix_unmix=dict(sites=['layer2'])))
    assert not any('scatter' in operator or 'index_add' in operator for operator in operators)


def test_unsupervised_gradients_reach_the_students_first_layer():
    model = MODELS.build(tiny_config(mix_unmix=dict(sites=['layer1']))).to('meta').train()
    with NoHostTensors():
        model.loss(**tiny_batch(model))['unsup_loss'].backward()
    assert model.student.backbone.conv1.weight.grad.is_meta


@pytest.mark.parametrize('kind', KINDS)
def test_a_step_of_each_head_needs_no_host(kind, monkeypatch):
    model = model_of(kind).to('meta')
    _, losses, _ = step_of(model, lambda: losses_of(kind, model, monkeypatch))
    assert 'unsup_loss' in losses


@pytest.mark.parametrize('fault', FAULTS)
def test_a_fault_in_the_step_is_found(fault):
    model = MODELS.build(tiny_config()).to('meta').train()
    batch = tiny_batch(model)
    given = watch_for(model, FAULTS[fault])
    with NoHostTensors(), pytest.raises(ERRORS):
        model.loss(**batch)
    assert given


def test_the_trap_lets_copies_and_scalars_pass():
    with NoHostTensors():
        x = torch.ones(3).to('meta') * torch.tensor(2.) + 1
        x.copy_(torch.ones(3))
    assert x.is_meta
