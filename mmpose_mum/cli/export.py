"""Write a model's keypoints of unlabeled people as a COCO json, to be corrected and trained with.

    python tools/export_pseudo_labels.py CONFIG CHECKPOINT --out people.json

Of a semi-supervised run it is the teacher's, of the people that it was trained with; a plain model,
such as ``tools/publish_model.py`` writes, is told where there are some. A keypoint whose score is
too low, or that lies outside of the image, is written as not labeled; the scores of all keypoints
are kept as ``keypoint_scores``. The checkpoint may come from a stranger; a config is a program.
"""
import argparse
import json
from pathlib import Path
from tempfile import TemporaryFile

from mmengine.device import get_device

from mmpose_mum.checkpoint.atomic_backend import write_whole
from mmpose_mum.configs.plain import read_config
from mmpose_mum.export.pseudo_labels import coco_json, find_people, load_plain, predict


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', help='of a semi-supervised training, or a plain one')
    parser.add_argument('checkpoint', help='of either')
    parser.add_argument('--out', required=True, type=Path, help='json to write')
    parser.add_argument('--unlabeled', help='folder of images or videos with one person each, a '
                        "video, or a json: COCO's, or a detector's results; defaults to the "
                        "config's")
    parser.add_argument('--unlabeled-images', help='folder of the images, if --unlabeled is a '
                        "json; defaults to the config's")
    parser.add_argument('--score-thr', type=float, default=0.3,
                        help='lowest score of a keypoint to write')
    parser.add_argument('--batch-size', type=int, default=32)
    parser.add_argument('--device', help='such as cuda:0; by default the best there is')
    args = parser.parse_args(args)
    if args.batch_size < 1:
        parser.error('expected a --batch-size of at least 1')
    return args


def main(args=None) -> None:
    """Predict, write the json at once, and say what is in it."""
    args = parse_args(args)
    try:
        if args.out.exists():
            raise FileExistsError(f'{args.out} exists already')
        args.out.parent.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=args.out.parent).close()  # what cannot be written to fails here already
        cfg = read_config(args.config)
        model = load_plain(cfg, args.checkpoint).to(args.device or get_device())
        people = find_people(cfg, args.unlabeled, args.unlabeled_images)
        content, count = coco_json(
            predict(model, people, args.batch_size), people, args.score_thr)
        write_whole(json.dumps(content, allow_nan=False).encode('utf-8'), args.out,
                    args.out.with_name(args.out.name + '.part'))
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from error
    print(f'\nwrote {args.out}: {count["people"]} people in {len(content["images"])} images '
          f'below {people.root}; {count["labeled"]} of {count["joints"]} keypoints have a score of '
          f'{args.score_thr:g} or more')
    if count['skipped']:
        print(f'left out {count["skipped"]} people: their image cannot be read, or they are not '
              'in it')
    if count['repeated']:
        print(f'left out {count["repeated"]} people who are there already, with the same box in '
              'the same image')
    if count['frames']:
        print(f'{count["frames"]} are frames of videos, which annotation tools do not open by such '
              'names')


if __name__ == '__main__':
    main()
