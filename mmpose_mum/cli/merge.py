r"""Add corrected labels to the old ones.

    mmpose-mum merge corrected.json --images next/images --labels train.json \
        --label-images images/train --unlabeled train-unlabeled.json --out round2/

`corrected.json` is what the annotation tool exported (COCO keypoints) of the people that
`mmpose-mum suggest` chose. The folder gets `labeled.json`, and `unlabeled.json` if there is one.
An unlabeled set that is a folder stays as it is; people with labels may be in it, too.
People without any labeled keypoint count as unlabeled.
"""
import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ._shared import add_force, add_out


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the verb takes."""
    parser.add_argument('corrected', help='json of the corrected people')
    parser.add_argument('--images', required=True, help='folder of its images')
    parser.add_argument('--labels', required=True, help='json of the old labels')
    parser.add_argument('--label-images', required=True, help='folder of their images')
    parser.add_argument('--unlabeled', help='json of the unlabeled people')
    parser.add_argument('--suggested', help="suggest's people.json: an error names each person of "
                        'it that the corrected json lacks')
    add_out(parser, 'folder to write')
    add_force(parser)


def run(args: Namespace) -> None:
    """Merge, write, and say what to put into a config."""
    from ..coco.layout import read_coco
    from ..coco.merge import LabelFile, labeled_keypoints, merge, missing_people, without
    from ..files.whole import write_whole
    for folder in (args.images, args.label_images):
        if not Path(folder).is_dir():
            raise FileNotFoundError(f'there is no folder {folder!r}')
    corrected = LabelFile(read_coco(args.corrected), args.images)
    old = LabelFile(read_coco(args.labels), args.label_images)
    if not corrected.coco.annotations:
        raise ValueError(f'{args.corrected!r} has no annotation')
    if args.suggested:
        missing = missing_people(read_coco(args.suggested), corrected.coco)
        if missing:
            raise ValueError(
                f'{len(missing)} of the suggested people are not in {args.corrected!r}: '
                f'{"; ".join(missing[:5])}{" …" if len(missing) > 5 else ""}. Export all of them, '
                'or leave out --suggested if they were deleted on purpose')
    labeled, root = merge(old, corrected)
    written = {'labeled.json': labeled}
    taken = 0
    if args.unlabeled:
        unlabeled = LabelFile(read_coco(args.unlabeled), '')
        written['unlabeled.json'], taken = without(unlabeled, corrected)
    for name in written:
        if (args.out / name).exists() and not args.force:
            raise FileExistsError(f'{args.out / name} exists already; --force overwrites it')
    args.out.mkdir(parents=True, exist_ok=True)
    for name, content in written.items():
        write_whole(json.dumps(content, allow_nan=False), args.out / name)
    people = corrected.coco.annotations
    new = sum(labeled_keypoints(person) > 0 for person in people)
    print(f'wrote {args.out / "labeled.json"}: {len(old.coco.annotations)} people of before and '
          f'{new} new ones; its images are below {root}')
    if new < len(people):
        print(f'left out {len(people) - new} people without any labeled keypoint')
    if args.unlabeled:
        remain = len(written['unlabeled.json']['annotations'])
        print(f'wrote {args.out / "unlabeled.json"}: {remain} people remain, {taken} have labels '
              'now')
