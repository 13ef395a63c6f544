"""A whole training step runs on PyTorch's `meta` device: on a GPU, nothing would wait for the host.

A meta tensor has no values, so `.item()`, `float()`, `nonzero`, boolean masks, `.cpu()` and
`.numpy()` raise by themselves. What they let pass is an operator that gets a CPU tensor beside
a meta one, such as an index; a dispatch mode refuses those.
"""
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from mmpose_mum.engine import EMANHook
from mmpose_mum.testing import tiny_batch, tiny_config

# What moves a tensor to the device by name.
COPIES = ('aten::_to_copy', 'aten::copy_')


class NoHostTensors(TorchDispatchMode):
    """Refuse operators that mix meta tensors with CPU tensors of one dimension or more."""

    def __init__(self):
        super().__init__()
        self.operators = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.Tensor)]
        name = function._schema.name
        self.operators.add(name)
        if any(x.is_meta for x in tensors) and name not in COPIES:
            on_host = [tuple(x.shape) for x in tensors if not x.is_meta and x.ndim > 0]
            if on_host:
                raise AssertionError(f'{name} mixes meta tensors with CPU tensors {on_host}')
        return function(*args, **kwargs)


def meta_step(cfg, hook=None, iteration=0):
    """Runs forward, losses, backward, optimizer and EMAN; returns what it logged and ran."""
    model = MODELS.build(cfg).to('meta').train()
    batch = tiny_batch(model)
    optim_wrapper = OptimWrapper(torch.optim.Adam(model.student.parameters(), lr=1e-3))
    hub = MessageHub('meta')
    hub.update_info('eman_updates', 0)
    hook = hook or EMANHook(momentum=.9, warm_up=False)
    runner = SimpleNamespace(
        model=model, iter=iteration, message_hub=hub, optim_wrapper=optim_wrapper)
    hook.before_train(runner)
    with NoHostTensors() as mode:
        losses = model.loss(**batch)
        total, logged = model.parse_losses(losses)
        optim_wrapper.update_params(total)
        hook.after_train_iter(runner, iteration)
    assert total.is_meta and all(x.is_meta for x in logged.values())
    assert hub.get_info('eman_updates') == 1
    return model, losses, mode.operators


SITES = [('resnet', site) for site in ('input', 'layer1', 'layer2', 'layer3', 'layer4')]
SITES += [('hrnet', site) for site in ('input', 'layer1', 'stage2', 'stage3')]


@pytest.mark.parametrize('name, site', SITES)
def test_a_step_needs_no_host(name, site):
    _, losses, operators = meta_step(tiny_config(
        name, mix_unmix=dict(sites=[site]), joint_cutout=dict(score_threshold=.1),
        confidence=dict(mode='threshold', threshold=.3)))
    assert {'sup_loss_kpt', 'unsup_loss'} <= set(losses)
    # The mixing's gather, the backward pass and the teacher's update went through the mode.
    assert {'aten::index_select', 'aten::convolution_backward', 'aten::_foreach_lerp_'} <= operators


@pytest.mark.parametrize('options', [
    dict(mix_unmix=False), dict(confidence=dict(mode='soft')), dict(mix_unmix=dict(prob=0.)),
    dict(mix_unmix=dict(sites=['input'], grid=(3, 2), group_size=2))], ids=str)
def test_a_step_with_other_options_needs_no_host(options):
    meta_step(tiny_config(**options))


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


@pytest.mark.parametrize('function', [
    lambda x: x.sum().item(), lambda x: float(x.sum()), lambda x: x.nonzero(), lambda x: x[x > 0],
    lambda x: x.cpu().numpy(), lambda x: x.tolist(), lambda x: x.unique(),
    lambda x: x[torch.tensor([0])], lambda x: x + torch.ones(3),
    lambda x: x.index_select(0, torch.tensor([0]))])
def test_the_trap_catches(function):
    with pytest.raises((AssertionError, NotImplementedError, RuntimeError)), NoHostTensors():
        function(torch.ones(3, device='meta'))


def test_the_trap_lets_copies_and_scalars_pass():
    with NoHostTensors():
        x = torch.ones(3).to('meta') * torch.tensor(2.) + 1
        x.copy_(torch.ones(3))
    assert x.is_meta
