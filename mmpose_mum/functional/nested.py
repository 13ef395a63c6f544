"""List or change the tensors in nested tuples, lists and dicts."""
from typing import Any, Callable, List

from torch import Tensor


def map_tensors(fn: Callable[[Tensor], Any], value: Any) -> Any:
    """Apply ``fn`` to each tensor in nested tuples, lists and dicts, and keep everything else.

    MMEngine's ``apply_to`` does the same, but nothing in this folder needs MMEngine.

    Example:
        >>> map_tensors(Tensor.item, {'loss': Tensor([2]), 'all': [Tensor([3]), 'kept']})
        {'loss': 2.0, 'all': [3.0, 'kept']}
    """
    if isinstance(value, Tensor):
        return fn(value)
    if isinstance(value, (list, tuple)):
        items = [map_tensors(fn, v) for v in value]
        return type(value)(*items) if hasattr(value, '_fields') else type(value)(items)
    if isinstance(value, dict):
        return type(value)((k, map_tensors(fn, v)) for k, v in value.items())
    return value


def tensors_of(value: Any) -> List[Tensor]:
    """List the tensors in nested tuples, lists and dicts, in order.

    Example:
        >>> tensors_of({'loss': Tensor([2]), 'all': [Tensor([3]), 'not this']})
        [tensor([2.]), tensor([3.])]
    """
    found: List[Tensor] = []
    map_tensors(found.append, value)
    return found
