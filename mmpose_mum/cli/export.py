"""Write a model's keypoints of unlabeled people as a COCO json.

    mmpose-mum export CONFIG CHECKPOINT --out people.json

Correct the json and train with it. Of a semi-supervised run, the teacher predicts the unlabeled
people of its config. A plain model, such as ``mmpose-mum publish`` writes, needs ``--unlabeled``. A
keypoint with a low score or outside the image is written as not labeled. The scores of all
keypoints are kept as ``keypoint_scores``. The checkpoint is read safely, even if you do not trust
it. The config is a program that runs.
"""
import json
import os.path as osp
from argparse import ArgumentParser, Namespace

from ._shared import add_device, add_force, add_out, add_people, keep_existing


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument('config', help='config of a semi-supervised training or of a plain model')
    parser.add_argument('checkpoint', help='checkpoint of that config')
    add_out(parser, 'json to write')
    add_people(parser)
    parser.add_argument('--score-thr', type=float, default=0.3,
                        help='lowest score of a keypoint to write as labeled (default: 0.3)')
    add_device(parser)
    add_force(parser)


def run(args: Namespace) -> None:
    """Predict, write the json at once, and say what is in it."""
    from mmengine.device import get_device

    from ..coco.layout import IMAGE_FOLDER
    from ..configs.plain import read_config
    from ..export.people import find_people, load_plain, note_of_layout, predict
    from ..export.pseudo_labels import coco_json
    from ..files.whole import write_whole
    keep_existing(args.out, args.force)
    cfg = read_config(args.config)
    model = load_plain(cfg, args.checkpoint).to(args.device or get_device())
    people = find_people(cfg, args.unlabeled, args.unlabeled_images)
    note = note_of_layout(cfg)  # before the work, as it may not be worth it
    if note:
        print(note)
    content, count = coco_json(predict(model, people, args.batch_size), people, args.score_thr)
    # Relative to the json, as both may be moved.
    content['info'][IMAGE_FOLDER] = osp.relpath(people.root, args.out.parent)
    write_whole(json.dumps(content, allow_nan=False), args.out)
    print(f'\nwrote {args.out}: {count["people"]} people in {len(content["images"])} images '
          f'below {people.root}; {count["labeled"]} of {count["keypoints"]} keypoints are in the '
          f'image, with a score of {args.score_thr:g} or more')
    if count['skipped']:
        print(f'left out {count["skipped"]} people: their image cannot be read, or they are not '
              'in it')
    if count['repeated']:
        print(f'left out {count["repeated"]} repeated people, with the same box in the same image')
    if count['frames']:
        print(f'{count["frames"]} images are video frames, whose names annotation tools do not '
              'open: extract them first')
