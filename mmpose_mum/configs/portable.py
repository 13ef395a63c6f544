"""A config without what only the machine that it was written on has: its folders and accounts."""
import posixpath
import re
from typing import Any, Dict, Iterator, List, Tuple

from .components import map_dicts

# Where a machine's files are read by other means than from its disk, credentials included, and
# where an evaluation puts files. The defaults serve everywhere.
_OF_THE_MACHINE = ('backend_args', 'file_client_args', 'outfile_prefix', 'collect_dir')
# A POSIX path or home, a Windows drive or share, a URI.
_ABSOLUTE = re.compile(r'[~/\\]|[A-Za-z]:[\\/]|[A-Za-z][\w+.-]*://')


def portable(entries: Dict[str, Any]) -> Tuple[Dict[str, Any], Dict[str, str]]:
    """Remove a machine's file clients, and replace its folders with ``data``.

    Relative paths, which are usual in MMPose, stay as they are. Absolute ones keep what lies below
    the outermost folder. Several such folders become ``data/1``, ``data/2``, ….

    Args:
        entries (dict): Name → value of builtin types, of :func:`plain_config`.

    Returns:
        tuple[dict, dict[str, str]]: The entries, and folder of the machine → what stands for it.
    """
    entries = map_dicts(lambda node: {
        key: value for key, value in node.items() if key not in _OF_THE_MACHINE}, entries)
    folders: List[str] = []
    for path in sorted({_folder(text) for text in _absolute(entries)}, key=lambda p: (len(p), p)):
        if not any(_is_below(path, folder) for folder in folders):
            folders.append(path)
    folders.sort()
    moved = {folder: 'data' if len(folders) == 1 else f'data/{i}'
             for i, folder in enumerate(folders, 1)}
    return _renamed(entries, moved), moved


def _absolute(node: Any) -> Iterator[str]:
    """Find the absolute paths; a metainfo's addresses are those of papers."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key != 'metainfo':
                yield from _absolute(value)
    elif isinstance(node, (list, tuple)):
        for item in node:
            yield from _absolute(item)
    elif isinstance(node, str) and _ABSOLUTE.match(node):
        yield _forward(node)


def _forward(path: str) -> str:
    return path.replace('\\', '/')


def _folder(path: str) -> str:
    """Return the folder of a file, which is known by its suffix, or the folder itself."""
    path = path.rstrip('/')
    above = posixpath.dirname(path)
    return above if above.strip('/') and posixpath.splitext(path)[1] else path


def _is_below(path: str, folder: str) -> bool:
    return f'{path}/'.startswith(f'{folder}/')


def _renamed(node: Any, moved: Dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: value if key == 'metainfo' else _renamed(value, moved)
                for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(_renamed(item, moved) for item in node)
    if isinstance(node, str) and _ABSOLUTE.match(node):
        path = _forward(node)
        folder = next(folder for folder in moved if _is_below(path, folder))
        return moved[folder] + path[len(folder):]
    return node
