"""What there is to look at in a folder: image files, and frames of videos."""
import os.path as osp
from functools import lru_cache
from pathlib import Path
from typing import Callable, List, Sequence

from mmengine.logging import print_log

from .video import VIDEO_SUFFIXES, Video, frame_name, sample_frames, split_frame_name

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')


def folder_of(source: str) -> str:
    """Return the folder that pictures are named relative to: the source, or the file's."""
    return osp.dirname(source) if osp.isfile(source) else source


def list_pictures(source: str, frame_rate: float) -> List[str]:
    """Name every image, and frames of every video, of a folder and those below it.

    Args:
        source (str): The folder, or a single file.
        frame_rate (float): Frames to take per second of a video.

    Returns:
        list[str]: Paths relative to :func:`folder_of` the source, sorted; ``clip.mp4#000120`` is
        a frame. Videos that cannot be read are left out and reported.

    Raises:
        FileNotFoundError: If the source does not exist.
        ValueError: If there is nothing to look at.
    """
    if not osp.exists(source or '.'):
        raise FileNotFoundError(f'the folder of unlabelled images {source!r} does not exist: set '
                                "data_root and data_prefix=dict(img='…'), or give a video's path")
    root = Path(folder_of(source) or '.')
    paths = [Path(source)] if osp.isfile(source) else sorted(root.rglob('*'))
    names, broken = [], []
    for path in paths:
        name, suffix = path.relative_to(root).as_posix(), path.suffix.lower()
        if suffix in IMAGE_SUFFIXES and not path.is_dir():
            names.append(name)
        elif suffix in VIDEO_SUFFIXES:
            try:
                frames = sample_frames(str(path), frame_rate)
                names.extend(frame_name(name, number) for number in frames)
            except ValueError:
                broken.append(str(path))
    report = f'{len(broken)} videos in {source!r} are empty or broken, the first {broken[:1]}'
    if not names:
        raise ValueError(
            f'no unlabelled image or video in {source!r} or below it: looked for files that end in '
            f'{", ".join(IMAGE_SUFFIXES + VIDEO_SUFFIXES)}' + ('; ' + report if broken else ''))
    if broken:
        print_log(report, 'current')
    return names


def picture_finder(root: str) -> Callable[[str], bool]:
    """Make a function that tells whether a picture of a name exists; it opens each video once."""

    @lru_cache(None)
    def frames(path: str) -> int:
        try:
            return len(Video(path)) if osp.isfile(path) else 0
        except ValueError:
            return 0

    def exists(name: str) -> bool:
        frame = split_frame_name(name)
        return frame[1] < frames(osp.join(root, frame[0])) if frame else osp.isfile(
            osp.join(root, name))

    return lru_cache(None)(exists)


def missing_pictures(paths: Sequence[str], most: int = 20) -> str:
    """Look for a few of the files of pictures, and describe those that are not there.

    Args:
        paths (Sequence[str]): Paths of images and of frames. Those with a scheme, such as
            ``s3://``, are not looked for.
        most (int): How many to look for, evenly from the first to the last.

    Returns:
        str: How many, and the first; empty if there is nothing to tell.
    """
    few = [paths[i * (len(paths) - 1) // max(1, most - 1)] for i in range(min(most, len(paths)))]
    missing = [path for path in few
               if '://' not in path and not osp.exists((split_frame_name(path) or [path])[0])]
    return missing and f'{len(missing)} of {len(few)} pictures, such as {missing[0]!r},' or ''
