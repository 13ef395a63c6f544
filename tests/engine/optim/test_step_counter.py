"""Steps are counted whatever else looks at the optimizer, and then no longer."""
import warnings

import pytest
import torch

from mmpose_mum.engine.optim.step_counter import StepCounter


def optimizer_of(weight):
    weight.grad = torch.ones_like(weight)
    return torch.optim.SGD([weight], lr=0.1)


def test_torch_compile_does_not_stop_the_count():
    """PyTorch's compiler takes the hooks off the optimizers, so the steps must count without."""
    torch.compile(lambda x: x + 1, backend='eager')(torch.ones(1))
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = optimizer_of(weight)
    plain = optimizer.step
    steps = StepCounter(optimizer)
    optimizer.step()
    assert steps.count == 1 and weight.item() == pytest.approx(0.9)
    steps.stop()
    assert optimizer.step == plain
    optimizer.step()
    assert steps.count == 1


def test_a_scheduler_that_counts_as_well_keeps_its_count():
    optimizer = optimizer_of(torch.nn.Parameter(torch.ones(1)))
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    scheduled = optimizer.step
    steps = StepCounter(optimizer, start=5)
    optimizer.step()
    assert steps.count == 6
    with warnings.catch_warnings():  # as it does where it has noticed no step
        warnings.simplefilter('error')
        scheduler.step()
    steps.stop()
    assert optimizer.step == scheduled
