"""Split a COCO keypoint json into a labeled and an unlabeled one.

    mmpose-mum split person_keypoints_train2017.json --out semi_anns --percent 1 5 10 20 --folds 5

writes ….F@P.json, as ….1@10.json, so that others can redo it. In place of the percents may stand

    --protocol sshpe --num 1000 5000 10000    for ….sshpe@1000.json and so on
    --image-ids mine.txt                      for ….mine.json
    --check ….1@10.txt                        to tell whether the json gives this split

Every split is three files: the labeled json, ``…-unlabeled.json`` and ``….txt``. The text lists
the labeled ids below a header with what they came from: it can be published, checked by
``--check``, and given to ``--image-ids`` (unless it lists people). Files that are there with other
content are left alone, and that is an error, unless ``--force`` is given.

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
from argparse import ArgumentError, ArgumentParser, Namespace
from pathlib import Path

from ._shared import add_force, positive


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the verb takes."""
    parser.add_argument('annotations', nargs='+', help='COCO keypoint json')
    parser.add_argument('-o', '--out', type=Path, help='folder to write to')
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--percent', nargs='+', metavar='P', help='percent of the images to label')
    what.add_argument('--protocol', choices=['sshpe'], help="a benchmark's own split")
    what.add_argument('--image-ids', metavar='TXT', help='file of the ids of the images to label')
    what.add_argument('--check', metavar='TXT', help='tell whether the json gives this split')
    parser.add_argument('--folds', type=positive, help='number of draws by --percent (default: 1)')
    parser.add_argument('--seed', type=int, help='of the draws by --percent (default: 0)')
    parser.add_argument('--num', type=int, nargs='+', help='people to label by --protocol sshpe '
                        '(default: 1000 5000 10000)')
    parser.add_argument('--keep-hidden', action='store_true', help="leave the unlabeled people's "
                        'keypoints in their json, for diagnosis')
    add_force(parser)


def run(args: Namespace) -> None:
    """Split, or check a split."""
    from ..datasets.split_files import write_split
    from ..datasets.splits import Source, check_split
    check_arguments(args)
    for path in args.annotations:
        source = Source(path, args.keep_hidden)
        if source.strays:
            print(f'left out {source.strays} annotations of {path}, whose images it lacks')
        if args.check:
            check_split(args.check, source)
            print(f'{args.check}: {path} gives this split')
            continue
        splits = wanted_splits(args, source)  # all, so that an error comes before the files
        args.out.mkdir(parents=True, exist_ok=True)
        for split in splits:
            write_split(args.out, source, split, args.force)


def check_arguments(args: Namespace) -> None:
    """Raise ArgumentError if arguments do not go together."""
    if (args.folds, args.seed) != (None, None) and not args.percent:
        raise ArgumentError(None, '--folds and --seed go with --percent only')
    if args.num is not None and not args.protocol:
        raise ArgumentError(None, '--num goes with --protocol sshpe only')
    if not args.check and not args.out:
        raise ArgumentError(None, '--out is missing')
    names = [Path(path).name for path in args.annotations]
    if len(set(names)) < len(names):
        raise ArgumentError(None, 'two of the jsons have the same name, and so would their splits')


def wanted_splits(args: Namespace, source) -> list:
    """Draw all splits of a source that the command line asks for."""
    from ..datasets.splits import draw_split, read_ids
    if args.percent:
        return [
            draw_split(source, dict(protocol='percent', percent=percent, fold=str(fold + 1),
                                    seed=str(args.seed or 0)))
            for fold in range(args.folds or 1) for percent in dict.fromkeys(args.percent)]
    if args.protocol:
        return [draw_split(source, dict(protocol='sshpe', num=str(number)))
                for number in dict.fromkeys(args.num or [1000, 5000, 10000])]
    header, ids = read_ids(args.image_ids)
    if header.get('ids', 'images') != 'images':
        raise ValueError(f'{args.image_ids} lists ids of annotations, not of images')
    name = Path(args.image_ids).stem
    if name.startswith(source.stem + '.'):  # a text that this command has written
        name = name[len(source.stem) + 1:]
    return [draw_split(source, dict(protocol='image-ids', list=name), ids)]
