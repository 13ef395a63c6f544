"""Bring corrected labels together with the old ones, and take their people out of the unlabeled."""
import os
import os.path as osp
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from .keypoint_names import compare_names
from .layout import CocoJson, Field, find_entry, is_number, require, shown

SAME_PERSON = .5  # least overlap (intersection over union) of two boxes of one person


class LabelFile(NamedTuple):
    """A json of labels and where its images are.

    Attributes:
        coco: Its content.
        images: Folder that its file names are relative to.
    """
    coco: CocoJson
    images: str


def merge(old: LabelFile, corrected: LabelFile) -> Tuple[Dict[str, Any], str]:
    """Make one json of old labels and corrected ones.

    Args:
        old (LabelFile): What was trained with.
        corrected (LabelFile): What came back from the annotation tool.

    Returns:
        tuple[dict, str]: The json, and the folder that its file names are relative to. Old entries
        keep their ids, corrected ones get the next ones. People without any labeled keypoint
        are left out.

    Raises:
        ValueError: If keypoints or categories differ, an entry lacks what it must have, or a person
            is labeled twice. The message names the entries.
    """
    _check_categories(old.coco, corrected.coco)
    for file in (old, corrected):
        _check_people(file.coco)
    _check_twice(old, corrected)
    root = osp.commonpath([osp.abspath(old.images), osp.abspath(corrected.images)])
    images: Dict[str, dict] = {}  # by path: an image may have people in both
    annotations: List[dict] = []
    next_image = _next_id(old.coco.images)
    next_person = _next_id(person['id'] for person in old.coco.annotations)
    for file in (old, corrected):
        for person in file.coco.annotations:
            if file is corrected and not labeled_keypoints(person):
                continue
            entry = file.coco.images[person['image_id']]
            path = _path(file, entry)
            if path not in images:
                images[path] = dict(entry, file_name=osp.relpath(path, root).replace(os.sep, '/'))
                if file is corrected:
                    images[path]['id'] = next_image
                    next_image += 1
            person = dict(person, image_id=images[path]['id'])
            if file is corrected:
                person.update(
                    id=next_person, num_keypoints=labeled_keypoints(person),
                    category_id=_old_category(old.coco, corrected.coco, person['category_id']))
                person.pop('keypoint_scores', None)
                person.pop('score', None)
                next_person += 1
            annotations.append(person)
        if file is old:  # images without people stay
            for entry in old.coco.images.values():
                path = _path(old, entry)
                images.setdefault(path, dict(
                    entry, file_name=osp.relpath(path, root).replace(os.sep, '/')))
    return dict(images=list(images.values()), annotations=annotations,
                categories=list(old.coco.categories.values())), root


def without(unlabeled: LabelFile, corrected: LabelFile) -> Tuple[Dict[str, Any], int]:
    """Take corrected people out of an unlabeled json.

    Args:
        unlabeled (LabelFile): Boxes of people.
        corrected (LabelFile): What came back. Its images may be copies: their names count, from
            their ends.

    Returns:
        tuple[dict, int]: The json of those who remain, and how many were taken out.
    """
    boxes: Dict[str, List[list]] = {}
    for person in corrected.coco.annotations:
        if labeled_keypoints(person):
            name = corrected.coco.images[person['image_id']]['file_name']
            boxes.setdefault(osp.basename(name), []).append([name, person['bbox']])
    kept = []
    for person in unlabeled.coco.annotations:
        entry = find_entry(unlabeled.coco.images, person.get('image_id'))
        name = entry['file_name'] if entry else ''
        if not any(same_name(name, other) and overlap(person.get('bbox'), box) >= SAME_PERSON
                   for other, box in boxes.get(osp.basename(name), ())):
            kept.append(person)
    used = {person.get('image_id') for person in kept}
    return dict(images=[image for key, image in unlabeled.coco.images.items() if key in used],
                annotations=kept, categories=list(unlabeled.coco.categories.values())
                ), len(unlabeled.coco.annotations) - len(kept)


def missing_people(suggested: CocoJson, corrected: CocoJson) -> List[str]:
    """Name the suggested people that the corrected json has no longer, by image and box."""
    return [
        f'{name} {shown(box)}' for name, box in _boxes(suggested)
        if not any(same_name(name, other) and overlap(box, found) >= SAME_PERSON
                   for other, found in _boxes(corrected))]


def labeled_keypoints(person: dict) -> int:
    """Count a person's keypoints with a visibility above 0."""
    return sum(visible > 0 for visible in person['keypoints'][2::3])


def same_name(name: str, other: str) -> bool:
    """Tell whether one path ends in the other."""
    short, long = sorted((name.split('/'), other.split('/')), key=len)
    return long[-len(short):] == short


def overlap(box: Any, other: Any) -> float:
    """Return the intersection over union of two boxes x, y, width, height; 0 if one is none."""
    if not (_is_box(box) and _is_box(other)):
        return 0.
    sides = [min(box[i] + box[i + 2], other[i] + other[i + 2]) - max(box[i], other[i])
             for i in (0, 1)]
    shared = max(sides[0], 0) * max(sides[1], 0)
    union = box[2] * box[3] + other[2] * other[3] - shared
    return shared / union if union > 0 else 0.


def _is_box(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(map(is_number, box))


def _boxes(coco: CocoJson) -> Iterator[Tuple[str, Any]]:
    for person in coco.annotations:
        entry = find_entry(coco.images, person.get('image_id'))
        if entry:
            yield entry['file_name'], person.get('bbox')


def _path(file: LabelFile, image: dict) -> str:
    return osp.abspath(osp.join(file.images, image['file_name']))


def _next_id(ids: Any) -> int:
    return max((key for key in ids if isinstance(key, int)), default=0) + 1


def _keypoint_category(coco: CocoJson) -> dict:
    found = [entry for entry in coco.categories.values() if entry.get('keypoints')]
    if len(found) != 1:
        raise ValueError(
            f'{coco.path!r} must have one category with keypoints, and has {len(found)}: '
            f'{shown([entry.get("name") for entry in found])}')
    return found[0]


def _check_categories(old: CocoJson, corrected: CocoJson) -> None:
    expected, found = (_keypoint_category(coco)['keypoints'] for coco in (old, corrected))
    if found == expected:
        return
    both = f'{corrected.path!r} has {found}, {old.path!r} has {expected}'
    if len(found) != len(expected):
        raise ValueError(f'the labels have {len(expected)} keypoints, the corrected ones '
                         f'{len(found)}: {both}. Export them with the skeleton of the labels')
    mismatch = compare_names(found, expected)
    if mismatch.misplaced or mismatch.unknown:
        what = 'in another order' if mismatch.misplaced else 'others'
        raise ValueError(f'the keypoints of the corrected labels are {what}: {both}. Export them '
                         'with the skeleton of the labels')


def _old_category(old: CocoJson, corrected: CocoJson, number: Any) -> Any:
    """Return the id that the old labels have for a corrected person's category, by its name."""
    name = corrected.categories[number].get('name')
    return next(key for key, entry in old.categories.items() if entry.get('name') == name)


def _check_people(coco: CocoJson) -> None:
    count = 3 * len(_keypoint_category(coco)['keypoints'])
    require(coco.path, 'annotation', coco.annotations, [
        Field('image_id', 'the id of one of its images', lambda key: bool(
            find_entry(coco.images, key))),
        Field('category_id', 'the id of one of its categories', lambda key: bool(
            find_entry(coco.categories, key))),
        Field('bbox', 'x, y, width and height', _is_box),
        Field('keypoints', f'a list of {count} numbers', lambda values: isinstance(
            values, list) and len(values) == count and all(map(is_number, values)))])


def _check_twice(old: LabelFile, corrected: LabelFile) -> None:
    names = {entry.get('name') for entry in old.coco.categories.values()}
    people: Dict[str, List[Tuple[str, dict]]] = {}
    twice = []
    for file in (old, corrected):
        for person in file.coco.annotations:
            if file is corrected:
                name = file.coco.categories[person['category_id']].get('name')
                if name not in names:
                    raise ValueError(
                        f'the annotation {person.get("id")!r} of {file.coco.path!r} is of the '
                        f'category {name!r}; the labels have {sorted(map(str, names))}')
            entry = file.coco.images[person['image_id']]
            others = people.setdefault(osp.basename(entry['file_name']), [])
            if file is corrected:
                twice += [
                    f'{person.get("id")!r} of {entry["file_name"]!r} is {other.get("id")!r} of '
                    f'{path!r}' for path, other in others
                    if same_name(entry['file_name'], other['file_name'])
                    and overlap(person['bbox'], other['bbox']) >= SAME_PERSON]
            others.append((file.coco.path, dict(
                person, file_name=entry['file_name'])))
    if twice:
        more = f', and {len(twice) - 5} more' if len(twice) > 5 else ''
        raise ValueError(f'people are labeled twice, by their boxes: the annotation '
                         f'{"; ".join(twice[:5])}{more}. Keep one of each')
