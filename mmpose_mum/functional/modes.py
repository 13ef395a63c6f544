"""Evaluation mode for a while, as a teacher needs it."""
from contextlib import contextmanager
from typing import Iterator

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Context of evaluation mode, which gives each module back the mode that it had.

    ``model.train()`` afterwards would not: parts of a model may have been frozen in this mode.

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
