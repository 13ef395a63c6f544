"""Keypoints of a json and of a config, compared by name, as MMPose goes by position."""
import re
from typing import NamedTuple, Sequence, Tuple

_SIDES = dict(l='left', r='right', lt='left', rt='right')
_FILLERS = {'of', 'the'}


class Mismatch(NamedTuple):
    """Where two lists of names do not agree, as indices.

    Attributes:
        misplaced: Names that the other list has at another place.
        unknown: Names that the other list does not have, and that are no other spelling of the name
            at their place.
        shared: Whether the lists share any name. If not, one of them is in another language or
            numbered, which shows nothing.
    """
    misplaced: Tuple[int, ...]
    unknown: Tuple[int, ...]
    shared: bool


def compare_names(names: Sequence[str], expected: Sequence[str]) -> Mismatch:
    """Compare the names of keypoints, regardless of spelling.

    ``L_Eye`` is ``left_eye``, ``Head top`` is ``top_head``, and ``L_F_Paw`` may be
    ``left_front_paw``. Words count, not their order, and at the same place a name may be short for
    the other.

    Args:
        names (Sequence[str]): Names of the json, K of them.
        expected (Sequence[str]): Names of the config, as many.

    Returns:
        Mismatch: Where they differ.

    Examples:
        >>> compare_names(['foot', 'head', 'hip'], ['head', 'hip', 'foot']).misplaced
        (0, 1, 2)
        >>> compare_names(['L_Eye', 'Nose'], ['left_eye', 'nose'])
        Mismatch(misplaced=(), unknown=(), shared=True)
        >>> compare_names(['head', 'tail'], ['head', 'foot']).unknown
        (1,)
    """
    known = {_words(name) for name in expected}
    misplaced, unknown, shared = [], [], False
    for i, (name, own) in enumerate(zip(names, expected)):
        words = _words(name)
        if words == _words(own):
            shared = True
        elif words in known:
            shared = True
            misplaced.append(i)
        elif _may_be(words, _words(own)):
            shared = True
        else:
            unknown.append(i)
    return Mismatch(tuple(misplaced), tuple(unknown), shared)


def _words(name: str) -> Tuple[str, ...]:
    """Split a name into lower-case words, sorted."""
    spaced = re.sub(r'(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', ' ', str(name))
    words = re.findall(r'[^\W\d_]+|\d+', spaced.lower())
    return tuple(sorted(_SIDES.get(word, word) for word in words if word not in _FILLERS))


def _may_be(words: Tuple[str, ...], own: Tuple[str, ...]) -> bool:
    """Whether each word of the shorter name begins, or is begun by, a word of the longer."""
    few, many = sorted((words, own), key=len)
    return bool(few) and all(
        any(word.startswith(other) or other.startswith(word) for other in many) for word in few)
