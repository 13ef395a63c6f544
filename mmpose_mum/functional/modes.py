"""Evaluation mode for a while, as a teacher needs it."""
from contextlib import contextmanager
from typing import Iterator

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch a model to evaluation mode, and at the end each module back to its own mode.

    ``model.train()`` alone would be wrong at the end, as some modules may be frozen in evaluation
    mode. The flags alone would be wrong, too, as some modules do more than set theirs.

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
    own = model.training
    training = [module for module in model.modules() if module.training]
    if training:  # an EMAN teacher has none, and this is done in every step
        model.eval()
    try:
        yield
    finally:
        if training:
            model.train(own)
            for module in model.modules():
                module.training = False
            for module in training:
                module.training = True
