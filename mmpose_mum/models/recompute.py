"""Activation checkpoints in a step in which the student runs twice."""
from contextlib import contextmanager
from typing import Any, Callable, Iterator

import mmengine.runner.activation_checkpointing as of_mmengine
import torch.utils.checkpoint as of_torch
from torch import nn

from .mixing.sites import own_checkpoints, recomputes

_PLAIN = of_torch.checkpoint


def has_checkpoints(model: nn.Module) -> bool:
    """Tell if a model recomputes activations, by own switches or ``activation_checkpointing``."""
    return any(own_checkpoints(module) or recomputes(module)
               for module in model.modules())


@contextmanager
def not_reentrant() -> Iterator[None]:
    """Make the activation checkpoints inside the ``with`` block non-reentrant.

    The student sees labeled and unlabeled images in one step. PyTorch's reentrant checkpoints,
    which MMPose and MMEngine use, run a backward pass of their own each time. So a parameter
    would be ready twice, which ``DistributedDataParallel`` refuses.
    """
    before = of_torch.checkpoint, of_mmengine.checkpoint
    of_torch.checkpoint = of_mmengine.checkpoint = _not_reentrant
    try:
        yield
    finally:
        of_torch.checkpoint, of_mmengine.checkpoint = before


def _not_reentrant(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    def inside(*args: Any, **kwargs: Any) -> Any:
        with not_reentrant():  # for checkpoints in it: the backward pass lies behind the block
            return function(*args, **kwargs)
    return _PLAIN(inside, *args, **{'use_reentrant': False, **kwargs})
