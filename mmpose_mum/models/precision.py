"""Outputs in float32 where the host needs them, under autocast as well."""
from contextlib import contextmanager
from typing import Any, Callable, Iterator

from mmpose.models.heads.base_head import BaseHead
from torch import Tensor, nn

from ..functional.nested import map_tensors


@contextmanager
def float32_outputs(model: nn.Module) -> Iterator[None]:
    """Let a head give float32 meanwhile.

    The losses of most of MMPose's heads compute an accuracy in NumPy, which has no bfloat16. They
    call the head's own ``forward``, past any hook. Nested heads are handled too.

    Args:
        model (nn.Module): The head, or a model with heads in it.
    """
    heads = [module for module in model.modules() if isinstance(module, BaseHead)]

    def wrapped(forward: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: map_tensors(Tensor.float, forward(*args, **kwargs))

    own = [vars(head).get('forward') for head in heads]  # activation checkpointing puts one there
    for head in heads:
        head.forward = wrapped(head.forward)
    try:
        yield
    finally:
        for head, forward in zip(heads, own):
            if forward is None:
                vars(head).pop('forward')  # with `del`, torch.compile would fail
            else:
                head.forward = forward
