"""A step after the burn-in is tried before it, and changes nothing."""
import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS
from torch import nn

from mmpose_mum.engine.loops import rehearsal
from mmpose_mum.testing import tiny_batch, tiny_config, tiny_loader_batch

BURN_IN = 5


@pytest.fixture
def runner():
    """At the first iteration of a burn-in, with a batch."""
    torch.manual_seed(0)
    model = MODELS.build(tiny_config(burn_in=BURN_IN))
    model.init_weights()
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', 0)
    optimizer = torch.optim.SGD(model.student.parameters(), lr=1., momentum=.9)
    yield SimpleNamespace(
        model=model.train(), iter=0, max_iters=9, batch=tiny_loader_batch(),
        optim_wrapper=OptimWrapper(optimizer))
    hub.runtime_info.pop('iter')


def rehearse(runner):
    """Rehearses; returns how often the teacher has looked, and the state before."""
    model, looked, seen = runner.model, [], []
    state = copy.deepcopy(model.state_dict())
    model.watchers = [seen.append]
    handle = model.teacher.backbone.register_forward_hook(lambda *_: looked.append(1))
    try:
        rehearsal.rehearse(runner, runner.batch)
    finally:
        handle.remove()
        assert not seen and len(model.watchers) == 1 and not model.rehearses
        assert all(parameter.grad is None for parameter in model.parameters())
        assert all(value.equal(state[name]) for name, value in model.state_dict().items())
        assert not runner.optim_wrapper.optimizer.state
    return len(looked)


def test_it_runs_the_unlabeled_branch_and_leaves_no_trace(runner):
    before = copy.deepcopy(runner.batch)
    backward = []
    handle = runner.model.student.backbone.conv1.weight.register_hook(backward.append)
    assert rehearse(runner) == 1
    handle.remove()
    assert len(backward) == 1 and backward[0].abs().sum() > 0
    for name, images in before['inputs'].items():
        for now, was in zip(runner.batch['inputs'][name], images):
            assert now is was is None or now.equal(was)
    assert 'unsup_loss' not in runner.model.loss(**tiny_batch(runner.model))


def test_it_is_told_what_has_failed(runner, monkeypatch):
    told = []
    monkeypatch.setattr(rehearsal, 'print_log', lambda text, *_: told.append(text))

    def fail(*_):
        raise RuntimeError('out of memory')

    monkeypatch.setattr(runner.model, 'compare', fail)
    with pytest.raises(RuntimeError, match='out of memory'):
        rehearse(runner)
    assert 'tried before the burn-in of 5 iterations, and failed' in told.pop() and not told


def test_after_the_burn_in_and_without_one_there_is_nothing_to_try(runner):
    runner.iter = BURN_IN
    assert rehearse(runner) == 0
    runner.iter, runner.max_iters = 0, BURN_IN  # nothing comes after it
    assert rehearse(runner) == 0
    runner.model = nn.Linear(1, 1)
    rehearsal.rehearse(runner, None)
