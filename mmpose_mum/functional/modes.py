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
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
