"""What there is to look at in a folder: image files, and frames of videos."""
import filecmp
import logging
import os
import os.path as osp
import re
from collections import Counter, defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

from mmengine.logging import print_log

from .similar_names import similar_name
from .sizes import evenly
from .video import VIDEO_SUFFIXES, Video, frame_name, sample_frames, split_frame_name

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.jfif', '.png', '.bmp', '.tif', '.tiff', '.webp')
MANY = 2000  # images of a set to look for, evenly: on a network drive each takes a while
_MAX_SUFFIXES = 5  # kinds of ignored files that a message names
# Of images and videos that are not read here.
_CONVERTIBLE = ('.heic', '.heif', '.avif', '.jxl', '.jp2', '.gif', '.dng', '.cr2', '.cr3', '.nef',
                '.arw', '.flv', '.ogv', '.insv')
_ADDRESS = re.compile(r'[a-z][a-z\d+]*://')  # a path below a folder never matches
# Where file managers keep copies, thumbnails and what was deleted. Names with a dot in front, such
# as .ipynb_checkpoints, .thumbnails and the ._a.jpg of macOS, are hidden by the same custom.
_HIDDEN = ('__MACOSX', '@eaDir', '#recycle', '$RECYCLE.BIN')


def folder_of(source: str) -> str:
    """Return the folder that images are named relative to: the source, or the file's."""
    return osp.dirname(source) if osp.isfile(source) else source


def list_images(source: str, frame_rate: float) -> List[str]:
    """Name every image, and frames of every video, of a folder and those below it.

    Args:
        source (str): The folder, or a single file.
        frame_rate (float): Frames to take per second of a video.

    Returns:
        list[str]: Paths relative to :func:`folder_of` the source, sorted; ``clip.mp4#000120`` is
        a frame. Videos that cannot be read, files that end otherwise, and what is hidden (a dot in
        front of its name, or a system's folder such as ``__MACOSX``) are left out and reported.

    Raises:
        FileNotFoundError: If the source does not exist.
        ValueError: If there is nothing to look at.
    """
    if not osp.exists(source or '.'):
        raise FileNotFoundError(f'the folder of unlabeled images {source!r} does not exist: set '
                                "data_root and data_prefix=dict(img='…'), or give a video's path")
    root = Path(folder_of(source) or '.')
    hidden: List[str] = []
    closed: List[str] = []
    paths = [Path(source)] if osp.isfile(source) else sorted(_files_below(root, hidden, closed))
    names: List[str] = []
    broken: List[str] = []
    ignored: Counter = Counter()
    for path in paths:
        name, suffix = path.relative_to(root).as_posix(), path.suffix.lower()
        if suffix in IMAGE_SUFFIXES:
            names.append(name)
        elif suffix in VIDEO_SUFFIXES:
            try:
                frames = sample_frames(str(path), frame_rate)
                names.extend(frame_name(name, number) for number in frames)
            except ValueError:
                broken.append(str(path))
        else:
            ignored[suffix or 'without a suffix'] += 1
    reports = _reports(source, broken, ignored, hidden, closed)
    if not names:
        raise ValueError(
            f'no unlabeled image or video in {source!r} or its subfolders: looked for files that '
            + 'end in ' + '; '.join([', '.join(IMAGE_SUFFIXES + VIDEO_SUFFIXES), *reports]))
    for report, level in reports.items():
        print_log(report, 'current', level)
    return names


def _reports(source: str, broken: List[str], ignored: Counter, hidden: List[str],
             closed: List[str]) -> Dict[str, int]:
    """Tell what is left out of a folder, each with the level of its importance."""
    reports = {}
    if closed:
        reports[f'{len(closed)} folders in {source!r} cannot be read, the first {closed[0]!r}: '
                'their images are missing'] = logging.WARNING
    if broken:
        reports[f'{len(broken)} videos in {source!r} are empty or broken, or OpenCV does not know '
                f'their codec, the first {broken[:1]}. If a player shows them, convert them to '
                'H.264 (ffmpeg -i IN -c:v libx264 OUT.mp4)'] = logging.WARNING
    lost = [suffix for suffix in ignored if suffix in _CONVERTIBLE]
    if lost:
        reports[f'{sum(ignored[suffix] for suffix in lost)} files in {source!r} are images or '
                f'videos in unsupported formats, {", ".join(sorted(lost))}: convert images to JPEG '
                'or PNG, and videos to MP4'] = logging.WARNING
    if ignored:
        reports[f'ignored {sum(ignored.values())} files in {source!r}: ' + ', '.join(
            f'{number} {suffix}' for suffix, number in ignored.most_common(_MAX_SUFFIXES))
            + (', …' if len(ignored) > _MAX_SUFFIXES else '')] = logging.INFO
    if hidden:
        reports[f'left out {len(hidden)} hidden images and videos in {source!r}, the first '
                f'{min(hidden)!r}'] = logging.INFO
    return reports


def _is_hidden(name: str) -> bool:
    return name.startswith('.') or name in _HIDDEN


def _files_below(root: Path, hidden: List[str], closed: List[str]) -> Iterator[Path]:
    """Yield the files of a folder and those below it, linked folders included, each folder once.

    Linked ones come last, so that a folder that has a place of its own is found there. Images and
    videos that are hidden, or lie in a hidden folder, are added to ``hidden`` instead, and folders
    that cannot be read to ``closed``.
    """
    seen, starts = set(), [str(root)]
    for start in starts:  # grows
        for folder, below, files in os.walk(start, onerror=lambda error: closed.append(
                str(error.filename))):
            real = osp.realpath(folder)
            if real in seen:  # linked twice, or a link to a folder above
                below.clear()
                continue
            seen.add(real)
            away = [osp.join(folder, name) for name in files if _is_hidden(name)]
            for name in filter(_is_hidden, below):
                away += [osp.join(path, file)
                         for path, _, inner in os.walk(osp.join(folder, name)) for file in inner]
            hidden += [path for path in away
                       if path.lower().endswith(IMAGE_SUFFIXES + VIDEO_SUFFIXES)]
            below[:] = sorted(name for name in below if not _is_hidden(name))
            starts += [path for path in (osp.join(folder, name) for name in below)
                       if osp.islink(path)]
            yield from (Path(folder, name) for name in files if not _is_hidden(name))


def image_finder(root: str) -> Callable[[str], bool]:
    """Make a function that tells whether an image of a name exists.

    It opens each video once, and warns of one that cannot be read.
    """

    @lru_cache(None)
    def frames(path: str) -> int:
        try:
            return len(Video(path)) if osp.isfile(path) else 0
        except ValueError as error:
            print_log(str(error), 'current', logging.WARNING)
            return 0

    def exists(name: str) -> bool:
        frame = split_frame_name(name)
        return frame[1] < frames(osp.join(root, frame[0])) if frame else osp.isfile(
            osp.join(root, name))

    return lru_cache(None)(exists)


def missing_images(paths: Sequence[str], owner: str, most: int = 20) -> Tuple[str, bool]:
    """Look for a few of the files of images, and describe those that are not there.

    Args:
        paths (Sequence[str]): Paths of images and of frames. Those with a scheme, such as
            ``s3://``, are not looked for.
        owner (str): Whose images they are, in words.
        most (int): How many to look for, evenly from the first to the last.

    Returns:
        tuple[str, bool]: How many, and the first; empty if there is nothing to tell. Whether all
        that were looked for are missing.
    """
    few = evenly(paths, most)
    missing = [path for path in few if not _ADDRESS.match(path)
               and not osp.exists((split_frame_name(path) or [path])[0])]
    if not missing:
        return '', False
    return (f'{len(missing)} of {len(few)} images of {owner} do not exist, such as '
            f'{missing[0]!r}{similar_name(missing[0])}'), len(missing) == len(few)


def same_image(path: str, other: str) -> bool:
    """Tell whether two absolute paths lead to one image: to one file, or to copies of a name."""
    if path == other:
        return True
    return osp.basename(path) == osp.basename(other) and osp.isfile(path) and osp.isfile(
        other) and filecmp.cmp(path, other, shallow=False)


def count_shared(paths: Sequence[str], others: Sequence[str]) -> int:
    """Count the images that are among others, by their path or as a copy of the same name.

    Args:
        paths (Sequence[str]): Of images. Frames of videos count by their path alone.
        others (Sequence[str]): Of the others.

    Returns:
        int: How many of ``paths``.
    """
    known = set(map(osp.abspath, others))
    names = set(map(osp.basename, paths))
    # By size, too: each folder of a set may have a 0001.jpg.
    sized: Dict[Tuple[str, int], List[str]] = defaultdict(list)
    for other in known:
        if osp.basename(other) in names and osp.isfile(other):
            sized[osp.basename(other), osp.getsize(other)].append(other)
    shared = 0
    for path in map(osp.abspath, paths):
        copies = sized.get((osp.basename(path), osp.getsize(path)), ()) if osp.isfile(
            path) else ()
        shared += path in known or any(same_image(path, copy) for copy in copies)
    return shared
