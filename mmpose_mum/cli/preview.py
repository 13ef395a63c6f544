"""Draw what the training does with unlabeled people.

    mmpose-mum preview CONFIG --checkpoint CHECKPOINT --out branches.png

The panels are those of PseudoLabelVisualizationHook: weak and strong view, mixed tiles, heatmaps,
used and rejected keypoints. The people are spread over the unlabeled source. The model is in
evaluation mode and does not change.
"""
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ._shared import add_out, image_path, positive, write_image


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument('config', help='a semi-supervised config')
    parser.add_argument('--checkpoint', help='of a semi-supervised training or a plain model; by '
                        'default random weights')
    add_out(parser, 'PNG or JPG to write', type=image_path, default=Path('branches.png'))
    parser.add_argument('--num', type=positive, default=4,
                        help='rows, one person each; fewer if there are fewer people (default: 4)')
    parser.add_argument('--height', type=positive, default=192,
                        help='height of a panel, in pixels (default: 192)')
    parser.add_argument('--seed', type=int, default=0, help='of views and tiles (default: 0)')
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[],
                        metavar='KEY=VALUE', help="changes of the config, as in MMPose's tools")


def run(args: Namespace) -> None:
    """Build the config's data and model and write the image."""
    from mmengine.config import DictAction

    from ..configs.plain import read_config
    from ..visualization.branches import draw_branches
    cfg = read_config(args.config)
    wrong = [text for text in args.cfg_options if '=' not in text]
    if wrong:
        raise ValueError(f'--cfg-options: expected KEY=VALUE, got {wrong[0]!r}')
    # Not as the argument's action: only by now a missing MMEngine has been reported.
    DictAction([], 'changes')(None, args, args.cfg_options)
    cfg.merge_from_dict(args.changes)
    sheet = draw_branches(cfg, args.checkpoint, args.num, args.height, args.seed)
    write_image(sheet[..., ::-1], args.out)
    print(f'wrote {args.out}')
