"""Read a checkpoint from a stranger: its tensors come out, and nothing that is in it is run."""
import pickle
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, Union

import torch

ZIP_MAGIC = b'PK\x03\x04'


class Ignored:
    """Stand for what a checkpoint holds besides tensors; accept everything and do nothing."""

    def __init__(self, *args, **kwargs) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        """Take an item of a list."""

    def extend(self, items: Any) -> None:
        """Take items of a list."""


class _Function:
    """A function that a pickle may call, and not set attributes of."""

    __slots__ = ('_function', )

    def __init__(self, function: Callable) -> None:
        self._function = function

    def __call__(self, *args) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError('it sets the attributes of a function')


class _TensorFunction(_Function):
    """A function that makes a tensor of a storage, which PyTorch would enlarge to any size."""

    __slots__ = ()

    def __call__(  # type: ignore[override]
            self, storage, offset, size, stride, *args) -> torch.Tensor:
        held = storage._untyped_storage.nbytes() // storage.dtype.itemsize
        asked = 1 + offset + sum((n - 1) * step for n, step in zip(size, stride))
        if 0 not in size and asked > held:
            raise pickle.UnpicklingError(
                f'a tensor asks for {asked} values, and the file holds {held} of them')
        return self._function(storage, offset, size, stride, *args)


_DTYPES = {('torch', name): dtype for name, dtype in vars(torch).items()
           if isinstance(dtype, torch.dtype)}
# What tensors are made of. PyTorch itself finds the classes of storages before it asks for them.
_TENSOR_PARTS = {
    **_DTYPES,
    ('collections', 'OrderedDict'): OrderedDict,
    ('torch', 'Size'): torch.Size,
    **{('torch._utils', function.__name__): _TensorFunction(function) for function in (
        torch._utils._rebuild_tensor, torch._utils._rebuild_tensor_v2)},
    ('torch._utils', '_rebuild_parameter'): _Function(torch._utils._rebuild_parameter),
}
# What else MMEngine's Runner saves (logs, numbers, keypoint metainfo), by top-level module …
_IGNORED_MODULES = {'numpy', '_codecs', 'datetime', 'pathlib', 'mmengine', 'mmcv', 'mmdet',
                    'mmpose', 'mmpretrain', 'mmpose_mum'}
# … and by name. Those of Python 2 are among them: torch.save writes pickles that use them.
_IGNORED_NAMES = {
    *((module, name) for module in ('builtins', '__builtin__') for name in (
        'getattr', 'object', 'bool', 'int', 'long', 'float', 'complex', 'bytes', 'bytearray',
        'str', 'unicode', 'list', 'tuple', 'dict', 'set', 'frozenset', 'slice', 'range',
        'xrange')),
    *(('collections', name) for name in ('Counter', 'defaultdict', 'deque')),
    ('copyreg', '_reconstructor'), ('copy_reg', '_reconstructor'), ('torch', 'device')}


class _TensorUnpickler(pickle.Unpickler):
    """Python's unpickler for tensors, which ignores known other objects and refuses the rest.

    Nothing is looked up by the name that the file gives, so nothing is imported or called.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Return what a global of the file stands for; raise UnpicklingError if it is refused."""
        if (module, name) in _TENSOR_PARTS:
            return _TENSOR_PARTS[module, name]
        if module.split('.')[0] in _IGNORED_MODULES or (module, name) in _IGNORED_NAMES:
            return Ignored
        raise pickle.UnpicklingError(f'it contains {module}.{name}')


_PARALLEL = 'module.'  # what a model that was saved inside of DistributedDataParallel begins with
_PICKLE = SimpleNamespace(__name__='mmpose_mum.checkpoint.safe_load', Unpickler=_TensorUnpickler)


def load_checkpoint(path: Union[str, Path]) -> Dict[str, Any]:
    """Read a checkpoint safely, even if you do not trust it.

    MMEngine's Runner saves objects besides the tensors. ``torch.load(weights_only=True)`` refuses
    them, except from PyTorch 2.6 on with ``safe_globals``. Here they come back as :class:`Ignored`,
    on any version and without being imported. A file with any unexpected object is refused.

    Args:
        path (str | Path): What ``torch.save`` wrote, as by MMEngine's Runner.

    Returns:
        dict: The checkpoint, on the CPU, with a ``state_dict`` of tensors by name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, or one with something else in it; the message names it.
    """
    if Path(path).is_dir():
        inside = ', '.join(sorted(file.name for file in Path(path).glob('*.pth')))
        raise FileNotFoundError(f'{str(path)!r} is a folder, and a checkpoint was expected'
                                + (f': give one of its files, {inside}' if inside else
                                   '. It holds no .pth file'))
    if not Path(path).is_file():
        raise FileNotFoundError(f'there is no checkpoint {str(path)!r}')
    try:
        _check_container(path)
        # The argument is younger than the default, which differs between versions of PyTorch.
        checkpoint = torch.load(
            str(path), map_location='cpu', pickle_module=_PICKLE, weights_only=False)
    # A broken file can make the readers raise anything.
    except Exception as error:
        raise ValueError(f'{str(path)!r} is refused. A checkpoint may hold tensors and what '
                         'MMEngine saves with them. If the file is broken, copy or download it '
                         f'again. The reader says: {error}') from error
    weights = checkpoint.get('state_dict', checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(weights, dict) or not weights or not all(
            isinstance(key, str) and isinstance(value, torch.Tensor)
            for key, value in weights.items()):
        raise ValueError(f'{str(path)!r} is no checkpoint of MMEngine\'s: it has no state_dict of '
                         'tensors by name')
    if weights is checkpoint:  # PyTorch's own habit
        checkpoint = dict(state_dict=weights)
    if all(key.startswith(_PARALLEL) for key in weights):
        checkpoint['state_dict'] = {
            key[len(_PARALLEL):]: value for key, value in weights.items()}
    return checkpoint


def _check_container(path: Union[str, Path]) -> None:
    """Refuse files that torch.load would not read by our unpickler, or not by it alone."""
    with open(path, 'rb') as file:
        if file.read(len(ZIP_MAGIC)) != ZIP_MAGIC:
            raise ValueError(
                'it is not in the format of PyTorch 1.6 and later. If it is a checkpoint, bring it '
                "into that by torch.save(torch.load('OLD.pth', map_location='cpu', "
                "weights_only=True), 'NEW.pth')")
    reader: Any = torch._C.PyTorchFileReader(str(path))  # PyTorch's stub lacks has_record
    if reader.has_record('constants.pkl'):
        raise ValueError('it is a TorchScript program')
