"""People's boxes: of annotations, and of a detector's json."""
import math
import os.path as osp
from collections import Counter
from typing import Callable, Dict, List, Optional, Sequence

import numpy as np
import torch
from mmengine.logging import print_log
from torchvision.ops import nms

from ..coco.layout import load_json, shown
from ..files.sizes import stated_size


def usable_box(annotation: dict) -> Optional[np.ndarray]:
    """Read an annotation's or a detection's box, as it is written.

    The width and height that a json has for the image may be wrong: what lies outside is cut off
    when the image is read.

    Args:
        annotation (dict): Its ``bbox`` is x, y, width and height.

    Returns:
        np.ndarray: float32 (1, 4), x1 y1 x2 y2, none of them negative; None if there is no box, or
        a crowd's, or none with an area, or it is not of finite numbers.
    """
    try:
        box = np.asarray(annotation.get('bbox'), dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if box.shape != (4, ) or annotation.get('iscrowd'):
        return None
    x, y, w, h = box.tolist()
    return clipped_box([x, y, x + w, y + h], math.inf, math.inf)


def clipped_box(corners: Sequence[float], width: float, height: float) -> Optional[np.ndarray]:
    """Cut off what of a box lies outside an image.

    Args:
        corners (Sequence[float]): x1, y1, x2, y2, in pixels.
        width (float): Of the image, in pixels; infinite if it is not known.
        height (float): Likewise.

    Returns:
        np.ndarray: float32 (1, 4); None if less than a pixel is left, or it is not finite.
    """
    box = np.asarray(corners, dtype=np.float64).reshape(2, 2)
    if not np.isfinite(box).all():
        return None
    box = np.clip(box, 0, [width, height])
    # Far beyond what float32 can tell apart, too, which a crop could not be made of.
    if box.max() > 2**24 or not (box[1] - box[0] >= 1).all():
        return None
    return box.reshape(1, 4).astype(np.float32)


def load_detections(bbox_file: str,
                    find_image: Callable[[dict], Optional[dict]],
                    category_ids: Sequence[int],
                    score_thr: float,
                    nms_thr: float) -> List[dict]:
    """Read people from a detector's json in COCO's result format, and report what is left out.

    Args:
        bbox_file (str): A list of ``{image_id, category_id, bbox, score}``.
        find_image (Callable): Returns the image of a detection, a dict with ``file_name`` and maybe
            ``width`` and ``height``, or None if there is none.
        category_ids (Sequence[int]): The categories that count.
        score_thr (float): Detections with a lower score are left out.
        nms_thr (float): Of two boxes in an image whose IoU is higher, the one with the higher score
            stays, whatever their categories.

    Returns:
        list[dict]: ``img_id``, ``file_name``, ``bbox``, ``bbox_score``, ``category_id``,
        ``stated_size``, see :func:`stated_size`, and ``stated_box``, x, y, width and height as
        written in the file, of each person, by image.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not in this format, or nobody is left.
    """
    if not osp.isfile(bbox_file):
        raise FileNotFoundError(f'the json of detections {bbox_file!r} does not exist (data_root '
                                'is not put before bbox_file, as in MMPose)')
    detections = load_json(bbox_file)
    if not isinstance(detections, list) or not all(isinstance(d, dict) for d in detections):
        raise ValueError(f"{bbox_file!r} is not in COCO's result format, a list of {{image_id, "
                         'category_id, bbox, score}. A json with "images" and "annotations" is an '
                         'ann_file')
    people: Dict[str, List[dict]] = {}
    left_out: Counter = Counter()
    others: Counter = Counter()
    best, unknown, unusable = -math.inf, None, None
    for detection in detections:
        category, score = detection.get('category_id', 1), _score(detection)
        if category not in category_ids:
            left_out['of other categories'] += 1
            others[repr(category)] += 1
            continue
        best = max(best, score)
        if score < score_thr:
            left_out['with a score below bbox_score_thr, or without one'] += 1
            continue
        image = find_image(detection)
        if image is None:
            left_out['of unknown images'] += 1
            unknown = detection
            continue
        box = usable_box(detection)
        if box is None:
            unusable = detection
            left_out['without a usable box (no area, or not finite)'] += 1
            continue
        people.setdefault(image['file_name'], []).append(dict(
            img_id=detection.get('image_id'), file_name=image['file_name'], bbox=box,
            bbox_score=np.array([score], dtype=np.float32), category_id=category,
            stated_size=stated_size(image),
            stated_box=[float(value) for value in detection['bbox']]))  # may be text
    kept = [person for group in people.values() for person in _suppress(group, nms_thr)]
    left_out['that overlap a better one'] = sum(len(group) for group in people.values()) - len(kept)
    told = ', '.join(f'{n} {why}' for why, n in left_out.items() if n) or 'none'
    report = (f'{len(kept)} of {len(detections)} detections of {bbox_file!r} are used; left out: '
              f'{told}')
    if kept:
        print_log(report, 'current')
        return kept
    example = unusable or (detections[0] if detections else {})
    raise ValueError(report + '. ' + _remedy(
        category_ids, others, score_thr, best, unknown, example))


def _score(detection: dict) -> float:
    score = detection.get('score')
    # No more than float32 holds; a json may hold integers without end.
    return score if isinstance(score, (int, float)) and abs(score) < 1e38 else -math.inf


def _remedy(category_ids, others: Counter, score_thr: float, best: float, unknown,
            example: dict) -> str:
    """Tell what to do about a file none of whose detections can be used."""
    if unknown is not None:
        named = ' and '.join(f'{key} {unknown[key]!r}' for key in ('image_id', 'file_name')
                             if key in unknown) or f'only the keys {shown(list(unknown))}'
        return (f'The image of a detection is not known: the detection has {named}. With ann_file '
                '(for the converter, --unlabeled-ann-file), image_id must be the id of an image in '
                'it. Without ann_file, file_name or image_id must be the path of an image below '
                "data_prefix (for the converter, --unlabeled-images), or 'clip.mp4#000120' for a "
                'video frame')
    if best >= score_thr:
        found = f'`bbox` is {shown(example["bbox"])}' if 'bbox' in example else \
            f'there is no `bbox`, the keys are {shown(list(example))}'
        return f'In one of them, {found}. It must be x, y, width and height in pixels'
    if best > -math.inf:
        return f'The best score is {best:.4g}: lower bbox_score_thr, which is {score_thr:g}'
    if others:
        return (f'The categories that count are {list(category_ids)}, those found '
                f'[{", ".join(sorted(others))}]: set bbox_category_ids')
    if example:
        return f'None has a `score` that is a number: the keys are {shown(list(example))}'
    return 'Detect people by `mmpose-mum detect`, with a lower --score-thr'


def _suppress(people: List[dict], nms_thr: float) -> List[dict]:
    """Keep the people of one image that do not overlap a better one, best first."""
    boxes = torch.from_numpy(np.concatenate([person['bbox'] for person in people]))
    scores = torch.from_numpy(np.concatenate([person['bbox_score'] for person in people]))
    return [people[i] for i in nms(boxes, scores, nms_thr).tolist()]
