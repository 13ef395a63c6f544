"""A trial step with the unlabeled images, before the burn-in trains without them."""
import copy
from logging import ERROR
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor

from ..wrappers import unwrapped


class _Backward:
    """An optimizer wrapper that computes gradients, and takes no step."""

    def __init__(self, optim_wrapper: OptimWrapper) -> None:
        self.optim_context = optim_wrapper.optim_context

    def update_params(self, loss: Tensor, **_kwargs: Any) -> None:
        """Compute the gradients alone."""
        loss.backward()

    backward = update_params  # for a model with a train_step of its own

    def step(self, **_kwargs: Any) -> None:
        """Do nothing."""

    zero_grad = step


def rehearse(runner, data_batch: Any) -> None:
    """Try on a batch what a step after the burn-in does, and change nothing.

    A step after the burn-in needs about twice the memory, and may fail for reasons of its own. It
    is better to know now. Weights, buffers and the optimizer stay as they are. Random numbers are
    drawn. The real step also has the optimizer's state in memory, which comes with its first step.

    Args:
        runner (Runner): About to take its next step.
        data_batch (dict): The batch of that step, which stays as it is.

    Raises:
        Exception: What the step raises. Before, the log says that it was a trial.
    """
    model: Any = unwrapped(runner.model)
    optim_wrapper = runner.optim_wrapper
    if not hasattr(model, 'rehearses') or not runner.iter < model.burn_in < runner.max_iters:
        return
    if not isinstance(optim_wrapper, OptimWrapper) or isinstance(optim_wrapper, OptimWrapperDict):
        return
    buffers = [buffer.clone() for buffer in model.buffers()]
    model.rehearses, watchers, model.watchers = True, model.watchers, []
    try:
        runner.model.train_step(copy.deepcopy(data_batch), _Backward(optim_wrapper))
    except Exception:
        print_log('a step with the unlabeled images was tried before the burn-in of '
                  f'{model.burn_in} iterations, and failed. The error follows', 'current', ERROR)
        raise
    finally:
        model.rehearses, model.watchers = False, watchers
        optim_wrapper.zero_grad()
        with torch.no_grad():
            for buffer, before in zip(model.buffers(), buffers):
                buffer.copy_(before)
