"""Write a model's keypoints of unlabeled people as a COCO json, to be corrected."""
import os
import os.path as osp
from collections import Counter
from typing import Any, Dict, Iterable, Optional, Tuple

import numpy as np

from ..configs.metainfo import keypoint_names
from ..files.video import split_frame_name
from .people import People, nobody_predicted


def coco_json(predictions: Iterable[Optional[dict]], people: People, score_thr: float,
              keep_all: bool = False) -> Tuple[Dict[str, Any], Counter]:
    """Collect predictions in COCO's layout.

    A keypoint is written as labeled if its score reaches the threshold and it is inside the image.
    All others are zeros, as in COCO. All scores are kept in ``keypoint_scores``.

    Args:
        predictions (Iterable): Of :func:`mmpose_mum.export.people.predict`.
        people (People): Whose they are.
        score_thr (float): The lowest score of a keypoint to write.
        keep_all (bool): Whether the others are written, too: with visibility 1, and brought to
            the border where they lie outside of the image.

    Returns:
        tuple[dict, Counter]: The json, and how many ``people``, ``keypoints``, ``labeled``
        keypoints, ``skipped`` people, ``repeated`` ones and ``frames`` of videos there are.

    Raises:
        ValueError: If no image can be read.
    """
    images: Dict[str, dict] = {}
    annotations: Dict[tuple, dict] = {}
    categories: Dict[int, dict] = {}
    count: Counter = Counter()
    for person in predictions:
        if person is None:
            count['skipped'] += 1
            continue
        path = person['path']
        box = tuple(round(float(value), 2) for value in person['box'])
        category = _id_of(person['category'], categories)
        if (path, category, box) in annotations:  # of another set that has the image
            count['repeated'] += 1
            continue
        width, height = person['size']
        images.setdefault(path, dict(
            id=person['img_id'], file_name=osp.relpath(path, people.root).replace(os.sep, '/'),
            width=width, height=height))
        keypoints, labeled = _keypoints(person, score_thr, keep_all)
        annotations[path, category, box] = dict(
            id=len(annotations) + 1, image_id=path, category_id=category, iscrowd=0,
            segmentation=[], **_area(*box), **keypoints)
        count.update(people=1, keypoints=len(labeled), labeled=int(labeled.sum()))
    if not annotations:
        raise nobody_predicted(people)
    count['frames'] = sum(split_frame_name(path) is not None for path in images)
    _number(images, len(people.datasets))
    for annotation in annotations.values():
        annotation['image_id'] = images[annotation['image_id']]['id']
    keypoints = dict(
        keypoints=keypoint_names(people.metainfo),
        skeleton=[[a + 1, b + 1] for a, b in people.metainfo['skeleton_links']])
    info = dict(description='Predicted by a model, not labeled by people')
    return dict(
        info=info, licenses=[], images=list(images.values()), annotations=[*annotations.values()],
        categories=[dict(category, id=number, **keypoints)
                    for number, category in sorted(categories.items())]), count


def _area(x1: float, y1: float, x2: float, y2: float) -> Dict[str, Any]:
    return dict(bbox=[x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)],
                area=round((x2 - x1) * (y2 - y1), 2))


def _keypoints(person: Dict[str, Any], score_thr: float,
               keep_all: bool) -> Tuple[Dict[str, Any], np.ndarray]:
    """Return an annotation's entries of the keypoints, and which of them (K, ) are labeled."""
    scores, size = person['scores'], np.array(person['size'])
    inside = ((person['keypoints'] >= 0) & (person['keypoints'] < size)).all(-1)
    labeled = (scores >= score_thr) & inside
    keypoints = np.concatenate([person['keypoints'], np.full_like(labeled[:, None], 2, float)], 1)
    if keep_all:
        keypoints[:, :2] = keypoints[:, :2].clip(0, size - 1)
        keypoints[~labeled, 2] = 1
    else:
        keypoints[~labeled] = 0
    return dict(
        num_keypoints=int((keypoints[:, 2] > 0).sum()),
        keypoints=[round(value, 2) for value in keypoints.reshape(-1).tolist()],
        keypoint_scores=[round(value, 4) for value in scores.tolist()],
        score=round(float(scores.mean()), 4)), labeled


def _number(images: Dict[str, dict], num_sets: int) -> None:
    """Keep the ids of a json; number the images anew if these do not tell them apart.

    Several sets may share ids, and so may the images of a detector's json. Text is no id.
    """
    ids = [image['id'] for image in images.values()]
    if (num_sets > 1 or len(set(ids)) < len(ids)
            or not all(isinstance(number, int) for number in ids)):
        for number, image in enumerate(images.values(), 1):
            image['id'] = number


def _id_of(category: Dict[str, Any], categories: Dict[int, dict]) -> int:
    """Return the id that a category is written with: its own, unless another has it already."""
    number = next((number for number, known in categories.items()
                   if known['name'] == category['name']), category['id'])
    if not isinstance(number, int) or categories.get(number, category)['name'] != category['name']:
        number = max(categories, default=0) + 1
    categories.setdefault(number, {key: value for key, value in category.items()
                                   if key not in ('keypoints', 'skeleton')})
    return number
