"""Widths and heights that a json states, compared with those of the images themselves."""
import logging
import math
import os.path as osp
from typing import Any, Dict, List, Optional, Sequence, Tuple

import cv2
from mmengine.logging import print_log

from .decoding import read_header
from .video import Video, split_frame_name

_LOOKED_AT = 20  # images of a set
_RESIZED = ('If the images were resized after the json was written, resize the boxes and keypoints '
            'too, or use the original images. If boxes and keypoints are right as they are, '
            'correct "width" and "height" in the json')
_LYING = ('EXIF data rotate the image when it is read, but the box belongs to the unrotated '
          'image. Remove the EXIF orientation (exiftool -Orientation= FILE), or export the '
          'boxes again with a tool that rotates images')


def evenly(items: Sequence[Any], most: int = _LOOKED_AT) -> List[Any]:
    """Pick a few of the items, evenly from the first to the last."""
    number = min(most, len(items))
    return [items[i * (len(items) - 1) // max(1, number - 1)] for i in range(number)]


def stated_size(image: Dict[str, Any]) -> Optional[Tuple[int, int]]:
    """Return the width and height that a json's image has; None if they could not be true."""
    width: Any = image.get('width')
    height: Any = image.get('height')
    known = all(isinstance(n, (int, float)) and 0 < n < math.inf for n in (width, height))
    return (width, height) if known else None


def size_relation(stated: Tuple[int, int], true: Tuple[int, int]) -> str:
    """Tell how a json's width and height relate to the image's: 'same', 'turned' or 'other'.

    A pixel more or less is the same: tools round differently.
    """
    if all(abs(a - b) <= 1 for a, b in zip(stated, true)):
        return 'same'
    return 'turned' if tuple(stated[::-1]) == tuple(true) else 'other'


def is_of_lying_image(box: Sequence[float], size: Tuple[int, int]) -> bool:
    """Tell whether a box fits an image as it lies in its file, and not as it is shown, turned.

    Args:
        box (Sequence[float]): x1, y1, x2, y2, as written in the json.
        size (tuple[int, int]): Width and height of the image as it is shown.

    Returns:
        bool: Whether the box reaches beyond the image as shown, and not beyond that in the file.
    """
    (width, height), (right, bottom), slack = size, box[2:], 2
    shown = right <= width + slack and bottom <= height + slack
    return not shown and right <= height + slack and bottom <= width + slack


def wrong_size(stated: Tuple[int, int], true: Tuple[int, int],
               box: Sequence[float]) -> Optional[str]:
    """Tell why the box of a json cannot be taken as one of the image.

    Args:
        stated (tuple[int, int]): Width and height of the image in the json.
        true (tuple[int, int]): Of the image as it is shown.
        box (Sequence[float]): x1, y1, x2, y2, as written in the json.

    Returns:
        str: What is wrong, and what to do; None if nothing is. Swapped sizes are not wrong if
        the box fits the image as shown.
    """
    relation = size_relation(stated, true)
    sizes = (f'the json says {stated[0]}×{stated[1]}, and the image as shown has '
             f'{true[0]}×{true[1]}')
    if relation == 'other':
        return f'{sizes}. {_RESIZED}'
    if relation == 'turned' and is_of_lying_image(box, true):
        return f'{sizes}, and a box reaches to {tuple(box[2:])}. {_LYING}'
    return None


def check_sizes(images: Sequence[Dict[str, Any]], what: str, by_mmpose: bool = True) -> None:
    """Compare the sizes in a json with those of the images, in the headers of up to 20 of them.

    MMPose clips boxes by the sizes in the json. A wrong size thus cuts people off, or leaves them
    out, and MMPose does not say so. The sizes are those of the image as it is shown, turned as its
    EXIF data (or a video's) say.

    Args:
        images (Sequence[dict]): Of each, its ``path`` (or a frame's), and ``width`` and ``height``
            as the json has them. Maybe a ``box`` of it, x1, y1, x2 and y2. Images without a size,
            of another place than the disk, or missing ones are not looked at.
        what (str): Whose they are, such as "the labeled set (ann_file 'a.json')".
        by_mmpose (bool): Whether MMPose loads the set. A broken image then ends the training. If
            not, broken images are left out, and a warning counts swapped sizes, which do no harm.
            Defaults to True.

    Raises:
        ValueError: If sizes are wrong, or boxes belong to unrotated images, or MMPose would not
            rotate an image or not read it. The message names the first file and the remedy.
    """
    # By path.
    looked: Dict[str, Any] = {}
    wrong: Dict[str, str] = {}
    turned: Dict[str, str] = {}
    webp: Dict[str, str] = {}
    for image in evenly(images):
        path, stated = image['path'], stated_size(image)
        if stated and path not in looked:
            looked[path] = _true_size(path)
            if by_mmpose and not looked[path] and osp.isfile(path) and cv2.imread(path) is None:
                raise ValueError(f'{path!r}, an image of {what}, is empty or broken, and ends the '
                                 'training when its turn comes: replace it, or take its people '
                                 'out of the json')
        if not (stated and looked[path]):
            continue
        true, needs_turning = looked[path]
        fault = wrong_size(stated, true, image.get('box', (0, 0, 0, 0)))
        if fault:
            wrong[path] = fault
        elif size_relation(stated, true) == 'turned':
            turned[path] = f'{stated[0]}×{stated[1]} for {true[0]}×{true[1]} as shown'
        if needs_turning and by_mmpose:
            webp[path] = f'{true[0]}×{true[1]} as shown'
    whose = f'of {sum(map(bool, looked.values()))} checked images of {what}'
    if wrong:
        raise ValueError(
            f'{len(wrong)} {whose} do not fit their sizes in the json. {_first(wrong)}')
    if webp:
        raise ValueError(
            f'{len(webp)} {whose} are WebP files with an EXIF orientation. MMPose rotates them '
            f'with OpenCV 5, but not with earlier versions. {_first(webp)}. Save them upright '
            'without the orientation, or as JPEG')
    if not turned:
        return
    swapped = (f'{len(turned)} {whose} have width and height swapped in the json, as before '
               f'EXIF rotation. {_first(turned)}')
    if by_mmpose:
        raise ValueError(
            f'{swapped}. MMPose would clip boxes by the wrong size. If boxes and keypoints '
            'belong to the image as shown, swap "width" and "height" of such images in the json. '
            'If they belong to the image as stored, remove the EXIF orientation from the images '
            '(exiftool -Orientation= FILE)')
    print_log(f'{swapped}. The boxes are taken to belong to the image as shown. The sizes in the '
              'json are not used', 'current', logging.WARNING)


def _first(entries: Dict[str, str]) -> str:
    return 'The first, {!r}: {}'.format(*next(iter(entries.items())))


def shown_size(path: str) -> Optional[Tuple[int, int]]:
    """Return width and height of an image as shown, or of a video's frame; None if unreadable."""
    found = _true_size(path)
    return found and found[0]


def _true_size(path: str) -> Optional[Tuple[Tuple[int, int], bool]]:
    """Return the size of an image as shown, and whether it is a WebP that has to be turned for it.

    None if the image cannot be read, or does not lie on the disk.
    """
    frame = split_frame_name(path)
    if frame:
        try:
            height, width = Video(frame[0]).read(0).shape[:2]
        except ValueError:
            return None
        return (width, height), False
    header = read_header(path)
    return header and (
        (header.width, header.height), header.format == 'WEBP' and header.orientation != 1)
