"""Where an image of a json lies, and which other paths lead to it."""
import os.path as osp
from pathlib import Path
from typing import NamedTuple, Optional, Tuple

from ..files.images import same_image
from ..files.video import split_frame_name


class ImagePlace(NamedTuple):
    """An image of a json.

    Attributes:
        name: Its ``file_name``.
        path: Its absolute path, None if the json does not tell its folder.
    """
    name: str
    path: Optional[str]

    def is_at(self, path: str) -> bool:
        """Tell whether an absolute path leads to this image or to a copy, maybe moved, of it."""
        if path == self.path:
            return True
        if Path(path).parts[-len(self.tail):] != self.tail:
            return False
        own = self.path and _file_of(self.path)
        # Every camera's folder may have a 0001.jpg.
        return not own or not osp.isfile(own) or same_image(own, _file_of(path))

    @property
    def tail(self) -> Tuple[str, ...]:
        """The parts that the path of every copy ends with."""
        return tuple(part for part in Path(self.name).parts if part != '..')


def _file_of(path: str) -> str:
    """Return an image's path, or that of the video that it is a frame of."""
    return (split_frame_name(path) or (path, ))[0]
