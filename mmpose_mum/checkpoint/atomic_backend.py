"""Files that are there as a whole or not at all."""
import os
import shutil
from pathlib import Path
from typing import Union

from mmengine.fileio import LocalBackend, register_backend

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


def write_whole(content: bytes, path: Path, partial: Path) -> None:
    """Write a file beside its place, and rename it when all is on the disk.

    A process that is killed at any moment leaves the old file or the new one, never half of one.

    Args:
        content (bytes): What to write.
        path (Path): Where it belongs; folders are made, and a file of that name is replaced.
        partial (Path): The file beside it, which a killed process leaves.

    Raises:
        OSError: If it cannot be written: with the path, the bytes needed and those free. The file
            is what it was before, and nothing is left beside it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, 'wb') as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        os.replace(partial, path)
    except BaseException as error:  # a keyboard's interrupt, too
        try:
            partial.unlink()
        except OSError:  # it was not even made, or the folder is as broken as the file
            pass
        if isinstance(error, OSError):
            raise OSError(
                error.errno, f'{error.strerror or error}: {path} needs {len(content):,} bytes'
                + _free_bytes(path.parent)) from error
        raise


def _free_bytes(folder: Path) -> str:
    try:
        return f', {shutil.disk_usage(folder).free:,} are free'
    except OSError:
        return ''
