"""Files that are there as a whole or not at all."""
import os
import shutil
from pathlib import Path
from tempfile import TemporaryFile
from typing import Optional, Union


def write_whole(content: Union[str, bytes], path: Path, partial: Optional[Path] = None) -> None:
    """Write a file under another name, and rename it when it is complete.

    A process that is killed at any moment leaves the old file or the new one, never half of one.

    Args:
        content (str | bytes): What to write; text as UTF-8.
        path (Path): Where it belongs; folders are made, and a file of that name is replaced.
        partial (Path, optional): The other name, which a killed process leaves behind. Defaults to
            a hidden one of this process, so two may write the same file.

    Raises:
        OSError: If it cannot be written: with the path, the bytes needed and those free. The file
            is unchanged, and nothing else is left behind.
    """
    # Names of files that are no UTF-8 come as surrogates.
    content = content.encode(errors='backslashreplace') if isinstance(content, str) else content
    partial = partial or path.with_name(f'.{path.name}.{os.getpid()}.tmp')
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


def check_writable(path: Path) -> None:
    """Find out before long work that a file could not be written after it.

    Args:
        path (Path): Where it will be written; its folder need not exist yet.

    Raises:
        OSError: If there is a folder of its name, or no file can be made there. The message says
            what to do.
    """
    if path.is_dir():
        raise IsADirectoryError(f'{path} is a folder, and a file is to be written: name a file in '
                                'it')
    folder = path.parent
    try:
        there = next(place for place in (folder, *folder.parents) if place.exists())
        TemporaryFile(dir=there).close()
    except OSError as error:
        raise OSError(f'cannot write to {folder}: {error}. Name another place') from error


def _free_bytes(folder: Path) -> str:
    try:
        return f', {shutil.disk_usage(folder).free:,} are free'
    except OSError:
        return ''
