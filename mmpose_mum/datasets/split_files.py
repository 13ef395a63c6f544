"""The files of a split: two jsons and a text."""
import json
from pathlib import Path

from ..files.whole import write_whole
from .splits import Source, Split, split_text


def write_file(path: Path, chunks, force: bool) -> None:
    """Write a text file all at once, or not at all: what is there may have the same content only.

    Raises:
        OSError: If it cannot be written; see :func:`write_whole`.
        ValueError: If it is there with other content, and ``force`` is false.
    """
    content = ''.join(chunks).encode()
    if not force and path.exists() and path.read_bytes() != content:
        raise ValueError(f'{path} exists with other content: choose another --out, or overwrite it '
                         'with --force')
    write_whole(content, path)


def write_json(path: Path, source: Source, images, annotations, force: bool) -> None:
    """Write a COCO json of some images, by id, and of annotations, as texts."""
    members = dict(source.members)
    members['images'] = '[' + ', '.join(
        source.text[start:end] for i, (start, end) in source.images.items() if i in images) + ']'
    members['annotations'] = f'[{", ".join(annotations)}]'
    separator = '{'
    chunks = []
    for key, text in members.items():
        chunks += [separator, json.dumps(key), ': ', text]
        separator = ', '
    write_file(path, [*chunks, '}'], force)


def write_split(folder: Path, source: Source, split: Split, force: bool) -> None:
    """Write a split's three files, the text last, and print what is in them."""
    stem = f'{source.stem}.{split.name}'
    images, labeled = source.labeled(split)
    write_json(folder / f'{stem}.json', source, images,
               (source.text[a.start:a.end] for a in labeled), force)
    others, unlabeled = source.unlabeled(split)
    write_json(folder / f'{stem}-unlabeled.json', source, others,
               (a.unlabeled for a in unlabeled), force)
    write_file(folder / f'{stem}.txt', split_text(source, split), force)
    print(f'{stem}: {len(images)} images with {sum(a.usable for a in labeled)} labeled people; '
          f'unlabeled {len(others)} images with {len(unlabeled)} boxes', flush=True)
