"""Find people in images and videos with an MMDetection model.

    mmpose-mum detect FOLDER --config DET_CONFIG --checkpoint FILE --out boxes.json

To download a detector's config and checkpoint:
``mim download mmdet --config rtmdet_m_8xb32-300e_coco --dest .``

The result is for UnlabeledPoseDataset's ``bbox_file``: a json in COCO's result format. Its
``image_id`` is the image's path below the folder, or ``clip.mp4#000120`` for a video frame. Its
``category_id`` is 1. After an interruption, the same command continues where it stopped.
"""
import json
import os.path as osp
from argparse import ArgumentParser, Namespace

from ._shared import add_device, add_force, add_out, keep_existing, rate, share


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument('source', help='a folder of images and videos, or one of them')
    parser.add_argument('--config', required=True, help="a detector's config")
    parser.add_argument('--checkpoint', required=True, help="the detector's weights")
    add_out(parser, 'json to write')
    parser.add_argument('--score-thr', type=share, default=0.3,
                        help='lowest score of a box to keep (default: 0.3)')
    parser.add_argument('--category', nargs='+', default=['person'],
                        help="the detector's classes to keep, by name or by index from 0 "
                        '(default: person)')
    parser.add_argument('--frame-rate', type=rate, default=1.,
                        help='frames to take per second of a video (default: 1)')
    add_device(parser)
    add_force(parser)


def _place(name: str) -> str:
    """Return the absolute path of a file; anything else, such as a web address, stays."""
    return osp.abspath(name) if osp.isfile(name) else name


def run(args: Namespace) -> None:
    """Detect, image by image, and write the json when all is done."""
    from ..datasets import detection
    from ..files.images import folder_of, list_images
    from ..files.whole import write_whole
    keep_existing(args.out, args.force)
    names = list_images(args.source, args.frame_rate)
    inferencer = detection.load_detector(args.config, args.checkpoint, args.device)
    labels = detection.labels_of(args.category, inferencer.model.dataset_meta['classes'])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    part = args.out.with_name(args.out.name + '.part')
    found = detection.read_part(part, dict(
        source=osp.abspath(args.source), config=_place(args.config),
        checkpoint=_place(args.checkpoint), score_thr=args.score_thr, labels=labels))
    with part.open('a') as file:
        left = [name for name in names if name not in found]
        for boxes in detection.detect(
                inferencer, folder_of(args.source), left, labels, args.score_thr):
            found.update(boxes)
            file.write(json.dumps(boxes) + '\n')
            file.flush()
    unreadable = sum(found[name] is None for name in names)
    result = [dict(image_id=name, **box) for name in names for box in found[name] or ()]
    if not result:
        part.unlink()
        raise ValueError(f'found no {" or ".join(args.category)} with a score of at least '
                         f'{args.score_thr:g} in {len(names)} images ({unreadable} cannot be '
                         'read). Nothing was written: lower --score-thr, or give other classes by '
                         '--category')
    write_whole(json.dumps(result), args.out)
    part.unlink()
    print(f'\nwrote {args.out}: {len(result)} boxes in {len(names)} images ({unreadable} cannot be '
          'read)')
