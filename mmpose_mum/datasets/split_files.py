"""The files of a split: two jsons and a text."""
import filecmp
import json
import os
from pathlib import Path

from .splits import Source, Split, split_text


def write_file(path: Path, chunks, force: bool) -> None:
    """Write a text file all at once, or not at all: what is there may have the same content only.

    Raises:
        ValueError: If it is there with other content, and ``force`` is false.
    """
    partial = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        with open(partial, 'w', encoding='utf-8', newline='\n') as file:
            file.writelines(chunks)
        if not force and path.exists() and not filecmp.cmp(partial, path, shallow=False):
            raise ValueError(f'{path} exists with other content: choose another --out, or '
                             'overwrite it with --force')
        os.replace(partial, path)
    finally:
        if partial.exists():
            partial.unlink()


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
