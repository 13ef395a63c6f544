"""Tell which unlabeled people have labels already, so that nobody is suggested twice."""
import os.path as osp
from functools import lru_cache
from typing import Dict, List, Optional, Tuple

import cv2
import numpy as np

from ..coco.merge import SAME_PERSON, overlap
from ..datasets.loading import read_image
from ..export.people import People
from ..files.images import same_image
from ..files.video import saved_frame_name, split_frame_name

SAME_FRAME = 2.  # most mean difference of pixels, of 255: decoders may round in other ways


def have_labels(found: List[Optional[dict]], labeled: People) -> List[bool]:
    """Tell of each unlabeled person whether the labeled set has it, too.

    A folder of unlabeled images keeps those that were labeled meanwhile, and `suggest` has copied
    them for the annotation tool. So an image is the same if it has the same path, or if both files
    have the same name and content. A frame is the same as the file that was written of it.

    Args:
        found (list[dict]): Of :func:`mmpose_mum.export.people.predict`.
        labeled (People): The labeled ones.

    Returns:
        list[bool]: True for a person in an image of the labeled set whose box overlaps with a
        labeled one, or is the whole image.
    """
    boxes: Dict[str, List[np.ndarray]] = {}
    for dataset in labeled.datasets:
        for i in range(len(dataset)):
            person = dataset.get_data_info(i)
            boxes.setdefault(osp.abspath(person['img_path']), []).append(person['bbox'][0])
    named: Dict[str, List[str]] = {}
    sized: Dict[Tuple[str, int], List[str]] = {}  # every folder of a set may have a 0001.jpg
    for path in boxes:
        named.setdefault(osp.basename(path), []).append(path)
        sized.setdefault((osp.basename(path), _size(path)), []).append(path)

    @lru_cache(None)  # an image is looked for once for all of its people
    def labeled_boxes(path: str) -> List[np.ndarray]:
        name = osp.basename(saved_frame_name(path))
        if split_frame_name(path) is None:
            # Also copies of an image that has other labels at its own place.
            same = [other for other in sized.get((name, _size(path)), ())
                    if same_image(path, other)]
        elif name in named:
            frame = read_image(path)
            same = [other for other in named[name] if is_of(frame, other)]
        else:
            same = []
        return [box for other in same for box in boxes[other]]

    def has_labels(person: dict) -> bool:
        known = labeled_boxes(person['path'])
        return bool(known) and (_is_whole(person) or any(
            overlap(_sized(person['box']), _sized(box)) >= SAME_PERSON for box in known))

    return [person is not None and has_labels(person) for person in found]


def _size(path: str) -> int:
    """Return how many bytes a file has, -1 if there is none, such as for a frame."""
    try:
        return osp.getsize(path)
    except OSError:
        return -1


def is_copy(path: str, other: str) -> bool:
    """Tell whether a file is an image or a copy of it, or was saved from it if it is a frame.

    Args:
        path (str): Absolute path of an image, or a frame of a video.
        other (str): Absolute path of the file.
    """
    if split_frame_name(path) is None:
        return same_image(path, other)
    return is_of(read_image(path), other)


def is_of(frame: np.ndarray, path: str) -> bool:
    """Tell whether a file was written of a frame."""
    if not osp.isfile(path):
        return False
    saved = read_image(path)
    return saved.shape == frame.shape and cv2.absdiff(saved, frame).mean() < SAME_FRAME


def _is_whole(person: dict) -> bool:
    """Tell whether a person's box is the image, as in a folder with one person an image."""
    return bool(np.abs(person['box'] - [0, 0, *person['size']]).max() <= 1)


def _sized(box: np.ndarray) -> List[float]:
    x1, y1, x2, y2 = (float(value) for value in box)
    return [x1, y1, x2 - x1, y2 - y1]
