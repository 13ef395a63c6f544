"""Boxes of labeled people, and boxes around the keypoints where an annotation tool kept none."""
from collections import Counter
from typing import Any, List, Optional, Tuple

import numpy as np

from .layout import CocoJson, Field, find_entry, is_number, read_coco, require


def read_labels(path: str) -> CocoJson:
    """Read labels as :func:`read_coco` does, with 0, 0, 0 for unlabeled keypoints without a place.

    Some converters write NaN or null as the place of a keypoint with a visibility of 0.

    Args:
        path (str): The json.

    Returns:
        CocoJson: Its content.

    Raises:
        OSError, ValueError: As :func:`read_coco`.
    """
    coco = read_coco(path)
    return coco._replace(annotations=[
        dict(person, keypoints=_with_places(person['keypoints']))
        if isinstance(person.get('keypoints'), list) else person for person in coco.annotations])


def _with_places(values: List[Any]) -> List[Any]:
    if len(values) % 3 or all(map(is_number, values)):
        return values
    found: List[Any] = []
    for x, y, visible in zip(values[::3], values[1::3], values[2::3]):
        lost = visible == 0 and not (is_number(x) and is_number(y))
        found += [0, 0, 0] if lost else [x, y, visible]
    return found


def is_box(box: Any) -> bool:
    """Tell whether something is four numbers.

    Example:
        >>> is_box([0, 0, 5, 0]), is_box([0, 0, 5]), is_box(None)
        (True, False, False)
    """
    return isinstance(box, list) and len(box) == 4 and all(map(is_number, box))


def has_area(box: Any) -> bool:
    """Tell whether something is a box x, y, width, height with an area.

    Example:
        >>> has_area([0, 0, 5, 0]), has_area([0, 0, 5, 1])
        (False, True)
    """
    return is_box(box) and min(box[2:]) > 0


def labeled_keypoints(person: dict) -> int:
    """Count an annotation's keypoints with a visibility above 0.

    Example:
        >>> labeled_keypoints(dict(keypoints=[4, 5, 2, 0, 0, 0, 6, 7, 1]))
        2
    """
    return sum(visible > 0 for visible in (person.get('keypoints') or ())[2::3])


def box_around(person: dict) -> Optional[List[float]]:
    """Return the smallest box around the labeled keypoints, None if there are none.

    Example:
        >>> box_around(dict(keypoints=[4, 5, 2, 0, 0, 0, 6, 8, 1]))
        [4, 5, 2, 3]
    """
    values = person.get('keypoints')
    if not isinstance(values, list) or len(values) % 3 or not all(map(is_number, values)):
        return None
    points = np.reshape(values, (-1, 3))
    points = points[points[:, 2] > 0, :2]
    if not len(points):
        return None
    return [*points.min(0).tolist(), *np.ptp(points, axis=0).tolist()]


def is_tight(person: dict) -> bool:
    """Tell whether a person has no box with an area, or the smallest one around the keypoints.

    Example:
        >>> points = [4, 5, 2, 6, 8, 2]
        >>> is_tight(dict(keypoints=points, bbox=[4, 5, 2, 3]))
        True
        >>> is_tight(dict(keypoints=points, bbox=[2, 3, 6, 7]))
        False
    """
    box, around = person.get('bbox'), box_around(person)
    return not has_area(box) or around is not None and all(
        abs(one - other) <= 1 for one, other in zip(box or (), around))


def with_boxes(coco: CocoJson, edge: float) -> Tuple[CocoJson, Counter]:
    """Give people boxes around their keypoints, unless somebody has drawn boxes.

    Args:
        coco (CocoJson): Labels, as an annotation tool exports them.
        edge (float): What a new box leaves on each side of the keypoints, at least 0, in longer
            sides of the smallest box around them. A box ends at the border of the image.

    Returns:
        tuple[CocoJson, Counter]: The labeled people. All have ``area``, ``iscrowd`` and
        ``num_keypoints``. And how many ``made`` and ``kept`` boxes there are, how many annotations
        are left out as they are ``deleted`` or ``unlabeled``, or as the box around their keypoints
        is ``empty``: these lie at one place, or outside of the image.

    Raises:
        ValueError: If keypoints are not triples of numbers. The message names the annotation.
    """
    # Of what is no person, such as a box alone, a tool may write no keypoints, or an empty list.
    require(coco.path, 'annotation', [a for a in coco.annotations if a.get('keypoints')], [Field(
        'keypoints', 'a list of x, y and visibility of each keypoint', lambda values: isinstance(
            values, list) and len(values) % 3 == 0 and all(map(is_number, values)))])
    people: List[dict] = []
    count: Counter = Counter()
    for person in coco.annotations:
        if person.get('deleted'):
            count['deleted'] += 1
            continue
        around = box_around(person)
        if around is None:
            count['unlabeled'] += 1
            continue
        drawn = not is_tight(person)
        image = find_entry(coco.images, person.get('image_id')) or {}
        box = person['bbox'] if drawn else _with_edge(around, edge, image)
        if not has_area(box):
            count['empty'] += 1
            continue
        count['kept' if drawn else 'made'] += 1
        area: Any = person.get('area')
        if not (drawn and is_number(area) and area > 0):
            area = round(box[2] * box[3], 2)
        people.append(dict(person, bbox=box, area=area, iscrowd=person.get('iscrowd') or 0,
                           num_keypoints=labeled_keypoints(person)))
    return coco._replace(annotations=people), count


def _with_edge(around: List[float], edge: float, image: dict) -> List[float]:
    """Widen a box on each side by a share of its longer side, as far as the image goes."""
    x, y, width, height = around
    margin = edge * max(width, height)
    left, top = max(x - margin, 0), max(y - margin, 0)
    right = min(x + width + margin, _side(image, 'width'))
    bottom = min(y + height + margin, _side(image, 'height'))
    return [round(value, 2) for value in (left, top, right - left, bottom - top)]


def _side(image: dict, name: str) -> float:
    """Return an image's width or height, infinity if the json does not tell."""
    value: Any = image.get(name)
    return value if is_number(value) and value > 0 else np.inf
