"""Bring corrected labels together with the old ones, and take their people out of the unlabeled."""
import os
import os.path as osp
from collections import Counter
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..files.images import IMAGE_SUFFIXES, MANY, missing_images, same_image
from ..files.video import saved_frame_name
from .keypoint_names import compare_names
from .layout import (
    CocoJson,
    Field,
    category_counts,
    find_entry,
    is_number,
    is_whole,
    require,
    shown,
)
from .person_boxes import box_around, has_area, is_box, is_tight, labeled_keypoints

SAME_PERSON = .5  # least overlap (intersection over union) of two boxes of one person
SAME_PLACE = .1  # largest mean distance of one person's keypoints labeled twice, in box sides
FEW = 3  # with fewer keypoints than this, two people may have theirs at the same places
BLANK = .01  # likeness of any box and a person who has neither a box nor keypoints


class LabelFile(NamedTuple):
    """A json of labels and where its images are.

    Attributes:
        coco: Its content.
        images: Folder that its file names are relative to.
    """
    coco: CocoJson
    images: str


def find_images(file: LabelFile) -> LabelFile:
    """Find the image of each person, whatever folders the annotation tool put before its name.

    Args:
        file (LabelFile): What came back from the annotation tool.

    Returns:
        LabelFile: Its file names lead from the folder to the images.

    Raises:
        ValueError: If there is no image of a name below the folder, or more than one. Also if
            several images of the json have the same name, and several files have it. The message
            names it.
    """
    used = _used(file)
    lost = {key for key in used if not osp.isfile(_path(file, file.coco.images[key]))}
    twins = [name for name, times in Counter(
        file.coco.images[key]['file_name'] for key in used - lost).items() if times > 1]
    if not lost and not twins:
        return file
    there: Dict[str, List[str]] = {}  # name → paths below the folder
    for folder, _, names in os.walk(file.images):
        for name in names:
            if name.lower().endswith(IMAGE_SUFFIXES):
                path = osp.relpath(osp.join(folder, name), file.images).replace(os.sep, '/')
                there.setdefault(name, []).append(path)
    for name in twins:
        found = there.get(osp.basename(name.replace('\\', '/')), [])
        if len(found) > 1:
            raise ValueError(
                f'{file.coco.path!r} has several images of the name {name!r}, and below '
                f'{file.images!r} are {shown(found)}. Their `file_name` must lead from this folder '
                'to them: export with the folders of the images')
    images = dict(file.coco.images)
    for key in lost:
        name = images[key]['file_name'].replace('\\', '/')
        found = [path for path in there.get(osp.basename(name), ()) if same_name(path, name)]
        if len(found) != 1:
            raise ValueError(
                f'{file.coco.path!r}: the image {name!r} '
                + (f'may be any of {shown(found)}' if found else 'is not there')
                + f' below {file.images!r}. Its `file_name` must lead from this folder to it')
        images[key] = dict(images[key], file_name=found[0])
    _check_one_name_each(file, used, images)
    return file._replace(coco=file.coco._replace(images=images))


def _used(file: LabelFile) -> Set[Any]:
    """Return the ids of the images that have people."""
    return {key for key in (person.get('image_id') for person in file.coco.annotations)
            if find_entry(file.coco.images, key)}


def _check_one_name_each(file: LabelFile, used: Set[Any], found: Dict[Any, dict]) -> None:
    """Raise ValueError if images of different names were found at one place."""
    names: Dict[str, str] = {}
    for key in used:
        path, name = found[key]['file_name'], file.coco.images[key]['file_name'].replace('\\', '/')
        if names.setdefault(path, name) != name:
            raise ValueError(
                f'{file.coco.path!r} has the images {names[path]!r} and {name!r}, and below '
                f'{file.images!r} both lead to {path!r}. Give the folder that their `file_name` '
                'leads from, maybe the one above')


def check_images(file: LabelFile) -> None:
    """Raise ValueError if images of people are not in the folder; of many, some are looked for."""
    used = _used(file)
    missing, _ = missing_images([_path(file, entry) for key, entry in file.coco.images.items()
                                 if key in used], repr(file.coco.path), MANY)
    if missing:
        raise ValueError(f'{missing}. {file.images!r} must be the folder that its file names are '
                         'relative to')


def check_keypoint_numbers(coco: CocoJson) -> None:
    """Raise ValueError if somebody has not three numbers for each keypoint of the skeleton."""
    count = 3 * len(_keypoint_category(coco)['keypoints'])
    require(coco.path, 'annotation', coco.annotations, [
        Field('keypoints', f'a list of {count} numbers', lambda values: isinstance(
            values, list) and len(values) == count and all(map(is_number, values)))])


def restore_boxes(corrected: CocoJson, suggested: CocoJson) -> Tuple[CocoJson, int]:
    """Give people the boxes back that they were suggested with.

    CVAT keeps no boxes of skeletons: what it exports is the smallest box around the keypoints. Of
    one keypoint, or of several on a line, that box has no area, and a training would leave the
    person out. A model that learns from such boxes sees less around a person than in the others.

    Args:
        corrected (CocoJson): What came back from the annotation tool.
        suggested (CocoJson): What it was given.

    Returns:
        tuple[CocoJson, int]: The corrected json, with the suggested box of each person who has
        none, one without area, or the smallest one around the keypoints; and how many people these
        are.
    """
    boxes = {id(person): before for _, before, person in _pairs(suggested, corrected)
             if person and is_box(before.get('bbox')) and is_tight(person)}
    people = []
    for person in corrected.annotations:
        before = boxes.get(id(person))
        people.append(person if before is None else dict(
            person, bbox=before['bbox'],
            area=before.get('area', before['bbox'][2] * before['bbox'][3])))
    return corrected._replace(annotations=people), len(boxes)


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
    # Old annotations without keypoints, such as balls, are passed on: a training leaves them out.
    _check_people(old.coco, corrected=False)
    _check_people(corrected.coco, corrected=True)
    old = old._replace(coco=old.coco._replace(categories={
        **old.coco.categories, **_new_categories(old.coco, corrected.coco)}))
    _check_category_names(old.coco, corrected.coco)
    _check_twice(old, corrected)
    root = osp.commonpath([osp.abspath(old.images), osp.abspath(corrected.images)])
    images: Dict[str, dict] = {}  # by path: an image may have people in both
    annotations: List[dict] = []
    next_image = _next_id(old.coco.images)
    next_person = _next_id(person.get('id') for person in old.coco.annotations)
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
            if person.get('keypoints', ()) is None:  # which a training refuses
                del person['keypoints']
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


def without(unlabeled: LabelFile, corrected: LabelFile,
            is_copy: Optional[Callable[[str, str], bool]] = None) -> Tuple[Dict[str, Any], int]:
    """Take corrected people out of an unlabeled json.

    Args:
        unlabeled (LabelFile): Boxes of people.
        corrected (LabelFile): What came back. Its images may be copies: their names count, from
            their ends.
        is_copy (callable, optional): Tells whether the second path's file is the first's image, or
            a copy. Defaults to names alone, which images of several sets may have in common.

    Returns:
        tuple[dict, int]: The json of those who remain, and how many were taken out.
    """
    labels = corrected.coco._replace(annotations=[
        person for person in corrected.coco.annotations if labeled_keypoints(person)])
    names = unlabeled.coco._replace(images={
        key: dict(entry, file_name=saved_frame_name(entry['file_name']))
        for key, entry in unlabeled.coco.images.items()})
    same = is_copy and (lambda key, other: is_copy(
        _path(unlabeled, unlabeled.coco.images[key]), _path(corrected, labels.images[other])))
    taken = {id(before) for _, before, person in _pairs(names, labels, True, same) if person}
    kept = [person for person in unlabeled.coco.annotations if id(person) not in taken]
    used = {person.get('image_id') for person in kept}
    return dict(images=[image for key, image in unlabeled.coco.images.items() if key in used],
                annotations=kept, categories=list(unlabeled.coco.categories.values())
                ), len(unlabeled.coco.annotations) - len(kept)


def missing_people(suggested: CocoJson, corrected: CocoJson) -> List[str]:
    """Name the suggested people that the corrected json has no longer, by image and box."""
    return [f'{name} {shown(before.get("bbox"))}'
            for name, before, person in _pairs(suggested, corrected) if person is None]


def count_unchanged(suggested: CocoJson, corrected: CocoJson) -> Tuple[int, int]:
    """Count the people whose labeled keypoints are where they were suggested, and all others."""
    found = [_points(before) == _points(person)
             for _, before, person in _pairs(suggested, corrected) if person]
    return sum(found), len(found) - sum(found)


def _points(person: dict) -> List[Optional[Tuple[float, float]]]:
    """Return each keypoint's place, to a pixel's tenth; None if it is not labeled."""
    values = person.get('keypoints') or []
    return [(round(x, 1), round(y, 1)) if visible else None
            for x, y, visible in zip(values[::3], values[1::3], values[2::3])]


def same_name(name: str, other: str) -> bool:
    """Tell whether one path ends in the other."""
    short, long = sorted((name.split('/'), other.split('/')), key=len)
    return long[-len(short):] == short


def overlap(box: Any, other: Any) -> float:
    """Return the intersection over union of two boxes x, y, width, height; 0 if one is none."""
    if not (is_box(box) and is_box(other)):
        return 0.
    shared = _shared(box, other)
    union = box[2] * box[3] + other[2] * other[3] - shared
    return shared / union if union > 0 else 0.


def _shared(box: Sequence[float], other: Sequence[float]) -> float:
    """Return the area that two boxes share."""
    sides = [min(box[i] + box[i + 2], other[i] + other[i + 2]) - max(box[i], other[i])
             for i in (0, 1)]
    return max(sides[0], 0) * max(sides[1], 0)


def _pairs(before: CocoJson, after: CocoJson, twice: bool = False,
           same_images: Optional[Callable[[Any, Any], bool]] = None
           ) -> Iterator[Tuple[str, dict, Optional[dict]]]:
    """Find people of one json in another, by image and place.

    Args:
        before (CocoJson): With boxes.
        after (CocoJson): With keypoints.
        twice (bool): Whether a person's box may be there twice, as a detector's may.
        same_images (callable, optional): Tells of two ids whether images whose names fit are one.

    Yields:
        tuple: Of each person of ``before`` whose image is known, in the order of the images: the
        image's name, the person, and the same one of ``after``, None if there is none.
    """
    people: Dict[Any, List[dict]] = {}
    for person in after.annotations:
        if find_entry(after.images, person.get('image_id')):
            people.setdefault(person['image_id'], []).append(person)
    images: Dict[str, List[Any]] = {}
    for key in people:
        images.setdefault(osp.basename(after.images[key]['file_name']), []).append(key)
    asked: Dict[Any, List[dict]] = {}
    for person in before.annotations:
        if find_entry(before.images, person.get('image_id')):
            asked.setdefault(person['image_id'], []).append(person)
    names = {before.images[key]['file_name'] for key in asked}
    for key, ones in asked.items():
        name = before.images[key]['file_name']
        others = []
        for other in images.get(osp.basename(name), ()):
            found_name = after.images[other]['file_name']
            # one/0.jpg may be the end of a longer name, unless there is a one/0.jpg itself.
            fits = name == found_name or found_name not in names and same_name(name, found_name)
            if fits and (same_images is None or same_images(key, other)):
                others += people[other]
        likeness = np.array([[_likeness(one.get('bbox'), other) for other in others]
                             for one in ones]).reshape(len(ones), len(others))
        found = {row: others[column]
                 for row, column in zip(*linear_sum_assignment(likeness, maximize=True))
                 if likeness[row, column] > 0}
        for row, one in enumerate(ones):
            same = [other for other in others if twice and overlap(
                one.get('bbox'), other.get('bbox')) >= SAME_PERSON]
            yield name, one, found.get(row, same[0] if same else None)


def _likeness(box: Any, person: dict) -> float:
    """Tell how well a box fits a person: 0 if not at all, else between 1 and 2.

    It fits if it overlaps with the person's box or holds at least half of the box around the
    keypoints. A person without keypoints whose box is empty may be anybody, after those who fit:
    `BLANK`.
    """
    if not is_box(box):
        return 0.
    around: Any = box_around(person) or person.get('bbox')
    if not is_box(around):
        return 0.
    if not any(around[2:]) and not box_around(person):
        return BLANK
    x, y, width, height = around
    held = _shared(box, [x, y, max(width, 1), max(height, 1)]) / (max(width, 1) * max(height, 1))
    share = max(overlap(box, around), overlap(box, person.get('bbox')))
    return 1 + share if held >= .5 or share >= SAME_PERSON else 0.


def _path(file: LabelFile, image: dict) -> str:
    return osp.abspath(osp.join(file.images, image['file_name']))


def _next_id(ids: Any) -> int:
    return max((int(key) for key in ids if is_whole(key)), default=0) + 1


def _keypoint_category(coco: CocoJson) -> dict:
    """Return a category whose skeleton all used categories have."""
    found = [entry for entry in coco.categories.values() if entry.get('keypoints')]
    if not found:
        raise ValueError(
            f'{coco.path!r} must have a category with keypoints, and has none. Write the names, '
            '"keypoints": ["nose", …], into the entry of its "categories"')
    used = category_counts(coco)
    found = [entry for entry in found if entry['id'] in used] or found
    if any(entry['keypoints'] != found[0]['keypoints'] for entry in found):
        names = shown([entry.get('name') for entry in found])
        raise ValueError(f'the categories {names} of {coco.path!r} have different keypoints; '
                         'expected those of one skeleton')
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


def _new_categories(old: CocoJson, corrected: CocoJson) -> Dict[Any, dict]:
    """Return categories of corrected people that the old labels need, by their new ids.

    Labels may have several categories with one skeleton, such as kinds of animals. `suggest` cannot
    know which kind an image from a folder shows, and gives it a category of its own. Beside a
    single category, another name is a mistake, and nothing is returned.
    """
    skeleton = _keypoint_category(old)['keypoints']
    if sum(entry.get('keypoints') == skeleton for entry in old.categories.values()) < 2:
        return {}
    known = {entry.get('name') for entry in old.categories.values()}
    used = {person['category_id'] for person in corrected.annotations if labeled_keypoints(person)}
    new = [entry for key, entry in corrected.categories.items()
           if key in used and entry.get('keypoints') and entry.get('name') not in known]
    first = _next_id(old.categories)
    return {number: dict(entry, id=number) for number, entry in enumerate(new, first)}


def _old_category(old: CocoJson, corrected: CocoJson, number: Any) -> Any:
    """Return the id that the old labels have for a corrected person's category, by its name.

    Of several of the name, it is one with keypoints: a tool may put a group of that name above it.
    """
    name = corrected.categories[number].get('name')
    return max((key for key, entry in old.categories.items() if entry.get('name') == name),
               key=lambda key: bool(old.categories[key].get('keypoints')))


def _check_people(coco: CocoJson, corrected: bool) -> None:
    require(coco.path, 'annotation', coco.annotations, [
        Field('image_id', 'the id of one of its images', lambda key: bool(
            find_entry(coco.images, key))),
        Field('category_id', 'the id of one of its categories', lambda key: bool(
            find_entry(coco.categories, key)))])
    people = [person for person in coco.annotations if corrected or person.get('keypoints')]
    hint = '--suggested gives missing ones back' if corrected else '`mmpose-mum boxes` adds it'
    require(coco.path, 'annotation', people, [
        Field('bbox', f'x, y, width and height; {hint}', is_box)])
    check_keypoint_numbers(coco._replace(annotations=people))
    if corrected:  # a training would leave them out
        require(coco.path, 'annotation', list(filter(labeled_keypoints, people)), [
            Field('bbox', 'of a width and height above 0; --suggested gives such boxes back',
                  has_area),
            Field('iscrowd', '0, as for one person', lambda crowd: not crowd)])


def _check_category_names(old: CocoJson, corrected: CocoJson) -> None:
    names = {entry.get('name') for entry in old.categories.values()}
    for person in corrected.annotations:
        name = corrected.categories[person['category_id']].get('name')
        if name not in names:
            raise ValueError(f'the annotation {person.get("id")!r} of {corrected.path!r} is of the '
                             f'category {name!r}; the labels have {sorted(map(str, names))}')


def _check_twice(old: LabelFile, corrected: LabelFile) -> None:
    people: Dict[str, List[Tuple[str, dict]]] = {}
    twice = []
    for file in (old, corrected):
        for person in file.coco.annotations:
            entry = file.coco.images[person['image_id']]
            if not labeled_keypoints(person):
                continue
            others = people.setdefault(osp.basename(entry['file_name']), [])
            if file is corrected:
                twice += [
                    f'{person.get("id")!r} of {entry["file_name"]!r} is the annotation '
                    f'{other.get("id")!r} of {path!r}' for path, other in others
                    if _is_twice(person, other)
                    and same_image(_path(file, entry), other['path'])]
            others.append((file.coco.path, dict(person, path=_path(file, entry))))
    if twice:
        more = f', and {len(twice) - 5} more' if len(twice) > 5 else ''
        raise ValueError(f'people are labeled twice, as their keypoints lie at the same places: '
                         f'the annotation {"; ".join(twice[:5])}{more}. Keep one of each')


def _is_twice(person: dict, other: dict) -> bool:
    """Tell whether two labels of an image are of one person.

    By the keypoints that both have, whatever they are called, as left and right may be exchanged:
    people who stand close have boxes like one person's. Where these are few, also by the boxes.
    """
    first, second = (np.reshape(one['keypoints'], (-1, 3)) for one in (person, other))
    both = (first[:, 2] > 0) & (second[:, 2] > 0)
    if both.sum() < FEW and overlap(person['bbox'], other['bbox']) < SAME_PERSON:
        return False
    if not both.any():
        return True
    gaps = np.linalg.norm(first[both, None, :2] - second[None, both, :2], axis=-1)
    side = min(max(one['bbox'][2:]) for one in (person, other))
    return bool(gaps[linear_sum_assignment(gaps)].mean() <= SAME_PLACE * side)
