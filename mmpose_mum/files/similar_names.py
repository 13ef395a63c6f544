"""A hint for a file that is not there: one of nearly the same name that is."""
import mimetypes
import os
import os.path as osp
import re
from functools import lru_cache
from itertools import islice
from typing import Any, Callable, Iterator, List, Tuple
from unicodedata import normalize
from urllib.parse import unquote

from .video import split_frame_name

_MAX_FOLDERS = 50  # below the root that are looked into

# What programs do to names, in the order in which it is undone.
_REWRITTEN: Tuple[Tuple[str, Callable[[str], str]], ...] = (
    ('blanks around it', str.strip),
    ("Windows' backslashes", lambda name: name.replace('\\', '/')),
    ("a URL's escapes", unquote),
    ("Label Studio's prefix", lambda name: re.sub(
        r'(^|/)[0-9a-f]{8}-(?=[^/]+$)', r'\1', name)),
)
# How two names may differ that mean the same file, from the least difference on.
_SPELLINGS: Tuple[Tuple[str, Callable[[str], Any]], ...] = (
    ('Unicode form (NFC or NFD, as macOS packs it)', lambda name: normalize('NFC', name)),
    ('upper or lower case', lambda name: normalize('NFC', name).casefold()),
    ('suffix', lambda name: _is_image(name) and osp.splitext(
        normalize('NFC', name).casefold())[0]),
)


def similar_name(path: str) -> str:
    """Look for a file that a path could mean which does not exist.

    Another Unicode form, other case or another suffix; Windows' backslashes, a URL's ``%20``,
    Label Studio's prefix; a path of another machine whose end is there; and a folder in which it
    is. Looked for below that of the path's folders which exists, and below the current one.

    Args:
        path (str): What was looked for; of a frame, its video's.

    Returns:
        str: Words to append to an error, such as ``"; there is 'a/1.JPG', with another upper or
        lower case"``; empty if there is no such file.
    """
    path = os.fspath(path)
    path = (split_frame_name(path) or [path])[0]
    root = osp.dirname(path)
    while root and not osp.isdir(root):
        root = osp.dirname(root)
    list_folder = lru_cache(None)(_list_folder)
    hint = _below(root, path[len(root):], path, list_folder)
    return hint or (_below('', path, path, list_folder) if root else '')


def _below(root: str, name: str, path: str, list_folder: Callable[[str], List[str]]) -> str:
    """Return the hint on a file below a folder that ``name`` could mean, empty if there is none."""
    for plain, rewritten in _names(name):
        # Label Studio writes /data/local-files/?d=train/1.jpg
        parts = [part for part in re.split(r'/|\?d=', plain) if part not in ('', '.')]
        for skipped in range(len(parts)):
            for folder, moved in _folders(root):
                found, spelled = _find(folder, parts[skipped:], list_folder)
                if not found or osp.normpath(found) == osp.normpath(path):
                    continue
                reasons = [f'without {what}' for what in rewritten]
                reasons += [f'with another {what}' for what in spelled]
                if skipped:
                    reasons.append(f'without {"/".join(parts[:skipped])!r} before it')
                if moved:
                    reasons.append('in a folder below')
                shown = ascii(found) if any('Unicode' in what for what in spelled) else repr(found)
                return f'; there is {shown}, {", ".join(reasons)}'
    return ''


def _names(name: str) -> Iterator[Tuple[str, List[str]]]:
    """Yield the name, and what it is after each program's doing is undone."""
    undone: List[str] = []
    yield name, undone
    for what, undo in _REWRITTEN:
        plain = undo(name)
        if plain != name:
            name, undone = plain, [*undone, what]
            yield name, undone


def _folders(root: str) -> Iterator[Tuple[str, bool]]:
    yield root, False
    try:
        with os.scandir(root or '.') as entries:
            folders = islice((entry.name for entry in entries if entry.is_dir()), _MAX_FOLDERS)
            yield from ((osp.join(root, folder), True) for folder in sorted(folders))
    except OSError:
        return


def _find(folder: str, parts: List[str],
          list_folder: Callable[[str], List[str]]) -> Tuple[str, List[str]]:
    """Follow a path's parts down from a folder, whatever their spelling.

    Returns:
        tuple: The file's path, empty if there is none; and in what its spelling differs.
    """
    spelled: List[str] = []
    for part in parts:
        there = osp.join(folder, part)
        if not osp.exists(there):
            for what, spell in _SPELLINGS:
                same = [entry for entry in list_folder(folder) if spell(entry) == spell(part)]
                if same and spell(part):
                    there = osp.join(folder, min(same))
                    spelled.append(what)
                    break
            else:
                return '', []
        folder = there
    return (folder, list(dict.fromkeys(spelled))) if osp.isfile(folder) else ('', [])


def _list_folder(folder: str) -> List[str]:
    try:
        return os.listdir(folder or '.')
    except OSError:
        return []


def _is_image(name: str) -> bool:
    kind, _ = mimetypes.guess_type(name, strict=False)
    return (kind or '').startswith(('image/', 'video/'))
