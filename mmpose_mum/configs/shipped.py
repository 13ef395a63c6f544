"""Configs that MMPose ships, by the names that they have in a ``_base_``."""
import os.path as osp

import mmpose


def find_shipped_config(path: str) -> str:
    """Return the file that ``mmpose::…`` stands for.

    Args:
        path (str): ``mmpose::…`` or a path, which is returned as it is.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is another package's.
    """
    package, separator, name = path.partition('::')
    if separator and package != 'mmpose':
        raise ValueError(f'{path!r} is of {package}: expected a path, or a config of mmpose')
    found = osp.join(shipped_configs(), name) if separator else path
    if not osp.isfile(found):
        raise FileNotFoundError(f'there is no config {path!r}: {osp.abspath(found)} does not exist')
    return found


def shipped_configs() -> str:
    """Return the folder of MMPose's configs."""
    return osp.realpath(osp.join(osp.dirname(mmpose.__file__), '.mim', 'configs'))
