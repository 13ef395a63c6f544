"""Tell which unlabeled people have labels already, so that nobody is suggested twice."""
import filecmp
import os.path as osp
from typing import Dict, List, Optional, Tuple

import numpy as np

from ..coco.merge import SAME_PERSON, overlap, same_name
from ..export.pseudo_labels import People
from ..files.video import saved_frame_name, split_frame_name


def have_labels(found: List[Optional[dict]], root: str, labeled: People) -> List[bool]:
    """Tell of each unlabeled person whether the labeled set has it, too.

    A folder of unlabeled images keeps those that were labeled meanwhile, and `suggest` has copied
    them for the annotation tool. So an image is the same if it has the same path, or if the labeled
    one's path ends in its name and both files have the same content. Of a frame, which was written
    as a file, the name decides.

    Args:
        found (list[dict]): Of :func:`mmpose_mum.export.pseudo_labels.predict`.
        root (str): The folder that unlabeled images are named relative to.
        labeled (People): The labeled ones.

    Returns:
        list[bool]: True for a person in an image of the labeled set whose box overlaps with a
        labeled one, or is the whole image.
    """
    boxes: Dict[str, List[Tuple[str, np.ndarray]]] = {}
    for dataset in labeled.datasets:
        for i in range(len(dataset)):
            person = dataset.get_data_info(i)
            path = osp.abspath(person['img_path'])
            boxes.setdefault(osp.basename(path), []).append((path, person['bbox'][0]))
    same: Dict[Tuple[str, str], bool] = {}  # a file is compared once for all of its people

    def has_labels(person: dict) -> bool:
        path = person['path']
        name = saved_frame_name(osp.relpath(path, root)).replace('\\', '/')
        for other, box in boxes.get(osp.basename(name), ()):
            if (path, other) not in same:
                same[path, other] = _same_image(path, name, other)
            if same[path, other] and (_is_whole(person)
                                      or overlap(_sized(person['box']), _sized(box)) >= SAME_PERSON):
                return True
        return False

    return [person is not None and has_labels(person) for person in found]


def _same_image(path: str, name: str, other: str) -> bool:
    if path == other:
        return True
    if not same_name(name, other.replace('\\', '/')):
        return False
    if split_frame_name(path) is not None:
        return True
    return osp.isfile(other) and filecmp.cmp(path, other, shallow=False)


def _is_whole(person: dict) -> bool:
    """Tell whether a person's box is the image, as in a folder with one person an image."""
    return bool(np.abs(person['box'] - [0, 0, *person['size']]).max() <= 1)


def _sized(box: np.ndarray) -> List[float]:
    x1, y1, x2, y2 = (float(value) for value in box)
    return [x1, y1, x2 - x1, y2 - y1]
