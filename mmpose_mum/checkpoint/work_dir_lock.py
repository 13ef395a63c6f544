"""A work dir in which one process trains at a time."""
import errno
import os
import socket
import time
from pathlib import Path
from typing import Dict, TextIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = 'training.lock'
# The locks of this process, by path: closing any file of the same name would give one up.
_held: Dict[str, TextIO] = {}


def lock_work_dir(work_dir: str) -> None:
    """Claim a work dir for this process until it ends, however it ends, or unlocks it.

    Two trainings in one work dir would delete each other's checkpoints and resume from each
    other's. The system's record lock is not inherited by the workers of a loader, which may outlive
    a killed training for some seconds, and on most network drives it holds across machines. Where
    there are no locks, nothing is claimed. A process may claim a work dir again.

    Args:
        work_dir (str): The work dir. A file ``training.lock`` in it names the process.

    Raises:
        RuntimeError: If another process trains in it; the error names process and machine.
    """
    path = Path(work_dir).resolve() / LOCK
    if fcntl is None or str(path) in _held:
        return
    try:
        file = open(path, 'a+')
    except OSError:  # a full or read-only disk: the checkpoint will tell
        return
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        with file:
            owner = file.read().strip() or 'another process'
        if error.errno not in (errno.EACCES, errno.EAGAIN):  # no locks on this drive
            return
        raise RuntimeError(
            f'{owner} trains in {work_dir}, or writes its checkpoints there. Two trainings '
            "overwrite each other's checkpoints: stop that one, or give this one a --work-dir of "
            'another name. A notebook whose training has failed keeps its work dir until its '
            'kernel ends') from None
    _held[str(path)] = file
    try:
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()}, since '
                   f'{time.strftime("%Y-%m-%d %H:%M:%S")},')
        file.flush()
    except OSError:  # a full disk
        pass


def unlock_work_dir(work_dir: str) -> None:
    """Give a work dir back; the file stays, as another process may wait at it."""
    file = _held.pop(str(Path(work_dir).resolve() / LOCK), None)
    if file is not None:
        try:
            file.close()
        except OSError:  # a full disk: what names the process could not be written
            pass
