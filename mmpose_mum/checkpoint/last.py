"""Which checkpoint is a work dir's last, also after the work dir has moved."""
from pathlib import Path
from typing import Tuple

LAST = 'last_checkpoint'  # MMEngine's file


def read_last(work_dir: Path) -> Tuple[Path, Path]:
    """Read which checkpoint is a work dir's last.

    Args:
        work_dir (Path): It has a ``last_checkpoint``.

    Returns:
        tuple[Path, Path]: The path that the file names; and the one in the work dir if there is a
        checkpoint of that name, else the same path again.
    """
    named = Path((work_dir / LAST).read_text().strip())
    here = work_dir / named.name  # the work dir may have moved, and another one taken its place
    return named, here if here.is_file() else named


def find_checkpoint(path: Path) -> Path:
    """Return the checkpoint itself of a file or a work dir.

    Args:
        path (Path): Of either.

    Raises:
        ValueError: If it is neither, or if the work dir's checkpoint is gone.
    """
    if not (path / LAST).is_file():
        if not path.is_file():
            raise ValueError(f'{path} is neither a checkpoint nor a work dir with a '
                             'last_checkpoint: give one of these')
        return path
    _, found = read_last(path)
    if not found.is_file():
        raise ValueError(f'{path / LAST} names {found}, which does not exist: give a checkpoint')
    return found
