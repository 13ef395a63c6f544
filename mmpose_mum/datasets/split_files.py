"""Split a COCO keypoint json into a labeled and an unlabeled one, so that others can redo it.

    python tools/split_labels.py person_keypoints_train2017.json --out-dir semi_anns …
        --percent 1 5 10 20 --folds 5             # ….F@P.json, as ….1@10.json
        --protocol sshpe --num 1000 5000 10000    # or these: ….sshpe@1000.json
        --image-ids mine.txt                      # or this: ….mine.json
    python tools/split_labels.py person_keypoints_train2017.json --check ….1@10.txt

Every split is three files: the labeled json, ``…-unlabeled.json`` and ``….txt``. The text lists
the labeled ids below a header with what they came from: it can be published, checked by
``--check``, and given to ``--image-ids`` (unless it lists people). Files that are there with other
content are left alone, and that is an error, unless ``--overwrite`` is given.

* ``--percent`` draws images, of *all* images of the json, as semi-supervised detection does it. In
  COCO's train2017 only about half of them have a person with keypoints; as every image is as
  likely, P % of the images still have about P % of the labels. Folds are drawn independently;
  within a fold a larger percentage contains the smaller ones. The order is that of a hash of seed,
  fold and id, not a random generator's, so that no version of anything matters and jsons of the
  same images are split alike. Labeled images keep their annotations as they are; the unlabeled ones
  keep every box, also of people without any labeled keypoint, since to know which those are takes
  labels.
* ``--protocol sshpe`` is the benchmark of Semi_Human_Pose (ICCV 2021): labeled are the first N
  *people*, by the json's order of images, so that the last image may keep only some of its people.
  Unlabeled are all people of the json, the labeled ones included. People who are a crowd, or have
  no area, no box or no labeled keypoint, are in neither. The text lists ids of annotations.
* ``--image-ids`` takes a text file with an image's id a line; ``#`` starts a comment.

Unlabeled annotations have nothing but the id, the image's, the category's, box, area and iscrowd.
"""
import argparse
import filecmp
import json
import os
from pathlib import Path

from mmpose_mum.datasets.splits import Source, Split, check_split, draw_split, read_ids, split_text


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('annotations', nargs='+', help='COCO keypoint json')
    parser.add_argument('--out-dir', help='folder to write to')
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--percent', nargs='+', metavar='P', help='percent of the images to label')
    what.add_argument('--protocol', choices=['sshpe'], help="a benchmark's own split")
    what.add_argument('--image-ids', metavar='TXT', help='file of the ids of the images to label')
    what.add_argument('--check', metavar='TXT', help='tell whether the json gives this split')
    parser.add_argument('--folds', type=int, help='number of draws by --percent (default: 1)')
    parser.add_argument('--seed', type=int, help='of the draws by --percent (default: 0)')
    parser.add_argument('--num', type=int, nargs='+', help='people to label by --protocol sshpe '
                        '(default: 1000 5000 10000)')
    parser.add_argument('--keep-hidden', action='store_true', help="leave the unlabeled people's "
                        'keypoints in their json, for diagnosis')
    parser.add_argument('--overwrite', action='store_true', help='replace files of other content')
    args = parser.parse_args(args)
    if (args.folds, args.seed) != (None, None) and not args.percent:
        parser.error('--folds and --seed go with --percent only')
    if args.num is not None and not args.protocol:
        parser.error('--num goes with --protocol sshpe only')
    if not args.check and not args.out_dir:
        parser.error('--out-dir is missing')
    args.folds = 1 if args.folds is None else args.folds
    args.seed = args.seed or 0
    args.num = args.num or [1000, 5000, 10000]
    if args.folds < 1:
        parser.error(f'--folds must be at least 1, not {args.folds}')
    names = [Path(path).name for path in args.annotations]
    if len(set(names)) < len(names):
        parser.error('two of the jsons have the same name, and so would their splits')
    return args


def write_file(path: Path, chunks, overwrite: bool) -> None:
    """Write a text file all at once, or not at all: what is there may have the same content only.

    Raises:
        ValueError: If it is there with other content, and ``overwrite`` is false.
    """
    partial = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        with open(partial, 'w', encoding='utf-8', newline='\n') as file:
            file.writelines(chunks)
        if not overwrite and path.exists() and not filecmp.cmp(partial, path, shallow=False):
            raise ValueError(f'{path} is there with other content: choose another --out-dir, or '
                             'replace it by --overwrite')
        os.replace(partial, path)
    finally:
        if partial.exists():
            partial.unlink()


def wanted_splits(args, source: Source) -> list:
    """Draw all splits of a source that the command line asks for."""
    if args.percent:
        return [
            draw_split(source, dict(protocol='percent', percent=percent, fold=str(fold + 1),
                                    seed=str(args.seed)))
            for fold in range(args.folds) for percent in dict.fromkeys(args.percent)]
    if args.protocol:
        return [draw_split(source, dict(protocol='sshpe', num=str(number)))
                for number in dict.fromkeys(args.num)]
    header, ids = read_ids(args.image_ids)
    if header.get('ids', 'images') != 'images':
        raise ValueError(f'{args.image_ids} lists ids of annotations, not of images')
    name = Path(args.image_ids).stem
    if name.startswith(source.stem + '.'):  # a text that this tool has written
        name = name[len(source.stem) + 1:]
    return [draw_split(source, dict(protocol='image-ids', list=name), ids)]


def write_json(path: Path, source: Source, images, annotations, overwrite: bool) -> None:
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
    write_file(path, [*chunks, '}'], overwrite)


def write_split(folder: Path, source: Source, split: Split, overwrite: bool) -> None:
    """Write a split's three files, the text last, and print what is in them."""
    stem = f'{source.stem}.{split.name}'
    images, labeled = source.labeled(split)
    write_json(folder / f'{stem}.json', source, images,
               (source.text[a.start:a.end] for a in labeled), overwrite)
    others, unlabeled = source.unlabeled(split)
    write_json(folder / f'{stem}-unlabeled.json', source, others,
               (a.unlabeled for a in unlabeled), overwrite)
    write_file(folder / f'{stem}.txt', split_text(source, split), overwrite)
    print(f'{stem}: {len(images)} images with {sum(a.usable for a in labeled)} labeled people; '
          f'unlabeled {len(others)} images with {len(unlabeled)} boxes', flush=True)


def main(args=None):
    """Split, or check a split."""
    args = parse_args(args)
    try:
        for path in args.annotations:
            source = Source(path, args.keep_hidden)
            if source.strays:
                print(f'left out {source.strays} annotations of {path}, whose images it lacks')
            if args.check:
                check_split(args.check, source)
                print(f'{args.check}: {path} gives this split')
                continue
            splits = wanted_splits(args, source)  # all, so that an error comes before the files
            Path(args.out_dir).mkdir(parents=True, exist_ok=True)
            for split in splits:
                write_split(Path(args.out_dir), source, split, args.overwrite)
    except (OSError, ValueError) as error:
        raise SystemExit(f'split_labels: {error}') from error


if __name__ == '__main__':
    main()
