"""A step after the burn-in is tried within it, and changes nothing."""
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
    """In a burn-in, behind its first update, with a batch."""
    torch.manual_seed(0)
    model = MODELS.build(tiny_config(burn_in=BURN_IN))
    model.init_weights()
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', 0)
    optimizer = torch.optim.SGD(model.student.parameters(), lr=1., momentum=.9)
    runner = SimpleNamespace(
        model=model.train(), iter=0, max_iters=9, batch=tiny_loader_batch(),
        optim_wrapper=OptimWrapper(optimizer))
    model.train_step(copy.deepcopy(runner.batch), runner.optim_wrapper)
    runner.iter = 1
    yield runner
    hub.runtime_info.pop('iter')


def rehearse(runner):
    """Rehearses; returns how often the teacher has looked, and the state before."""
    model, looked, seen = runner.model, [], []
    optimizer = runner.optim_wrapper.optimizer
    state, steps = copy.deepcopy((model.state_dict(), optimizer.state_dict()['state']))
    assert optimizer.state
    model.watchers = [seen.append]
    handle = model.teacher.backbone.register_forward_hook(lambda *_: looked.append(1))
    try:
        rehearsal.rehearse(runner, runner.batch)
    finally:
        handle.remove()
        assert not seen and len(model.watchers) == 1 and not model.rehearses
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(value.equal(state[name]) for name, value in model.state_dict().items())
    for number, before in steps.items():
        now = optimizer.state_dict()['state'][number]
        assert now['momentum_buffer'].equal(before['momentum_buffer'])
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
    assert 'trying a step with the unlabeled images' in told[0]
    assert 'would have failed after the burn-in of 5 iterations' in told[1] and len(told) == 2


@pytest.mark.parametrize('iteration, counts, update', [
    (0, 1, 1), (7, 1, 8), (0, 4, 4), (4, 4, 8), (6, 4, 8), (7, 4, 8)])
def test_the_next_update_is_known_also_after_a_resume_in_between(iteration, counts, update):
    wrapper = SimpleNamespace(_accumulative_counts=counts)
    assert rehearsal.first_update(
        SimpleNamespace(iter=iteration, optim_wrapper=wrapper)) == update


def test_a_train_step_of_ones_own_may_ask_the_optimizer(runner):
    asked = []

    def train_step(_data, optim_wrapper):
        loss = runner.model.student.backbone.conv1.weight.sum()
        asked.append((optim_wrapper.should_update(), 'lr' in optim_wrapper.get_lr()))
        optim_wrapper.backward(loss, retain_graph=True)
        optim_wrapper.backward(loss)
        optim_wrapper.step()
        optim_wrapper.zero_grad()
        return dict(loss=loss)

    runner.model.train_step = train_step
    assert rehearse(runner) == 0 and asked == [(True, True)]


def test_after_the_burn_in_and_without_one_there_is_nothing_to_try(runner):
    runner.iter = BURN_IN
    assert rehearse(runner) == 0
    runner.iter, runner.max_iters = 0, BURN_IN  # nothing comes after it
    assert rehearse(runner) == 0
    runner.iter, runner.max_iters, runner.model.unsup_weight = 1, 9, 0.
    assert rehearse(runner) == 0
    runner.model = nn.Linear(1, 1)
    rehearsal.rehearse(runner, None)
