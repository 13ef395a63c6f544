"""Whether gradients or weights are finite."""
from typing import Iterable, Optional

import torch
from torch import Tensor


@torch.no_grad()
def all_finite(tensors: Iterable[Optional[Tensor]]) -> bool:
    """Tell whether all gradients or weights are finite, None being so; the host waits for them.

    Args:
        tensors (Iterable[Tensor | None]): Of one device and dtype.

    Returns:
        bool: False also if one is so large that its norm is infinite.

    Example:
        >>> all_finite([torch.ones(2), None]), all_finite([torch.tensor([1., float('nan')])])
        (True, False)
    """
    there = [tensor for tensor in tensors if tensor is not None]
    if not there:
        return True
    return bool(torch.stack(torch._foreach_norm(there)).isfinite().all())
