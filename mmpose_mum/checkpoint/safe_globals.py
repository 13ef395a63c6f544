"""Let PyTorch's safe loading accept what MMEngine's checkpoints hold besides tensors.

PyTorch 2.6 and later load with ``weights_only=True`` by default, and MMEngine keeps this default.
So they would refuse what its Runner saves, and no training could be resumed. Importing
``mmpose_mum`` allows just that much. Loading stays safe: nothing that is allowed here runs what a
file names, or allocates more than the file holds.
"""
import datetime
import pickle
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import OneCycleParamScheduler

# Methods that are pickled: a log's statistics, and how a schedule of one cycle comes down.
_METHODS = {
    HistoryBuffer: ('min', 'max', 'current', 'mean'),
    OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear'),
}
# Arrays of numbers and text. Those of objects or records would hold whatever the file wants, and
# NumPy 2 crashes at a date's dtype that lacks its unit.
_DTYPES = {type(np.dtype(kind)) for kind in
           '?' + np.typecodes['AllInteger'] + np.typecodes['AllFloat'] + 'SU'}
_PATH = type(Path())


def _method(owner: Any, name: Any) -> Callable:
    """Stand for ``getattr``, by which a pickle names a method, and find none but those above."""
    if not isinstance(owner, type) or name not in _METHODS.get(owner, ()):
        raise pickle.UnpicklingError(f'it asks for the attribute {name!r} of {owner!r}')
    return getattr(owner, name)


def _bytes(*content: Any) -> bytes:
    """Stand for ``bytes``, by which a pickle names empty ones; a number would be a size."""
    if content:
        raise pickle.UnpicklingError(f'it asks for bytes of {content!r}')
    return b''


def _dtype(kind: Any, *_: Any) -> np.dtype:
    """Stand for ``numpy.dtype``, and make none but those above."""
    plain = isinstance(kind, str) and kind.isalnum()  # neither records nor arrays of arrays
    dtype = np.dtype(kind, False, True) if plain else None
    if type(dtype) not in _DTYPES:
        raise pickle.UnpicklingError(f'it asks for an array of {kind!r}, not of numbers or text')
    return dtype


def _array(*arguments: Any) -> np.ndarray:
    """Stand for ``numpy.ndarray`` and for how NumPy makes the empty one that it fills."""
    if arguments != (_array, (0, ), b'b'):
        raise pickle.UnpicklingError('it asks for an array that the file does not hold')
    return np.ndarray((0, ), 'b')


def _scalar(dtype: np.dtype, content: bytes) -> np.generic:
    """Stand for how NumPy makes a number, which without content may be of any size."""
    return np.float64().__reduce__()[0](dtype, content)


def allow_mmengine_checkpoints() -> None:
    """Let PyTorch load MMEngine's checkpoints safely, from 2.6 on, where this is the default.

    PyTorch never fills a ``defaultdict`` or a ``deque``. MMEngine saves none.
    """
    if not hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint'):  # of PyTorch 2.6
        return
    torch.serialization.add_safe_globals([  # type: ignore[attr-defined]
        *_METHODS, (_method, 'builtins.getattr'), (_bytes, 'builtins.bytes'),
        (_dtype, 'numpy.dtype'), (_array, 'numpy.ndarray'),
        # NumPy 2 renamed the module, and reads what either has written.
        *((function, f'numpy.{core}.multiarray.{name}') for core in ('core', '_core')
          for function, name in ((_array, '_reconstruct'), (_scalar, 'scalar'))),
        # Filled, and not called: a name without a dot is none that a pickle can spell.
        (np.ndarray, 'ndarray'), *((dtype, dtype.__name__) for dtype in _DTYPES),
        frozenset, range, datetime.date, datetime.datetime, datetime.time, datetime.timedelta,
        datetime.timezone,
        # Python 3.13 renamed the module, and 3.14 named it as before.
        *((_PATH, f'{module}.{_PATH.__name__}') for module in ('pathlib', 'pathlib._local'))])
