"""Labels in COCO's layout, checked as a whole before MMPose reads them."""
import codecs
import logging
import math
import os.path as osp
from collections import Counter
from inspect import isclass
from typing import Any, Callable, Dict, Iterator, List, Sequence

import numpy as np
from mmengine import fileio
from mmengine.logging import print_log
from mmpose.datasets.datasets import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from ..configs.datasets import leaves, loads_elsewhere
from ..configs.metainfo import keypoint_names
from ..files.images import MANY, missing_images
from ..files.sizes import check_sizes, stated_size
from .keypoint_names import compare_names
from .layout import (
    CROWD,
    CocoJson,
    Field,
    category_counts,
    category_name,
    find_entry,
    is_beyond,
    is_number,
    is_whole,
    parse_coco,
    require,
    shown,
)
from .person_boxes import is_box

# The json for RHD that MMPose offers has a list for each keypoint, and the category in it names
# each finger's keypoints from the wrong end.
_AS_RHD = ('Rhd2DDataset', )
_SIDES = (('left', 'right'), ('Left', 'Right'), ('L_', 'R_'), ('l_', 'r_'))  # in names
_WHOLE = 'a whole number, which MMPose needs: renumber them, annotations with their images'
# MMPose's reader finds the image of 1.0 nowhere. Other ids may be written so.
_IMAGE_FIELDS = [Field('id', f'{_WHOLE}, and write 1, not 1.0', lambda key: type(key) is int)]
_SIZE_FIELDS = [
    Field(name, f'the {name} of the image as it is shown, in pixels', lambda value: is_number(
        value) and value > 0) for name in ('width', 'height')]
_ANNOTATION_FIELDS = [
    Field('id', _WHOLE, is_whole),
    Field('image_id', 'the id of an image, a whole number, which MMPose needs', is_whole)]
# Of people alone: MMPose leaves out an annotation without keypoints or box.
_PERSON_FIELDS = [
    Field('category_id', 'the whole number of a category, such as 1 for people', is_whole),
    Field('bbox', 'x, y, width and height in pixels. `mmpose-mum boxes` mends that', is_box),
    Field('keypoints', 'a list of numbers, x, y and visibility of each keypoint', lambda points:
          isinstance(points, (list, tuple)) and all(isinstance(p, (int, float)) for p in points)),
    Field('num_keypoints', 'the number of labeled keypoints, or left out', lambda number:
          number is None or is_number(number))]


def check_label_sets(config: dict, what: str) -> Dict[str, CocoJson]:
    """Check all labels that a dataset, or the parts of it, will read.

    Args:
        config (dict): Of a dataset for training or validation; datasets may be nested in it.
            Those that are not in COCO's layout are left to MMPose.
        what (str): The set's name, such as ``'labeled'``, for the log.

    Returns:
        dict[str, CocoJson]: What was read, by path.

    Raises:
        FileNotFoundError: If a json does not exist.
        ValueError: If MMPose could not read a json, or would read it wrongly. The message names
            the file, the entry, what was found and what is needed.
    """
    checked = {}
    on_disk = not loads_elsewhere(config)
    for part in leaves(config):
        dataset = DATASETS.build(dict(part, lazy_init=True))
        if reads_coco(dataset):
            checked[dataset.ann_file] = check_labels(
                dataset, what, bool(part.get('metainfo')), on_disk)
    return checked


def reads_coco(dataset: Any) -> bool:
    """Whether a dataset reads its annotations as MMPose's base class does."""
    return isinstance(dataset, BaseCocoStyleDataset) and bool(dataset.ann_file) and \
        _is_base(dataset, '_load_annotations') and _is_base(dataset, 'load_data_list')


def has_coco_people(dataset: Any) -> bool:
    """Whether a dataset reads the people of its json as MMPose's base class does, too."""
    return reads_coco(dataset) and _is_base(dataset, 'parse_data_info')


def foreign_class(config: dict) -> str:
    """Return a class that reads labels in a layout of its own, as of whole bodies; or ''.

    Args:
        config (dict): Of a dataset, which may wrap or combine others.
    """
    for part in leaves(config):
        kind = DATASETS.get(part['type'])
        if isclass(kind) and issubclass(kind, BaseCocoStyleDataset) and any(
                getattr(kind, name) is not getattr(BaseCocoStyleDataset, name)
                for name in ('_load_annotations', 'load_data_list', 'parse_data_info')):
            return kind.__name__
    return ''


def check_labels(dataset: BaseCocoStyleDataset, what: str, own_metainfo: bool,
                 on_disk: bool) -> CocoJson:
    """Check the labels of one dataset; see :func:`check_label_sets`.

    Args:
        dataset (BaseCocoStyleDataset): The dataset, which need not be initialized.
        what (str): The set's name, for the log.
        own_metainfo (bool): Whether its metainfo is the config's, not the class's. Then a keypoint
            name that differs from the json's is an error, as the user can change it. MMPose's own
            names may differ from their data, so these are warnings.
        on_disk (bool): Whether the images are on the local disk, and can be looked for.

    Returns:
        CocoJson: What was read.
    """
    path = dataset.ann_file
    if not fileio.exists(path):
        raise FileNotFoundError(f'the annotations of the {what} set, {path!r}, do not exist '
                                f'(looked for {osp.abspath(path)!r}): set data_root and ann_file')
    text = fileio.get(path)  # once: COCO's has 250 MB
    if text.startswith(codecs.BOM_UTF8):
        raise ValueError(f"{path!r} begins with a byte order mark, which MMPose's reader of labels "
                         'cannot read: save it as UTF-8 without one (tail -c +4 FILE > NEW_FILE)')
    coco = parse_coco(text, path)
    require(path, 'image', list(coco.images.values()), _IMAGE_FIELDS)
    require(path, 'annotation', coco.annotations, _ANNOTATION_FIELDS)
    _check_ids(coco)
    # Classes with a reader of their own (whole bodies, faces, …) have fields of their own.
    if has_coco_people(dataset):
        people = [a for a in coco.annotations
                  if 'bbox' in a and 'keypoints' in a and a['image_id'] in coco.images]
        as_rhd = type(dataset).__name__ in _AS_RHD
        if as_rhd:
            people = [_flat(person) for person in people]
        used = {person['image_id'] for person in people}
        images = [image for key, image in coco.images.items() if key in used]
        require(path, 'image', images, _SIZE_FIELDS)
        require(path, 'annotation', people, _PERSON_FIELDS)
        require(path, 'annotation', [p for p in people if 'iscrowd' in p], [CROWD])
        names = keypoint_names(dataset.metainfo)
        if own_metainfo:  # in MMPose's own of DeepFashion2 some names do not match
            check_flips(dataset.metainfo)
        _check_counts(coco, people, names)
        _check_values(coco, people, names)
        if not as_rhd:
            check_category_names(coco, names, own_metainfo)
        _check_units(coco, people)
        if on_disk:
            _check_images(dataset, images, what)
        _report(coco, people, what)
    elif on_disk:
        used = {annotation['image_id'] for annotation in coco.annotations}
        _check_images(dataset, [coco.images[key] for key in coco.images if key in used], what)
    return coco


def check_flips(metainfo: Dict[str, Any]) -> None:
    """Check that a flip exchanges the keypoints whose names are each other's mirror image.

    MMPose takes the keypoints of a config's metainfo in the order of the dict, and MMEngine sorts
    the keys as text (0, 1, 10, …, 2) when it writes a config into the work dir.

    Args:
        metainfo (dict): As MMPose has parsed it.

    Raises:
        ValueError: If ``flip_indices`` are not those of ``flip_pairs``, or of keypoints whose
            names differ in their side alone.
    """
    names, flips = metainfo['keypoint_id2name'], metainfo['flip_indices']
    for i, j in metainfo['flip_pairs']:
        if flips[i] != j:
            raise ValueError(
                f'a flip would exchange the keypoints {names[i]!r} and {names[flips[i]]!r}, where '
                f'the metainfo says {names[i]!r} and {names[j]!r}: its keypoint_info is not in the '
                'order of the ids. MMEngine mixes that up in the config that it writes into a work '
                'dir: take the original config, or sort keypoint_info by id')
    for i, j in enumerate(flips):
        for left, right in _SIDES:
            other = names[i].replace(left, right)
            if names[j] != other != names[i] and other in names.values():
                raise ValueError(
                    f'a flip would not exchange the keypoints {names[i]!r} and {other!r}, and the '
                    "model would take left for right: give each the other as `swap` in the "
                    "metainfo's keypoint_info")


def check_category_names(coco: CocoJson, names: Sequence[str], own_metainfo: bool) -> None:
    """Compare the keypoints that a json's categories name with those of the config.

    Args:
        coco (CocoJson): The json.
        names (Sequence[str]): The config's K keypoints, in order.
        own_metainfo (bool): As for :func:`check_labels`.

    Raises:
        ValueError: If the json has a name at another place or, with ``own_metainfo``, one that the
            config does not have.
    """
    found = {}
    for key in category_counts(coco):
        listed = (find_entry(coco.categories, key) or {}).get('keypoints')
        if not isinstance(listed, list) or not listed:
            continue
        if len(listed) == len(names):
            found[key] = listed, compare_names(listed, names)
        else:
            _warn(f'{coco.path!r}: its category {category_name(coco, key)} lists {len(listed)} '
                  f'keypoints, but the config has {len(names)}. They are taken by their order')
    right = any(not (mismatch.misplaced or mismatch.unknown) for _, mismatch in found.values())
    for key, (listed, mismatch) in found.items():
        wrong = sorted(mismatch.misplaced + mismatch.unknown)
        if not wrong:
            continue
        pairs = ', '.join(f'keypoint {i} is {listed[i]!r} there and {names[i]!r} here'
                          for i in wrong[:4]) + (', …' if len(wrong) > 4 else '')
        text = (f'{coco.path!r} names other keypoints than the config, or in another order: of its '
                f'category {category_name(coco, key)}, {pairs}')
        if right:
            raise ValueError(f'{text}. Another category has the keypoints of the config: remove '
                             'the annotations of this one')
        if mismatch.misplaced or (mismatch.shared and own_metainfo):
            raise ValueError(
                f'{text}. MMPose goes by their order. Bring the keypoints of the json, in '
                '"categories" and in each annotation, into the order of the metainfo (keypoint_'
                "info), or write the metainfo and the model's head in the order of the json. If "
                'only the spelling differs, make the names the same')
        _warn(f'{text}. They are taken by their order')


def _flat(annotation: dict) -> dict:
    """Write keypoints that are listed as ``[[x, y, visible], …]``, as RHD's, in one list."""
    keypoints = annotation.get('keypoints')
    if not isinstance(keypoints, list) or not keypoints or not all(
            isinstance(point, list) and len(point) == 3 for point in keypoints):
        return annotation
    return dict(annotation, keypoints=[value for point in keypoints for value in point])


def _is_base(dataset: BaseCocoStyleDataset, method: str) -> bool:
    return getattr(type(dataset), method) is getattr(BaseCocoStyleDataset, method)


def _check_ids(coco: CocoJson) -> None:
    """Raise ValueError for an id that occurs twice: COCO's readers would take the last for both."""
    first: Dict[int, dict] = {}
    for annotation in coco.annotations:
        other = first.setdefault(annotation['id'], annotation)
        if other is not annotation:
            count = len(coco.annotations) - len({a['id'] for a in coco.annotations})
            raise ValueError(
                f'{coco.path!r}: two annotations have the id {annotation["id"]}, of the images '
                f'{other["image_id"]} and {annotation["image_id"]} ({count} repeated ids in all). '
                "COCO's readers go by the id, and would put the same person on both "
                'images: renumber the annotations over all images')


def _check_counts(coco: CocoJson, people: List[dict], names: Sequence[str]) -> None:
    """Raise ValueError if someone has another number of keypoints than the metainfo."""
    needed = 3 * len(names)
    wrong = [person for person in people if len(person['keypoints']) != needed
             and (person['keypoints'] or person.get('num_keypoints'))]
    if not wrong:
        return
    first, found = wrong[0], len(wrong[0]['keypoints'])
    listed = (find_entry(coco.categories, first['category_id']) or {}).get('keypoints')
    raise ValueError(
        f'{coco.path!r}: `keypoints` of the annotation {first["id"]} (image {first["image_id"]}, '
        f'category {category_name(coco, first["category_id"])}) has {found} numbers'
        f'{"" if found % 3 else f", for {found // 3} keypoints"}, and the {len(names)} keypoints '
        f'of the metainfo need {needed}. This concerns {len(wrong)} of {len(people)} annotations. '
        + ('Annotations of other categories do not belong in a json of labels: remove them'
           if len({person['category_id'] for person in people}) > 1 and len(wrong) < len(people)
           else "The metainfo (keypoint_info) and the head's outputs must be the json's keypoints"
           + (f', which are {listed}' if listed else '')
           + '. For keypoints of your own start from docs/examples/own_plain.py'))


def _check_values(coco: CocoJson, people: List[dict], names: Sequence[str]) -> None:
    """Raise ValueError for a labeled keypoint that is nowhere, or a visibility that is none."""
    for person in people:
        points = person['keypoints']
        for i, name in enumerate(names if points else ()):
            x, y, visibility = points[3 * i:3 * i + 3]
            if not (0 <= visibility < math.inf and visibility == int(visibility)) or (
                    visibility and not (is_number(x) and is_number(y))):
                raise ValueError(
                    f'{coco.path!r}: keypoint {i} ({name!r}) of the annotation {person["id"]} is '
                    f'{shown(points[3 * i:3 * i + 3])}; it must be x and y in pixels and a '
                    'visibility of 0 (not labeled), 1 (hidden) or 2 (visible). Write 0, 0, 0 '
                    'for an unknown keypoint')


def _check_images(dataset: BaseCocoStyleDataset, images: List[dict], what: str) -> None:
    """Raise ValueError if images are missing, or not of the size that the json has."""
    folder = dataset.data_prefix.get('img') or ''
    found = [dict(image, path=osp.join(folder, image['file_name'])) for image in images]
    missing, _ = missing_images([image['path'] for image in found],
                                f'the {what} set {dataset.ann_file!r}', MANY)
    if missing:
        raise ValueError(f'{missing}. The folder is {folder!r}: set data_root and data_prefix '
                         f'(or, for the converter, --{what}-images)')
    check_sizes([image for image in found if stated_size(image)],
                f'the {what} set {dataset.ann_file!r}')


def _check_units(coco: CocoJson, people: List[dict]) -> None:
    """Tell of labels that are not in pixels, or of boxes that are corners, by what they look like.

    Raises:
        ValueError: If no keypoint or no box of the whole json is larger than a pixel.
    """
    labeled = [person for person in people if any(person['keypoints'][2::3])]
    if not labeled:
        return
    for field, values in (('bbox', [v for p in labeled for v in p['bbox']]),
                          ('keypoints', [v for p in labeled for x, y, seen in _points(p) if seen
                                         for v in (x, y)]),
                          ('area', [0, *filter(is_number, (p.get('area') for p in labeled))])):
        if 0 < max(values) <= 1:
            first = next(person for person in labeled if field in person)
            raise ValueError(
                f'{coco.path!r}: no number in any `{field}` is larger than 1 (the annotation '
                f'{first["id"]} has {shown(first[field])}). They look like shares '
                "of the image's size, but COCO's layout has pixels")
    placed = [(person['bbox'], coco.images[person['image_id']]) for person in labeled]
    # Few boxes of a crop of a person reach far beyond it, even if they are corners.
    corners = sum(is_beyond(*one) for one in placed)
    most = sum(is_beyond(*one, factor=1., pixels=1.) for one in placed)
    corners = most if 2 * most > len(labeled) else corners
    if 10 * corners > len(labeled):
        _warn(f'{coco.path!r}: {corners} of {len(labeled)} boxes reach beyond their image. Are '
              "they x1, y1, x2, y2? COCO's `bbox` is x, y, width, height")
    outside = sum(_mostly_outside(person) for person in labeled)
    if 2 * outside > len(labeled):
        _warn(f'{coco.path!r}: most keypoints of {outside} of {len(labeled)} people lie outside '
              'their box. Are boxes and keypoints both in pixels of the same image, and '
              'keypoints x, y, visibility?')


def _points(person: dict) -> Iterator[Sequence[float]]:
    points = person['keypoints']
    return (points[i:i + 3] for i in range(0, len(points), 3))


def _mostly_outside(person: dict) -> bool:
    x, y, w, h = person['bbox']
    seen = [(px, py) for px, py, visibility in _points(person) if visibility]
    # Half a box of slack: boxes may be tight, or of the body without the arms.
    inside = sum(x - w / 2 <= px <= x + 1.5 * w and y - h / 2 <= py <= y + 1.5 * h
                 for px, py in seen)
    return 2 * inside < len(seen)


def _report(coco: CocoJson, people: List[dict], what: str) -> None:
    """Log how many people count, and what MMPose leaves out without a word.

    Raises:
        ValueError: If nobody is left.
    """
    reasons: Counter = Counter()
    for why, left_out in _LEFT_OUT.items():
        kept = [person for person in people if not left_out(person, coco.images)]
        reasons[why] = len(people) - len(kept)
        people = kept
    known = sum(a['image_id'] in coco.images for a in coco.annotations)
    reasons['without `bbox` or `keypoints`'] = known - len(people) - sum(reasons.values())
    reasons['of images that are not listed'] = len(coco.annotations) - known
    told = ', '.join(f'{number} {why}' for why, number in reasons.items() if number)
    if not people:
        raise ValueError(
            f'the {what} set is empty: {coco.path!r} has {len(coco.annotations)} annotations, and '
            f'none of them counts (left out: {told or "none"}). An annotation needs a `bbox`, '
            '`keypoints` and at least one labeled keypoint. `mmpose-mum boxes` makes boxes around '
            'keypoints')
    if told:
        print_log(f'{len(people)} of {len(coco.annotations)} annotations of the {what} set '
                  f'{coco.path!r} are used; left out: {told}', 'current')
    idle = sum(not any(person['keypoints'][2::3]) for person in people)
    if idle:
        _warn(f'{coco.path!r}: {idle} people of the {what} set have no labeled keypoint (each '
              'visibility is 0) but are used: nothing is learned from them. With '
              'num_keypoints=0 MMPose leaves them out')
    deleted = sum(bool(person.get('deleted')) for person in people)
    if deleted:
        _warn(f'{coco.path!r}: {deleted} people of the {what} set are marked as deleted, and count '
              'all the same: take them out')
    wrong = reasons[_NUM_KEYPOINTS]
    if wrong:
        _warn(f'{coco.path!r}: {wrong} people have visible keypoints, but `num_keypoints` is 0, '
              'so that MMPose leaves them out: correct it, or remove the field')


def _is_crowd(person: dict, _images: Dict[Any, dict]) -> bool:
    return bool(person.get('iscrowd'))


def _contradicts(person: dict, _images: Dict[Any, dict]) -> bool:
    return person.get('num_keypoints') == 0 and any(person['keypoints'][2::3])


def _is_unlabeled(person: dict, _images: Dict[Any, dict]) -> bool:
    places = [value for x, y, _ in _points(person) for value in (x, y)]
    return person.get('num_keypoints') == 0 or not places or bool(np.max(places) <= 0)


def _is_outside(person: dict, images: Dict[Any, dict]) -> bool:
    (x, y, w, h), image = person['bbox'], images[person['image_id']]
    return not (min(x + w, image['width'] - 1) > max(x, 0)
                and min(y + h, image['height'] - 1) > max(y, 0))


_NUM_KEYPOINTS = 'with visible keypoints whose `num_keypoints` is 0'
# In this order; the rules are those of MMPose's BaseCocoStyleDataset.
_LEFT_OUT: Dict[str, Callable[[dict, Dict[Any, dict]], bool]] = {
    'of crowds': _is_crowd,
    _NUM_KEYPOINTS: _contradicts,
    'without a labeled keypoint': _is_unlabeled,
    'whose box has no area in the image': _is_outside,
}


def _warn(text: str) -> None:
    print_log(text, 'current', logging.WARNING)
