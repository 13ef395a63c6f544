"""Evaluation mode for a while, as a teacher needs it."""
from contextlib import contextmanager
from typing import Iterator

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch a model to evaluation mode, and at the end each module back to its own mode.

    ``model.train()`` at the end would be wrong: some modules may be frozen in evaluation mode.

    Args:
        model (nn.Module): The model.

    Example:
        >>> model = nn.Dropout()
        >>> with evaluating(model):
        ...     model.training
        False
        >>> model.training
        True
    """
    training = [module for module in model.modules() if module.training]
    if training:  # an EMAN teacher has none, and this is done in every step
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
