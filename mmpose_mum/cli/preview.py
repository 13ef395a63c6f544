"""Draw what a training would do with the unlabeled people.

    mmpose-mum preview CONFIG --checkpoint CHECKPOINT --out branches.png

The panels are those of PseudoLabelVisualizationHook, for people spread over the unlabeled source:
weak and strong view, mixed tiles, heatmaps, used and rejected keypoints. The model is in evaluation
mode, and learns nothing.
"""
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ._shared import add_out, image_path, positive, write_image


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the verb takes."""
    from mmengine.config import DictAction
    parser.add_argument('config', help='a semi-supervised config')
    parser.add_argument('--checkpoint', help='weights of the wrapper or of a plain model')
    add_out(parser, 'PNG or JPG to write', type=image_path, default=Path('branches.png'))
    parser.add_argument('--num', type=positive, default=4, help='rows, one person each')
    parser.add_argument('--height', type=positive, default=192, help='height of a tile, in pixels')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--cfg-options', nargs='+', action=DictAction,
                        help='changes of the config, as MMPose takes them')


def run(args: Namespace) -> None:
    """Build the config's data and model and write the image."""
    from ..configs.plain import read_config
    from ..visualization.branches import draw_branches
    cfg = read_config(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    sheet = draw_branches(cfg, args.checkpoint, args.num, args.height, args.seed)
    write_image(sheet[..., ::-1], args.out)
    print(f'wrote {args.out}: {args.num} people')
