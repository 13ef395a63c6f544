"""Draw the same people as several models predict them.

    mmpose-mum compare NAME=CONFIG:CHECKPOINT NAME=CONFIG:CHECKPOINT --out people.png

The first panel is the ground truth. CHECKPOINT is a file, or a work dir, whose last checkpoint is
used. The people are spread evenly over the first config's validation set, so another run shows the
same ones. Below each panel is the share of labeled keypoints within 0.1 of the box's longer side.
Keypoints with a low score are drawn like others.
"""
from argparse import ArgumentParser, Namespace

from ._shared import add_out, image_path, positive, write_image


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument('models', nargs='+', metavar='NAME=CONFIG:CHECKPOINT',
                        help='a title for the panels, and the model to draw')
    add_out(parser, 'PNG or JPG to write', type=image_path)
    parser.add_argument('--num', type=positive, default=12,
                        help='people, spread over the set (default: 12)')
    parser.add_argument('--indices', type=int, nargs='+',
                        help='indices of people to draw instead, from 0')
    parser.add_argument('--which', choices=('teacher', 'student'),
                        help="network to draw; by default the config's predict_on")


def run(args: Namespace) -> None:
    """Write the sheet, and print each model's mean share over the people on it."""
    import numpy as np

    from ..visualization.compare import THRESHOLD, compare, parse_models
    sheet, shares = compare(parse_models(args.models), args.num, args.indices, args.which)
    write_image(sheet, args.out)
    for name, values in shares.items():
        print(f'{name}: PCK@{THRESHOLD} of {len(values)} people {100 * np.nanmean(values):.1f} %')
    print(f'wrote {args.out}')
