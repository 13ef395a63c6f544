"""Split a COCO keypoint json into a labeled and an unlabeled one.

    mmpose-mum split person_keypoints_train2017.json --out semi_anns --percent 1 5 10 20 --folds 5

writes ….F@P.json, such as ….1@10.json for 10 % in the first fold. Instead of ``--percent``:

    --protocol sshpe --num 1000 5000 10000    for ….sshpe@1000.json and so on
    --image-ids mine.txt                      for ….mine.json
    --check ….1@10.txt                        to check whether the json gives this split

Every split has three files: the labeled json, ``…-unlabeled.json`` and ``….txt``. The text lists
the labeled ids below a header that says where they came from. You can publish it, check it with
``--check``, and give it to ``--image-ids`` (unless it lists people). An existing file with other
content is an error; ``--force`` overwrites it.

* ``--percent`` draws from *all* images of the json, as in semi-supervised detection. In COCO's
  train2017 only about half of them have a person with keypoints. All images are equally likely, so
  P % of the images have about P % of the labels. Folds are drawn independently. Within a fold a
  larger percentage contains the smaller ones. The order is a hash of seed, fold and id, not a
  random generator's. So it is the same in every version, and for all jsons of the same images.
  Labeled images keep their annotations. Unlabeled images keep every box, even of people without a
  labeled keypoint, as only labels tell who these are.
* ``--protocol sshpe`` is the benchmark of Semi_Human_Pose (ICCV 2021). The first N *people* are
  labeled, in the json's order of images, so the last image may keep only some of its people. The
  unlabeled json holds all people, the labeled ones as well. Crowds and people without an area, a
  box or a labeled keypoint are in neither json. The text lists ids of annotations.
* ``--image-ids`` takes a text file with one image id per line; ``#`` starts a comment.

Unlabeled annotations keep only their id, image id, category id, box, area and iscrowd. With
--keep-hidden, they keep all but the segmentation.
"""
from argparse import ArgumentError, ArgumentParser, Namespace
from pathlib import Path

from ._shared import add_force, positive

WRITES_FOLDER = True


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument('annotations', nargs='+', help='COCO keypoint json')
    parser.add_argument('-o', '--out', type=Path, help='folder to write to')
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--percent', nargs='+', metavar='P', help='percent of the images to label')
    what.add_argument('--protocol', choices=['sshpe'], help='split of a benchmark')
    what.add_argument('--image-ids', metavar='TXT', help='file with the ids of images to label')
    what.add_argument('--check', metavar='TXT', help='check whether the json gives this split')
    parser.add_argument('--folds', type=positive, help='draws with --percent (default: 1)')
    parser.add_argument('--seed', type=int, help='of the draws with --percent (default: 0)')
    parser.add_argument('--num', type=int, nargs='+', help='people to label with --protocol sshpe '
                        '(default: 1000 5000 10000)')
    parser.add_argument('--keep-hidden', action='store_true', help="keep the unlabeled people's "
                        'keypoints in their json, for HiddenLabelHook')
    add_force(parser)


def run(args: Namespace) -> None:
    """Split, or check a split."""
    from ..datasets.split_files import write_split
    from ..datasets.splits import Source, check_split
    check_arguments(args)
    for path in args.annotations:
        source = Source(path, args.keep_hidden)
        if source.strays:
            print(f'left out {source.strays} annotations of {path} whose images are not listed')
        if args.check:
            check_split(args.check, source)
            print(f'{args.check}: {path} gives this split')
            continue
        splits = wanted_splits(args, source)  # all, so that an error comes before the files
        args.out.mkdir(parents=True, exist_ok=True)
        for split in splits:
            write_split(args.out, source, split, args.force)


def check_arguments(args: Namespace) -> None:
    """Raise ArgumentError if arguments cannot be combined."""
    if (args.folds, args.seed) != (None, None) and not args.percent:
        raise ArgumentError(None, '--folds and --seed need --percent')
    if args.num is not None and not args.protocol:
        raise ArgumentError(None, '--num needs --protocol sshpe')
    if not args.check and not args.out:
        raise ArgumentError(None, '--out is missing')
    names = [Path(path).name for path in args.annotations]
    if len(set(names)) < len(names):
        raise ArgumentError(None, 'two jsons have the same name, and their splits would too: '
                            'rename one')


def wanted_splits(args: Namespace, source) -> list:
    """Draw all requested splits of a source."""
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
    if name.startswith(source.stem + '.'):  # a text that this command wrote
        name = name[len(source.stem) + 1:]
    return [draw_split(source, dict(protocol='image-ids', list=name), ids)]
