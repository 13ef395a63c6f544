"""Which people of a COCO keypoint json are labeled: reproducible draws, and lists."""
import collections
import functools
import hashlib
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Dict, Iterable, List, Set, Tuple

from ..coco.layout import CROWD, Field, is_number
from ..files.json_text import decode_json_text, decode_text, explain_json_error, refuse_constant

# To be raised whenever the same arguments give other ids, or the text's header changes.
FORMAT = '# mmpose_mum split, format 1'
VISIBLE = ('id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd')
# What else than the protocol says how a split was drawn.
PARAMETERS = {'percent': ('percent', 'fold', 'seed'), 'sshpe': ('num', ), 'image-ids': ('list', )}

# Where its text is in the source, whether it can be trained on, and its text without labels.
Annotation = collections.namedtuple('Annotation', 'id image_id start end usable unlabeled')
# What it is called, how it was drawn, what its ids are of ('images', 'annotations'), and the ids.
Split = collections.namedtuple('Split', 'name drawn kind ids')


def _are_numbers(values: Any) -> bool:
    return values is None or isinstance(values, list) and all(map(is_number, values))


_FIELDS = [
    Field('bbox', '4 numbers, x, y, width and height', _are_numbers),
    Field('area', 'a number, or left out. `mmpose-mum boxes` mends that', is_number),
    Field('keypoints', 'a list of numbers, x, y and visibility of each keypoint', _are_numbers),
    CROWD]


def is_usable(annotation: dict) -> bool:
    """Tell whether a person can be trained on: no crowd, an area, a box, a labeled keypoint."""
    box, keypoints = annotation.get('bbox') or [], annotation.get('keypoints') or []
    return (not annotation.get('iscrowd') and annotation.get('area', 1) > 0
            and len(box) == 4 and min(box[2:]) > 0 and max(keypoints[2::3], default=0) > 0)


def _check_usable(annotation: dict) -> bool:
    for field in _FIELDS:
        value = annotation.get(field.name)
        if field.name in annotation and not field.right(value):
            raise ValueError(f'`{field.name}` of the annotation {annotation["id"]} is '
                             f'{json.dumps(value)[:60]}, but must be {field.needed}')
    return is_usable(annotation)


def scan_json(text: str, listed):
    """Walk through a json's members, entry by entry where they are big lists.

    Args:
        text (str): The json, of a dict.
        listed (container): Keys whose values are lists of dicts.

    Yields:
        tuple: ``(key, entry, start, end)``, where the member's or the entry's text is
        ``text[start:end]``; ``entry`` is ``None`` for a member, which comes before its entries.
    """
    decode = json.JSONDecoder(parse_constant=refuse_constant).raw_decode
    space = re.compile(r'[ \t\n\r]*')

    def skip(position, wanted=''):
        position = space.match(text, position).end()
        if wanted and text[position:position + 1] not in tuple(wanted):
            raise json.JSONDecodeError(f'expected {" or ".join(wanted)}', text, position)
        return position

    position = skip(skip(0, '{') + 1, '"}')
    while text[position] == '"':
        key, position = decode(text, position)
        start = skip(skip(position, ':') + 1)
        if key in listed:
            yield key, None, start, start
            position = skip(skip(start, '[') + 1, '{]')
            while text[position] == '{':
                entry, end = decode(text, position)
                yield key, entry, position, end
                position = skip(end, ',]')
                if text[position] == ',':
                    position = skip(position + 1, '{')
            position += 1
        else:
            _, position = decode(text, start)
            yield key, None, start, position
        position = skip(position, ',}')
        if text[position] == ',':
            position = skip(position + 1, '"')
    if skip(position + 1) < len(text):
        raise json.JSONDecodeError('extra data', text, position + 1)


class Source:
    """A COCO keypoint json: its text, and where each entry is in it.

    Args:
        path (str): The json.
        keep_hidden (bool): Whether to keep the unlabeled people's keypoints.

    Attributes:
        members (dict): Every member's text; empty for the images and the annotations.
        images (dict): Every image's id, and where its text starts and ends.
        annotations (list): An ``Annotation`` for each whose image is there.
        strays (int): Number of the annotations whose image is not.
        people (int): Number of the annotations that can be trained on.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is not in COCO's layout or nobody in it can be trained on.
    """

    def __init__(self, path, keep_hidden: bool = False) -> None:
        content = Path(path).read_bytes()
        self.path, self.name = path, Path(path).name
        self.stem = self.name[:-len('.json')] if self.name.endswith('.json') else self.name
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.members: Dict[str, str] = {}
        self.images: Dict[int, Any] = {}
        annotations: Dict[int, Any] = {}
        self.text = decode_json_text(content, path)
        del content
        try:
            for key, entry, start, end in scan_json(self.text, ('images', 'annotations')):
                if entry is None:
                    self.members[key] = self.text[start:end]
                    continue
                known, number = (self.images if key == 'images' else annotations), entry.get('id')
                if type(number) is not int:
                    raise ValueError(f'entry {len(known)} of "{key}" has the id {number!r}, '
                                     'expected a whole number')
                if number in known:
                    raise ValueError(f'"{key}" has the id {number} twice')
                if isinstance(entry.get('image_id'), (list, dict)):
                    raise ValueError(f'`image_id` of the annotation {number} is '
                                     f'{entry["image_id"]!r}, expected a whole number')
                known[number] = (start, end) if key == 'images' else Annotation(
                    number, entry.get('image_id'), start, end, _check_usable(entry),
                    json.dumps({key: entry[key] for key in entry if key in VISIBLE or (
                        keep_hidden and key != 'segmentation')}))
        except ValueError as error:
            what = ('it is a list, but no object with "images" and "annotations"'
                    if self.text.lstrip().startswith('[') else
                    explain_json_error(error, self.text))
            raise ValueError(f"{path} is not a json in COCO's layout that can be read: {what}"
                             ) from error
        missing = [key for key in ('images', 'annotations') if key not in self.members]
        if missing:
            raise ValueError(
                f"{path} is not in COCO's layout: it has no {' and no '.join(missing)}")
        self.annotations = [a for a in annotations.values() if a.image_id in self.images]
        self.strays = len(annotations) - len(self.annotations)
        self.people = sum(a.usable for a in self.annotations)
        if not self.people:
            lost = '' if not self.strays else (
                f'. The `image_id` of {self.strays} others is no `id` of an image: a number is not '
                'the same as its text')
            raise ValueError(f'{path} has nobody to label in {len(self.annotations)} annotations: '
                             'each is a crowd, or has no area, no box or no labeled keypoint. '
                             '`mmpose-mum boxes` gives boxes and areas' + lost)

    def labeled(self, split: Split) -> Tuple[Set[int], List[Annotation]]:
        """Return the ids of a split's labeled images, and its labeled annotations."""
        ids = set(split.ids)
        if split.kind == 'images':
            return ids, [a for a in self.annotations if a.image_id in ids]
        annotations = [a for a in self.annotations if a.id in ids]
        return {a.image_id for a in annotations}, annotations

    def unlabeled(self, split: Split) -> Tuple[Set[int], List[Annotation]]:
        """Return the ids of a split's unlabeled images, and their annotations."""
        if split.kind == 'annotations':  # the benchmark's: all of them, the labeled ones again
            return set(self.images), [a for a in self.annotations if a.usable]
        ids = set(self.images).difference(split.ids)
        return ids, [a for a in self.annotations if a.image_id in ids]


@functools.lru_cache(maxsize=1)
def _draw_order(ids: Tuple[int, ...], fold: int, seed: int) -> List[int]:
    return sorted(ids, key=lambda i: hashlib.sha256(f'{seed} {fold} {i}'.encode()).digest())


def draw_percent(ids: Iterable[int], percent: str, fold: int, seed: int) -> List[int]:
    """Draw a percentage of ids, rounded half up, at least one.

    They are the first in the order of the SHA-256 of ``'SEED FOLD ID'``. Unlike the order of a
    random generator, it is the same in any language and version, and does not depend on the order
    of the ids. A larger percentage contains a smaller one.

    Raises:
        ValueError: If the percentage is invalid.
    """
    if not re.fullmatch(r'\d+(\.\d+)?', percent) or not 0 < Fraction(percent) <= 100:
        raise ValueError(f'the percentage must be above 0 and at most 100, got {percent!r}')
    order = _draw_order(tuple(ids), fold, seed)
    number = max(1, int(len(order) * Fraction(percent) / 100 + Fraction(1, 2)))
    return sorted(order[:number])


def first_people(source: Source, number: int) -> List[int]:
    """Return the ids of the annotations of the first people that can be trained on."""
    if not 1 <= number <= source.people:
        raise ValueError(f'the number of people to label must be at least 1 and at most '
                         f'{source.people}, as many as {source.path} has; got {number}')
    place = {image: i for i, image in enumerate(source.images)}
    usable = sorted((a for a in source.annotations if a.usable), key=lambda a: place[a.image_id])
    return [a.id for a in usable[:number]]


def read_ids(path) -> Tuple[Dict[str, str], List[int]]:
    """Read a list of ids.

    Returns:
        tuple: The entries of this tool's header as a dict, empty for a list of your own; and the
        ids.

    Raises:
        OSError: If it cannot be read.
        ValueError: If a line is neither a whole number nor a comment, or there is no id, or one
            occurs twice.
    """
    text = decode_text(Path(path).read_bytes(), path).replace('\r\n', '\n')  # Windows'
    named = re.findall(r'^# ([\w-]+): (.*)$', text, re.M)
    header = dict(named) if text.startswith(FORMAT + '\n') else {}
    lines = [line.split('#')[0].strip() for line in text.splitlines()]
    wrong = [line for line in lines if not re.fullmatch(r'(-?\d+)?', line)]
    if wrong:
        raise ValueError(f'{path} has the line {wrong[0][:80]!r}, expected an image id')
    ids = [int(line) for line in lines if line]
    if not ids:
        raise ValueError(f'{path} has no id')
    twice = [i for i, count in collections.Counter(ids).items() if count > 1]
    if twice:
        raise ValueError(f'{path} has ids more than once: {twice[:5]}')
    if header and header.get('ids-sha256') != hash_ids(ids):
        raise ValueError(f'{path} was changed after it was written: its ids have another hash. '
                         'Restore it as it was written, or split again')
    return header, ids


def hash_ids(ids) -> str:
    """Return the SHA-256 of ids, one per line."""
    return hashlib.sha256(''.join(f'{i}\n' for i in ids).encode()).hexdigest()


def draw_split(source: Source, drawn: Dict[str, str], ids: Iterable[int] = ()) -> Split:
    """Draw a split.

    Args:
        source (Source): What is split.
        drawn (dict): ``protocol`` and its ``PARAMETERS``, all as text.
        ids (Iterable[int]): Those of the images, for the protocol ``'image-ids'``.

    Raises:
        ValueError: If the source cannot be split this way.
    """
    protocol, kind = drawn['protocol'], 'images'
    if protocol == 'percent':
        ids = draw_percent(source.images, drawn['percent'], int(drawn['fold']), int(drawn['seed']))
        name = '{fold}@{percent}'.format(**drawn)
    elif protocol == 'sshpe':
        ids, kind = first_people(source, int(drawn['num'])), 'annotations'
        name = 'sshpe@{num}'.format(**drawn)
    else:
        ids, name = sorted(ids), drawn['list']
        unknown = [i for i in ids if i not in source.images]
        if unknown:
            raise ValueError(f'{source.path} does not have {len(unknown)} of the {len(ids)} images '
                             f'listed: {unknown[:5]}')
    split = Split(name, drawn, kind, ids)
    if not any(a.usable for a in source.labeled(split)[1]):
        raise ValueError(f'{name} labels {len(ids)} images in which nobody has a labeled keypoint: '
                         'choose more images')
    return split


def split_header(source: Source, split: Split) -> Dict[str, str]:
    """Return what a split's text says about its origin."""
    images, labeled = source.labeled(split)
    counts = {'images': len(images), 'people': sum(a.usable for a in labeled),
              'source-images': len(source.images), 'source-people': source.people}
    return {**split.drawn, 'source': source.name, 'source-sha256': source.sha256,
            **{key: str(value) for key, value in counts.items()}, 'ids': split.kind,
            'ids-sha256': hash_ids(split.ids)}


def split_text(source: Source, split: Split) -> str:
    """Return a split as a text to publish: comments with its origin, then its ids."""
    lines = [FORMAT, *(f'# {key}: {value}' for key, value in split_header(source, split).items())]
    return '\n'.join([*lines, *map(str, split.ids)]) + '\n'


def check_split(path, source: Source) -> None:
    """Check that a source gives the split that a text describes.

    Args:
        path (str): What ``split_text`` gave.
        source (Source): What it is said to come from; its name does not count.

    Raises:
        OSError: If the text cannot be read.
        ValueError: If it is not such a text, was changed, or describes another source or split.
    """
    header, ids = read_ids(path)
    keys = ('protocol', *PARAMETERS.get(header.get('protocol', ''), ()))
    if len(keys) == 1 or not set(keys) <= set(header):
        raise ValueError(f'{path} does not say how it was drawn: it must begin with the line '
                         f'{FORMAT!r} and the header lines below it')
    try:
        split = draw_split(source, {key: header[key] for key in keys}, ids)
    except ValueError as error:
        raise ValueError(f'{path} cannot be drawn: {error}') from error
    found = split_header(source, split)
    wrong = [f'{key} {header.get(key)}, but {source.path} gives {value}'
             for key, value in found.items() if key != 'source' and header.get(key) != value]
    if wrong:
        same = 'the same' if ids == split.ids else 'other'
        raise ValueError(f'{path} belongs to another file or split, which gives {same} ids. '
                         f'It says {"; ".join(wrong)}')
