"""JSON files in which tools keep what took long: written whole, read back, or refused."""
import json
from pathlib import Path
from typing import Any, Collection, Iterable

from mmpose_mum.coco.layout import load_json
from mmpose_mum.files.whole import write_whole


def read_kept(path: Path) -> Any:
    """Read what a tool has kept, None if the file is missing or empty.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no JSON: with the file, what it is and what to do. It stays as it is.
    """
    if not path.exists() or (path.is_file() and not path.read_bytes().strip()):
        return None
    try:
        return load_json(str(path))
    except ValueError as error:
        raise ValueError(f'{error}. It stays as it is: repair it or move it away, or give another '
                         'file') from error


def read_rows(path: Path, keys: Collection[str], tool: str) -> list:
    """Read a list of records, empty if the file is missing or empty.

    Args:
        path (Path): The file.
        keys (Collection[str]): Those that each record has.
        tool (str): What writes such files, for the error.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it holds something else.
    """
    rows = read_kept(path)
    if rows is None:
        return []
    for row in rows if isinstance(rows, list) else [rows]:
        missing = set(keys) - set(row) if isinstance(row, dict) else set(keys)
        if missing or not isinstance(rows, list):
            raise ValueError(
                f'{path}: expected a list of records with {", ".join(sorted(keys))}, as {tool} '
                f'writes it, got {str(row)[:80]!r}. It stays as it is: give another file')
    return rows


def write_rows(path: Path, rows: Iterable[dict]) -> None:
    """Write a list of records, one a line; a killed tool leaves the old file."""
    lines = ',\n'.join(' ' + json.dumps(row, ensure_ascii=False) for row in rows)
    write_whole(f'[\n{lines}\n]\n', path)
