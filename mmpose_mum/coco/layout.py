"""What a json in COCO's layout holds: images by id, annotations, categories by id."""
import json
import re
from collections import Counter
from reprlib import Repr
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from mmengine import fileio

from ..files.json_text import decode_json_text, parse_json

IMAGE_FOLDER = 'image_folder'  # of `info`: where the images are, from the json's own folder
_KINDS = dict(images='image', annotations='annotation', categories='category')


class Field(NamedTuple):
    """A field that an entry must have.

    Attributes:
        name: Its key.
        needed: What it must be, in words.
        right: Tells whether a value is that; None stands for a field that is missing.
    """
    name: str
    needed: str
    right: Callable[[Any], bool]


CROWD = Field('iscrowd', '0 or 1, or left out. `mmpose-mum boxes` mends null',
              lambda crowd: crowd in (0, 1))


class CocoJson(NamedTuple):
    """A json in COCO's layout.

    Attributes:
        path: Its path.
        images: Id → entry.
        annotations: Its entries, in order.
        categories: Id → entry; empty if the json lists none.
        info: What it says of itself; empty if it says nothing.
    """
    path: str
    images: Dict[Any, dict]
    annotations: List[dict]
    categories: Dict[Any, dict]
    info: Dict[str, Any]


def load_json(path: str) -> Any:
    """Read a json from wherever MMEngine's backends read.

    NaN and infinite numbers are accepted, as in MMEngine and COCO's tools.

    Args:
        path (str): The json.

    Returns:
        Any: Its content.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no json. The message names the file and says what it is.
    """
    return _parsed(fileio.get(path), path)


def _parsed(content: bytes, path: str) -> Any:
    return parse_json(decode_json_text(content, repr(path)), repr(path))


def read_coco(path: str) -> CocoJson:
    """Read a json in COCO's layout, and check that its entries can be distinguished.

    Args:
        path (str): The json.

    Returns:
        CocoJson: Its content. Two entries of one image count once.

    Raises:
        OSError: If it cannot be read.
        ValueError: As :func:`parse_coco`.
    """
    return parse_coco(fileio.get(path), path)


def parse_coco(text: bytes, path: str) -> CocoJson:
    """Parse a json in COCO's layout, and check that its entries can be distinguished.

    Args:
        text (bytes): The whole json.
        path (str): Where it is from.

    Returns:
        CocoJson: Its content. Two entries of one image count once.

    Raises:
        ValueError: If it is no json or in another layout, an image has no name or id, or two
            images have the same id. The message names the file and the entry.
    """
    content = _parsed(text, path)
    if not isinstance(content, dict) or 'images' not in content:
        found = f'it has the keys {shown(list(content))}' if isinstance(content, dict) else \
            f'it is {"a list" if isinstance(content, list) else shown(content)}'
        raise ValueError(
            f'{path!r} is not in COCO\'s layout, which has "images", "annotations" and '
            f'"categories": {found}. (A detector\'s list of boxes can be the bbox_file of '
            'unlabeled people)')
    for key in ('images', 'annotations', 'categories'):
        entries = content.setdefault(key, [])
        wrong = [] if not isinstance(entries, list) else [
            i for i, entry in enumerate(entries) if not isinstance(entry, dict)]
        if wrong or not isinstance(entries, list):
            raise ValueError(f'{path!r} is not in COCO\'s layout: "{key}" must be a list of '
                             'objects, and ' + (
                                 f'its entry {wrong[0]} is {shown(entries[wrong[0]])}'
                                 if wrong else f'is {shown(entries)}'))
    number = Field('id', 'a number or text', lambda key: isinstance(key, (int, float, str)))
    require(path, 'image', content['images'], [
        Field('file_name', "the image's path below the folder of images",
              lambda name: isinstance(name, str) and bool(name)), number])
    require(path, 'category', content['categories'], [number])
    images: Dict[Any, dict] = {}
    for image in content['images']:
        first = images.setdefault(image['id'], image)
        if first['file_name'] != image['file_name']:
            raise ValueError(
                f'two images of {path!r} have the id {image["id"]!r}: {first["file_name"]!r} and '
                f'{image["file_name"]!r}. It is unclear which of them its annotations belong to: '
                'give each image its own id (jsons that were merged need new ids)')
    categories = {category['id']: category for category in content['categories']}
    info = content.get('info')
    return CocoJson(path, images, content['annotations'], categories,
                    info if isinstance(info, dict) else {})


def as_json(content: Dict[str, Any]) -> str:
    """Return the text of a json in COCO's layout.

    Args:
        content (dict): Lists of entries by ``images``, ``annotations`` and ``categories``, and
            what else the json says.

    Raises:
        ValueError: If an entry has NaN or an infinite number, which other programs do not read. The
            message names it.
    """
    try:
        return json.dumps(content, allow_nan=False)
    except ValueError:
        for where, value in _fields(content):
            if not isinstance(value, str) and re.search(
                    r'\b(NaN|Infinity)\b', json.dumps(value)):
                raise ValueError(f'{where} is {shown(value)}, which a json cannot hold: remove it, '
                                 'or write a number') from None
        raise


def _fields(content: Dict[str, Any]) -> Iterator[Tuple[str, Any]]:
    """Yield the name and the value of each field of each entry."""
    for kind, name in _KINDS.items():
        for i, entry in enumerate(content.get(kind, ())):
            for key, value in entry.items():
                yield f'`{key}` of {_entry_name(name, i, entry)}', value


def is_list(path: str) -> bool:
    """Whether a json is a list, as a detector's results are, and not in COCO's layout.

    Args:
        path (str): The json. One that is not there, or no text, is not.
    """
    try:
        with open(path, encoding='utf-8-sig') as file:
            return file.read(64).lstrip().startswith('[')
    except (OSError, ValueError):
        return False


def require(path: str, kind: str, entries: Sequence[dict], fields: Sequence[Field]) -> None:
    """Check fields of all entries.

    Args:
        path (str): The json, for the errors.
        kind (str): What the entries are, such as ``'image'``.
        entries (Sequence[dict]): The entries.
        fields (Sequence[Field]): What each must have.

    Raises:
        ValueError: If an entry's field is missing or wrong. The message names the file, the first
            such entry, what was found and what is needed, and counts the others.
    """
    for field in fields:
        wrong = [i for i, entry in enumerate(entries) if not field.right(entry.get(field.name))]
        if not wrong:
            continue
        entry = entries[wrong[0]]
        value = entry.get(field.name)
        found = f'is {shown(value)}{_rest(value)}' if field.name in entry else 'is missing'
        more = f' ({len(wrong)} of {len(entries)} are like that)' if len(wrong) > 1 else ''
        raise ValueError(f'{path!r}: `{field.name}` of {_entry_name(kind, wrong[0], entry)} '
                         f'{found}, but must be {field.needed}{more}')


def _rest(value: Any) -> str:
    """Tell of a list that is shown in part how long it is, and what in it is no number."""
    if not isinstance(value, list) or len(value) <= Repr().maxlist:
        return ''
    odd = next((i for i, entry in enumerate(value) if not is_number(entry)), None)
    odd_one = '' if odd is None else f', number {odd} (from 0) is {shown(value[odd])}'
    return f' ({len(value)} entries{odd_one})'


def _entry_name(kind: str, place: int, entry: dict) -> str:
    """Name an entry by what a person can search the json for."""
    key = f'with the id {shown(entry["id"])}' if 'id' in entry else f'number {place} (from 0)'
    file = entry.get('file_name')
    return f'the {kind} {key}' + (f', {shown(file)},' if isinstance(file, str) else '')


def find_entry(entries: Dict[Any, dict], key: Any) -> Any:
    """Return the entry of an id, which may be anything that a json holds; None if there is none."""
    return entries.get(key) if isinstance(key, (int, float, str)) else None


def category_counts(coco: CocoJson) -> 'Counter[Any]':
    """Count the annotations of each category; those without one, or a list for it, under None."""
    return Counter(key if isinstance(key, (int, float, str)) else None
                   for key in (annotation.get('category_id') for annotation in coco.annotations))


def category_name(coco: CocoJson, key: Any) -> str:
    """Name a category by its id and, if the json has it, its name: ``1 'person'``."""
    if key is None:
        return 'none'
    name = (find_entry(coco.categories, key) or {}).get('name')
    return f'{key!r} {name!r}' if isinstance(name, str) else repr(key)


def is_beyond(box: Sequence[float], image: dict, factor: float = 1.1, pixels: float = 0.) -> bool:
    """Whether x, y, width and height reach far beyond an image, as corners would."""
    x, y, w, h = box
    return any(is_number(image.get(key)) and end > factor * image[key] + pixels
               for key, end in (('width', x + w), ('height', y + h)))


def is_number(value: Any) -> bool:
    """Whether a value is a number that float32 can hold, and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e38


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, such as 1 or 1.0, and no bool."""
    return is_number(value) and value == int(value)


def shown(value: Any) -> str:
    """Return a value's repr, shortened: a json may hold anything."""
    short = Repr()
    short.maxstring = short.maxother = 80
    return short.repr(value)
