"""What MMEngine's checkpoints hold beside tensors, made known to PyTorch's safe loading.

PyTorch 2.6 and later load with ``weights_only=True`` unless they are told otherwise, and MMEngine
tells them nothing: they would refuse what its Runner saves, so that no training could be resumed.
Importing ``mmpose_mum`` allows just that much, and safety stays on: nothing that is allowed here
runs what a file names.
"""
import pickle
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


def _method(owner: Any, name: Any) -> Callable:
    """Stand for ``getattr``, by which a pickle names a method, and find none but those above."""
    if not isinstance(owner, type) or name not in _METHODS.get(owner, ()):
        raise pickle.UnpicklingError(f'it asks for the attribute {name!r} of {owner!r}')
    return getattr(owner, name)


def allow_mmengine_checkpoints() -> None:
    """Let PyTorch load MMEngine's checkpoints safely; where it does so by default, as of 2.6.

    Logs and joints' metainfo are NumPy's arrays. They may be of numbers and text: a dtype of
    objects or records would hold whatever the file wants.
    """
    if not hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint'):  # of PyTorch 2.6
        return
    kinds = '?' + np.typecodes['AllInteger'] + np.typecodes['Float'] + 'U'
    functions = (np.empty(0).__reduce__()[0], np.float64().__reduce__()[0])
    torch.serialization.add_safe_globals([
        *_METHODS, (_method, 'builtins.getattr'),
        np.ndarray, np.dtype, *{type(np.dtype(kind)) for kind in kinds},
        # NumPy 2 renamed the module, and reads what either has written.
        *((function, f'numpy.{core}.multiarray.{function.__name__}')
          for function in functions for core in ('core', '_core'))])
