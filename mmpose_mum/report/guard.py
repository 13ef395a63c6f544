"""What the guards of a run said in its log."""
import re
from math import inf
from pathlib import Path
from typing import List, NamedTuple, Sequence

from ..visualization.scalars import Start

# As PseudoLabelMonitorHook and LossGuardHook put it.
_SYMPTOMS = 'no signal|collapse to background|collapse to one place'
_TOLD = re.compile(
    rf'iteration (\d+): \S*(?:{_SYMPTOMS})(?::|"? is over)'
    r'|iteration (\d+): .*This step is skipped|the unlabeled images never count', re.S)
_RECORD = re.compile(  # a line that begins one: time, logger, level, and then the text
    r'^\d[\d/]* \d\d:\d\d:\d\d - \w+ - (?P<level>[A-Z]+) - (?P<text>.*)$')


class Message(NamedTuple):
    """What a guard said.

    Attributes:
        text: Its words, which name the iteration.
        bad: Whether something is wrong, rather than over.
    """
    text: str
    bad: bool


def read_messages(work_dir: Path, starts: Sequence[Start]) -> List[Message]:
    """Read what the guards logged, in its order.

    Args:
        work_dir (Path): With ``*/*.log`` by MMEngine, one for each start.
        starts (list[Start]): What the starts have logged besides.

    Returns:
        list[Message]: Empty if they said nothing. What a later start did again is left out.
    """
    found = []
    by_folder = {start.folder: start for start in starts}
    for path in sorted(work_dir.glob('*/*.log')):
        start = by_folder.get(path.parent)
        for text in _records(path.read_text(encoding='utf-8', errors='replace')):
            told = _TOLD.search(text)
            if told and start and start.end < inf and start.end <= float(
                    told[1] or told[2] or start.begin):
                continue
            if told:  # an error has the place in the source in front of it
                found.append(Message(text[told.start():].strip(), not told[0].endswith(' is over')))
    return found


def _records(log: str) -> List[str]:
    """Split a log into its records, whose texts may have several lines."""
    texts: List[str] = []
    for line in log.splitlines():
        begin = _RECORD.match(line)
        if begin:
            texts.append(begin['text'])
        elif texts:
            texts[-1] += '\n' + line
    return texts
