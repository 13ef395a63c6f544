"""What MMPose's CocoMetric reads of a json itself, beyond what its datasets read."""
import logging
import os.path as osp
from inspect import isclass
from typing import Any, Dict

from mmengine.logging import print_log
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

from ..configs.datasets import leaves
from .labels import check_label_sets
from .layout import CocoJson, Field, find_entry, is_number, load_json, require
from .person_boxes import is_box

_METRIC_FIELDS = [
    Field('keypoints', 'a list of numbers, which CocoMetric reads of every annotation: take out '
          'those that are no people, as `mmpose-mum boxes` does',
          lambda points: isinstance(points, list) and all(
              isinstance(point, (int, float)) for point in points)),
    Field('bbox', 'x, y, width and height, which CocoMetric reads of every annotation. '
          '`mmpose-mum boxes` mends that', is_box)]
_ANY_AREA = Field(
    'area', 'a number of pixels, which CocoMetric reads of every annotation. `mmpose-mum boxes` '
    'mends that. Or set use_area=False in val_evaluator', is_number)
_AREA = Field(
    'area', 'a number of pixels above 0, which CocoMetric measures by: a person without it is '
    'never found. `mmpose-mum boxes` adds it. Or set use_area=False in val_evaluator',
    lambda area: is_number(area) and area > 0)


def check_val_set(dataset: Dict[str, Any], evaluator: Any) -> None:
    """Check the labels of a validation set, and what CocoMetric reads of them itself.

    Args:
        dataset (dict): The set's config.
        evaluator (dict | list[dict]): The config of the metrics.

    Raises:
        FileNotFoundError: As :func:`check_label_sets`.
        ValueError: Likewise; if an annotation lacks what the metric needs, which the message names;
            or if the metric's own json lacks some of its images.
    """
    checked = check_label_sets(dataset, 'val')
    metrics = evaluator if isinstance(evaluator, (list, tuple)) else [evaluator]
    metric = next(filter(_is_coco, metrics), None)
    if metric is None or metric.get('iou_type', 'keypoints') != 'keypoints':
        return
    for path, coco in checked.items():
        by_area = metric.get('use_area', True)
        if by_area:
            people = [person for person in coco.annotations
                      if any((person.get('keypoints') or ())[2::3]) and not person.get('iscrowd')]
            require(path, 'annotation', people, [_AREA])
        if metric.get('ann_file'):
            _check_same_images(coco, metric['ann_file'])
        # In test mode a dataset tells the metric its json. Else the metric reads only the people
        # whom the dataset keeps.
        if metric.get('ann_file') or any(part.get('test_mode') for part in leaves(dataset)):
            fields = [*_METRIC_FIELDS, _category_of(coco), *([_ANY_AREA] if by_area else [])]
            require(path, 'annotation', coco.annotations, fields)


def _is_coco(metric: Any) -> bool:
    """Tell whether a metric is CocoMetric or derives from it, as that of whole bodies."""
    kind = metric.get('type') if isinstance(metric, dict) else None
    kind = METRICS.get(kind) if isinstance(kind, str) else kind
    return isclass(kind) and issubclass(kind, CocoMetric)


def _check_same_images(coco: CocoJson, path: str) -> None:
    """Raise ValueError if a metric's json lacks images of the validation set's people.

    It knows them by their ids alone; warn if these have other names there.
    """
    if not osp.isfile(path) or (osp.isfile(coco.path) and osp.samefile(path, coco.path)):
        return
    content = load_json(path)
    images = {image.get('id'): image for image in content.get('images', ())} if isinstance(
        content, dict) else {}
    used = [entry for entry in (find_entry(coco.images, key) for key in dict.fromkeys(
        person.get('image_id') for person in coco.annotations)) if entry]
    text = f'the val set is {coco.path!r}, but CocoMetric measures by {path!r}, where'
    missing = [entry for entry in used if entry['id'] not in images]
    if missing:
        raise ValueError(
            f'{text} {len(missing)} of its {len(used)} images are missing: '
            f'{missing[0]["file_name"]!r}, with the id {missing[0]["id"]!r}. Give val_evaluator '
            'the ann_file of val_dataloader.dataset')
    renamed = [entry for entry in used if _stem(entry) != _stem(images[entry['id']])]
    if renamed:
        other = images[renamed[0]['id']]
        print_log(f'{text} {len(renamed)} of its {len(used)} images have another name: '
                  f'{renamed[0]["file_name"]!r} is {other.get("file_name")!r} there, with the id '
                  f'{other["id"]!r}. Are they the same?', 'current', logging.WARNING)


def _stem(image: Dict[str, Any]) -> str:
    return osp.splitext(osp.basename(str(image.get('file_name'))))[0]


def _category_of(coco: CocoJson) -> Field:
    return Field(
        'category_id', f'one of the ids in "categories", {list(coco.categories)}: CocoMetric '
        'measures these alone', lambda key: find_entry(coco.categories, key) is not None)
