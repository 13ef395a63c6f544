"""A semi-supervised step against the plain passes that it needs, with mixing at each site.

The reference is what no such step can do without: the student forward and backward on the labeled
and on the unlabeled images, and the teacher forward, as calls of MMPose's models on tensors of the
same shapes. The step has all of it and cutout, mixing, targets, the figures for the log and the
teacher's update. Neither has the optimizer's step, which is the same for both.
"""
import argparse
from typing import Any, Dict, List

import torch

from .models import CONFIGS, OPTIONS, Step, sites_of
from .timing import compare

GOAL = 1.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this part's own arguments."""
    add_model_arguments(parser)
    parser.add_argument('--options', nargs='+', choices=OPTIONS, default=[],
                        help='switched on in the step and in the plain passes')
    parser.add_argument('--sites', nargs='+', help="instead of all that the model's config names")
    parser.add_argument('--rounds', type=int, default=11, help='rounds of step and reference')
    parser.add_argument('--profile', action='store_true',
                        help='print where the time of one step goes instead, by operator')


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what is trained."""
    parser.add_argument('--models', nargs='+', choices=CONFIGS, default=list(CONFIGS),
                        help='by default all of them')
    parser.add_argument('--labeled', type=int, default=8, metavar='IMAGES',
                        help='in a batch (default: 8)')
    parser.add_argument('--unlabeled', type=int, default=8, metavar='IMAGES',
                        help='in a batch (default: 8)')


def measure(args: argparse.Namespace) -> List[Dict[str, Any]]:
    """Measure every model at every site; return the rows."""
    rows = []
    for name in args.models:
        for site in args.sites or sites_of(name):
            step = Step(name, site, args.labeled, args.unlabeled, torch.device(args.device),
                        args.options)
            if args.profile:
                print_profile(step)
                continue
            rows.append(compare(
                ', '.join([f'{name}, {args.labeled} + {args.unlabeled} images',
                           *args.options, f'mixed at {site}']),
                step.semi_supervised, step.plain, goal=GOAL, device=args.device,
                rounds=args.rounds, warm_up=2))
    return rows


def print_profile(step: Step) -> None:
    """Print the operators of one step and of the plain passes, by their own time."""
    for call in (step.semi_supervised, step.plain):
        call()
        with torch.profiler.profile() as found:
            call()
        print(call.__doc__)
        print(found.key_averages().table(
            sort_by=f'self_{step.images["sup"].device.type}_time_total', row_limit=25,
            max_name_column_width=40))
