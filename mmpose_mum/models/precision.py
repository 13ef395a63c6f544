"""float32 where it is needed under autocast: for the host, and in losses."""
from contextlib import contextmanager, nullcontext
from typing import Any, Callable, ContextManager, Dict, Iterator

import torch
from mmpose.models.heads import RegressionHead, RLEHead
from mmpose.models.heads.base_head import BaseHead
from torch import Tensor, nn

from ..functional.nested import map_tensors, tensors_of

# Their last layer is linear and gives coordinates. bfloat16 has 8 binary digits: in the second half
# of a view of 256 pixels, keypoints could lie at whole pixels only.
_COORDINATE_HEADS = (RegressionHead, RLEHead)


def without_autocast(device: str) -> ContextManager[Any]:
    """Return a context without autocast, for a device's type.

    On devices that know no autocast, such as Apple's in PyTorch 2.1, it does nothing.
    """
    try:
        return torch.autocast(device, enabled=False)
    except RuntimeError:
        return nullcontext()


@contextmanager
def float32_outputs(model: nn.Module) -> Iterator[None]:
    """Let heads give float32 meanwhile, and compute their losses in it.

    The losses of most of MMPose's heads compute an accuracy in NumPy, which has no bfloat16. They
    call the head's own ``forward``, past any hook. Nested heads are handled too. On GPUs, PyTorch
    refuses some losses under autocast, such as the binary cross entropy of VisPredictHead. Heads
    whose last layer gives coordinates compute those in float32, too.

    Args:
        model (nn.Module): The head, or a model with heads in it.
    """
    wrappers: Dict[nn.Module, Callable[..., Any]] = {}
    for head in [module for module in model.modules() if isinstance(module, BaseHead)]:
        wrappers[head] = (_computing_in_float32 if isinstance(head, _COORDINATE_HEADS)
                          else _giving_float32)
        for name, loss in head.named_children():
            if 'loss' in name:
                parts = loss if isinstance(loss, nn.ModuleList) else [loss]
                wrappers.update({part: _computing_in_float32 for part in parts})
    own = {module: vars(module).get('forward') for module in wrappers}  # of checkpointing, say
    for module, wrapper in wrappers.items():
        module.forward = wrapper(module.forward)
    try:
        yield
    finally:
        for module, forward in own.items():
            if forward is None:
                vars(module).pop('forward')  # with `del`, torch.compile would fail
            else:
                module.forward = forward


def _giving_float32(forward: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: map_tensors(Tensor.float, forward(*args, **kwargs))


def _computing_in_float32(forward: Callable[..., Any]) -> Callable[..., Any]:
    def computed(*args: Any, **kwargs: Any) -> Any:
        device = next((x.device.type for x in tensors_of((args, kwargs))), 'cpu')
        with without_autocast(device):
            return forward(*map_tensors(_as_float32, args), **map_tensors(_as_float32, kwargs))
    return computed


def _as_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
