"""A trial step with the unlabeled images, long before the burn-in ends."""
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
        self._optim_wrapper = optim_wrapper

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optim_wrapper, name)

    def update_params(self, loss: Tensor, **_kwargs: Any) -> None:
        """Compute the gradients alone."""
        loss.backward()

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Compute the gradients, for a model with a ``train_step`` of its own."""
        loss.backward(**kwargs)

    def step(self, **_kwargs: Any) -> None:
        """Do nothing."""

    zero_grad = step


def first_update(runner) -> int:
    """Return the iteration that follows the optimizer's next update."""
    counts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
    return (runner.iter // counts + 1) * counts  # also after a resume in between


def rehearse(runner, data_batch: Any) -> None:
    """Try on a batch what a step after the burn-in does, and change nothing.

    A step after the burn-in needs about twice the memory, and may fail for reasons of its own. It
    is better to know now. Weights, buffers and the optimizer stay as they are. Random numbers are
    drawn, and the next ``time`` and ``memory`` of the log include the trial. Call it right after an
    update of the optimizer: its state is in memory then, and gradients are not. With accumulated
    gradients the real step needs memory for these, too, and DDP averages none in the trial.

    Nothing is tried without a burn-in or outside of it, with ``unsup_weight=0``, nor with several
    optimizers.

    Args:
        runner (Runner): About to take its next step.
        data_batch (dict): The batch of that step, which stays as it is.

    Raises:
        Exception: What the step raises. Before, the log says that it was a trial.
    """
    model: Any = unwrapped(runner.model)
    optim_wrapper = runner.optim_wrapper
    if (not hasattr(model, 'rehearses') or not model.unsup_weight
            or not runner.iter < model.burn_in < runner.max_iters
            or not isinstance(optim_wrapper, OptimWrapper)
            or isinstance(optim_wrapper, OptimWrapperDict)):
        return
    # A process that is killed for lack of memory has no other words.
    print_log(f'trying a step with the unlabeled images, which train after {model.burn_in} '
              'iterations', 'current')
    buffers = [buffer.clone() for buffer in model.buffers()]
    model.rehearses = True
    watchers, model.watchers = model.watchers, []
    try:
        outcome = runner.model.train_step(copy.deepcopy(data_batch), _Backward(optim_wrapper))
        for value in outcome.values():
            float(value)  # an error of CUDA's is raised here at the latest
    except Exception:
        print_log('the step that was tried failed. Without the trial, it would have failed after '
                  f'the burn-in of {model.burn_in} iterations. The error follows', 'current', ERROR)
        raise
    finally:
        model.rehearses, model.watchers = False, watchers
    optim_wrapper.zero_grad()
    with torch.no_grad():
        for buffer, before in zip(model.buffers(), buffers):
            buffer.copy_(before)
