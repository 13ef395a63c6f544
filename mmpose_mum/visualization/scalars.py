"""The scalars that MMEngine logged in a run's work dir, for the tools that draw or count them."""
import json
from pathlib import Path
from typing import List

from .._moved import SCALARS
from ..files.json_text import decode_text

# Old name → new name, also with a dual model's prefix.
_RENAMED = {pair + old: pair + new for pair in ('', 'second_') for old, new in SCALARS.items()}


def read_scalars(work_dir: Path) -> List[dict]:
    """Read what a run has logged; the part before a resume ends where the later part begins.

    Args:
        work_dir (Path): With ``*/vis_data/scalars.json`` by MMEngine's LocalVisBackend, one for
            each start.

    Returns:
        list[dict]: The entries in the order in which they were logged, each with its ``step``, and
        old names replaced with new ones. Empty if there are none.

    Raises:
        ValueError: If a line is no such entry. A truncated last line, as of a killed run, is left
            out with a message.
    """
    entries: List[dict] = []
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        later = _read_lines(path)
        begin = min((e['step'] for e in later if 'iter' in e), default=float('inf'))
        entries = [entry for entry in entries if entry['step'] < begin] + later
    return entries


def _read_lines(path: Path) -> List[dict]:
    entries, lines = [], decode_text(path.read_bytes(), path).splitlines()
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
        except ValueError:
            if number == len(lines):
                print(f'{path}: the last line is truncated and left out')
                break
            entry = None
        if not isinstance(entry, dict) or 'step' not in entry:
            raise ValueError(f'{path}, line {number}: expected a JSON object with a step, as '
                             f'MMEngine writes it, got {line[:60]!r}')
        entries.append({_RENAMED.get(key, key): value for key, value in entry.items()})
    return entries
