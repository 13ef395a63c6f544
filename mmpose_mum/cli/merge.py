r"""Add corrected labels to the old ones.

    mmpose-mum merge corrected.json --images next/images --suggested next/people.json \
        --labels train.json --label-images images/train --unlabeled train-unlabeled.json \
        --unlabeled-images images/train --out round2/

`corrected.json` is what the annotation tool exported (COCO keypoints) of the people that
`mmpose-mum suggest` chose. The folder gets `labeled.json`, and with --unlabeled, `unlabeled.json`.
What to write into the config of the next training is printed.

An unlabeled set that is a folder, a video or a detector's json stays as it is: people with labels
may be in it, too. People without any labeled keypoint count as unlabeled.
"""
import filecmp
import os.path as osp
import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ._shared import add_force, add_out, keep_existing

WRITES_FOLDER = True


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the verb takes."""
    parser.add_argument('corrected', help='json of the corrected people')
    parser.add_argument('--images', required=True, help="folder of its images: suggest's images; "
                        'keep it, as the labels refer to it')
    parser.add_argument('--labels', required=True, help='json of the old labels')
    parser.add_argument('--label-images', required=True, help='folder of their images')
    parser.add_argument('--unlabeled', help="json of the unlabeled people, in COCO's layout")
    parser.add_argument('--unlabeled-images', help='folder of their images: a person is '
                        'taken out only if the image has the same content, not just the same name')
    parser.add_argument('--suggested', help="suggest's people.json: gives people the boxes back "
                        'that the annotation tool did not keep, and an error names each person '
                        'that the corrected json lacks')
    parser.add_argument('--allow-missing', action='store_true', help='suggested people may be '
                        'missing: they were deleted on purpose')
    add_out(parser, 'folder to write')
    add_force(parser)


def run(args: Namespace) -> None:
    """Merge, write, and say what to put into a config."""
    from ..coco.layout import as_json, read_coco
    from ..coco.merge import LabelFile, check_images, find_images, merge, without
    from ..coco.person_boxes import labeled_keypoints, read_labels
    from ..files.whole import write_whole
    from ..suggest.known import is_copy
    check_arguments(args)
    corrected = find_images(LabelFile(read_labels(args.corrected), args.images))
    old = LabelFile(read_labels(args.labels), args.label_images)
    check_images(old)
    people = corrected.coco.annotations
    if not people:
        raise ValueError(f'{args.corrected!r} has no annotation')
    if args.suggested:
        corrected = corrected._replace(coco=completed(
            corrected.coco, read_coco(args.suggested), args.allow_missing))
    labeled, root = merge(old, corrected)
    written = {'labeled.json': labeled}
    taken = 0
    if args.unlabeled:
        unlabeled = LabelFile(read_coco(args.unlabeled), args.unlabeled_images or '')
        if args.unlabeled_images:
            check_images(unlabeled)
        if not unlabeled.coco.annotations:
            raise ValueError(f'--unlabeled: {args.unlabeled!r} has no annotation. Leave it out')
        written['unlabeled.json'], taken = without(
            unlabeled, corrected, is_copy if args.unlabeled_images else None)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, content in written.items():
        write_whole(as_json(content), args.out / name)
    new = sum(labeled_keypoints(person) > 0 for person in people)
    print(f'wrote {args.out / "labeled.json"}: {len(old.coco.annotations)} old people and '
          f'{new} new ones')
    for category in labeled['categories'][len(old.coco.categories):]:
        print(f'the labels have the category {category["name"]!r} now, beside '
              f'{len(old.coco.categories)} others. If its people belong to one of the others, give '
              'them that category_id')
    if new < len(people):
        print(f'left out {len(people) - new} people without any labeled keypoint')
    if args.unlabeled:
        remain = len(written['unlabeled.json']['annotations'])
        print(f'wrote {args.out / "unlabeled.json"}: {remain} people remain, {taken} have labels '
              'now')
        if taken and not args.unlabeled_images:
            print('They were found by the names of their images. If images of other sets have the '
                  'same names, give --unlabeled-images, too')
    tell_next(args, root)


def check_arguments(args: Namespace) -> None:
    """Raise an error if arguments cannot be combined, or a file or folder is not what it must be.

    Raises:
        FileExistsError: If a file would be overwritten.
        FileNotFoundError: If a folder is not there.
        ValueError: If the arguments are wrong.
    """
    from ..coco.layout import is_list
    from ..files.video import VIDEO_SUFFIXES
    for folder in (args.images, args.label_images, args.unlabeled_images):
        if folder and not Path(folder).is_dir():
            raise FileNotFoundError(f'there is no folder {folder!r}')
    unlabeled = Path(args.unlabeled or '')
    if args.unlabeled and (unlabeled.is_dir() or is_list(args.unlabeled)
                           or unlabeled.suffix.lower() in VIDEO_SUFFIXES):
        raise ValueError(f"--unlabeled takes a json in COCO's layout, and {args.unlabeled!r} is "
                         'none. Leave it out: a folder, a video or a detector\'s json stays as it '
                         'is, and suggest leaves out people who have labels')
    if args.unlabeled_images and not args.unlabeled:
        raise ValueError('--unlabeled-images needs --unlabeled, the json of these images: give '
                         'both or neither')
    if args.suggested and filecmp.cmp(args.corrected, args.suggested, shallow=False):
        raise ValueError(f'{args.corrected!r} is what was suggested, a model\'s keypoints: correct '
                         'them in an annotation tool, and give the json that it exports')
    for name in ('labeled.json', *(['unlabeled.json'] if args.unlabeled else [])):
        keep_existing(args.out / name, args.force)


def completed(corrected, suggested, allow_missing: bool):
    """Compare the corrected people with the suggested ones, and give them their boxes back.

    Args:
        corrected (CocoJson): The corrected people.
        suggested (CocoJson): The same people as they were suggested.
        allow_missing (bool): Whether some may be missing.

    Returns:
        CocoJson: The corrected people with their boxes.

    Raises:
        ValueError: If people are missing, or have other numbers of keypoints.
    """
    from ..coco.merge import (
        check_keypoint_numbers,
        count_unchanged,
        missing_people,
        restore_boxes,
    )
    for coco in (suggested, corrected):
        check_keypoint_numbers(coco)
    missing = missing_people(suggested, corrected)
    if missing and not allow_missing:
        raise ValueError(
            f'{len(missing)} of the suggested people are not in {corrected.path!r}: '
            f'{"; ".join(missing[:5])}{" …" if len(missing) > 5 else ""}. Export all of them, '
            'or add --allow-missing if they were deleted on purpose')
    unchanged, changed = count_unchanged(suggested, corrected)
    if unchanged:
        print(f'{unchanged} of {unchanged + changed} people have exactly the keypoints that '
              'the model suggested. Were they looked at?')
    coco, restored = restore_boxes(corrected, suggested)
    if restored:
        print(f'gave {restored} people their suggested boxes back: they had none, or the '
              'smallest ones around their keypoints')
    return coco


def tell_next(args: Namespace, root: str) -> None:
    """Print what the next training's config and the next merge need; images lie below ``root``."""
    place = osp.abspath(args.out)  # as in a config any data_root may stand before it
    print('Put into the config of the next training\n'
          f'    labeled=dict(ann_file={osp.join(place, "labeled.json")!r}, '
          f'data_prefix=dict(img={root!r}), indices=None)')
    if args.unlabeled:
        images = osp.abspath(args.unlabeled_images) if args.unlabeled_images else (
            'the folder of its images')
        print(f'    unlabeled=dict(_delete_=True, ann_file={osp.join(place, "unlabeled.json")!r}, '
              f'data_prefix=dict(img={images!r}))')
    places = [shlex.quote(str(place)) for place in (args.out / 'labeled.json', root)]
    print('Give the next merge\n    --labels {} --label-images {}'.format(*places))
