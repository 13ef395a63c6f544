"""The scalars that MMEngine logged in a run's work dir, for the tools that draw or count them."""
import json
import re
from math import inf
from pathlib import Path
from typing import List, NamedTuple, Sequence

from .._moved import SCALARS
from ..files.json_text import decode_text

# Old name → new name, also with a dual model's prefix.
_RENAMED = {pair + old: pair + new for pair in ('', 'second_') for old, new in SCALARS.items()}


class Start(NamedTuple):
    """What one start of a run has logged.

    Attributes:
        folder: MMEngine's, in the work dir, which is called by the time.
        begin: The first iteration that was logged, infinite if none was; 0 if the training did not
            resume, but started over.
        end: The first iteration that a later start has logged, infinite if none has.
        entries: As :func:`read_scalars` returns them, up to the end.
    """
    folder: Path
    begin: float
    end: float
    entries: List[dict]


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
    return entries_of(read_starts(work_dir))


def entries_of(starts: Sequence[Start]) -> List[dict]:
    """Return what all starts have logged, in its order."""
    return [entry for start in starts for entry in start.entries]


def read_starts(work_dir: Path) -> List[Start]:
    """Read what each start of a run has logged, and where the next one went on.

    Args:
        work_dir (Path): See :func:`read_scalars`.

    Returns:
        list[Start]: In the order of the starts, each without what a later one did again.

    Raises:
        ValueError: As :func:`read_scalars`.
    """
    starts: List[Start] = []
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        entries = _read_lines(path)
        begin = min((e['step'] for e in entries if 'iter' in e), default=inf)
        if begin < inf and _is_new(path.with_name('config.py')):
            begin = 0
        # A validation is cut with the iterations before it: its own step may count epochs.
        starts = [start._replace(end=min(start.end, begin), entries=start.entries[:next(
            (i for i, entry in enumerate(start.entries)
             if 'iter' in entry and entry['step'] >= begin), None)]) for start in starts]
        starts.append(Start(path.parents[1], begin, inf, entries))
    return starts


def _is_new(config: Path) -> bool:
    """Tell whether a start is no resume, by the text of the config that MMEngine wrote for it."""
    return config.is_file() and bool(re.search(
        r'^resume = False$', config.read_text(encoding='utf-8', errors='replace'), re.MULTILINE))


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
