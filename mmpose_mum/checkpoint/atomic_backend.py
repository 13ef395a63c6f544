"""MMEngine's backend for checkpoints that are there as a whole or not at all."""
from pathlib import Path
from typing import Union

from mmengine.fileio import LocalBackend, register_backend

from ..files.whole import write_whole

PARTIAL = 'checkpoint.partial'  # one name: what a killed process left is overwritten by the next


class AtomicLocalBackend(LocalBackend):
    """MMEngine's ``LocalBackend`` that writes by :func:`write_whole`.

    Beside the file there may remain a ``checkpoint.partial``, which the next writing takes for
    itself. Registered as ``'atomic_local'``, for ``backend_args=dict(backend='atomic_local')``.
    """

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        """Write bytes as :func:`write_whole` does."""
        path = Path(filepath)
        write_whole(obj, path, path.with_name(PARTIAL))

    def put_text(self, obj: str, filepath: Union[str, Path], encoding: str = 'utf-8') -> None:
        """Write text as :meth:`put` does bytes."""
        self.put(obj.encode(encoding), filepath)


register_backend('atomic_local', AtomicLocalBackend, force=True)
