"""What a config can switch on, against the same step without it: its time, memory and gradients.

Both steps have the same weights, images and random numbers, so that the distance of the student's
gradients tells what the option changes of the training.
"""
import argparse
from typing import Any, Dict, List

import torch

from .memory import allocated, memory_row
from .models import Step, sites_of
from .step import add_model_arguments
from .timing import compare

MEASURED = (['bfloat16'], ['channels_last'], ['bfloat16', 'channels_last'], ['with_cp'])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this part's own arguments."""
    add_model_arguments(parser)
    parser.add_argument('--rounds', type=int, default=11, help='rounds of both steps')


def measure(args: argparse.Namespace) -> List[Dict[str, Any]]:
    """Measure every model with each of these, mixed at its last site."""
    rows = []
    for name in args.models:
        for options in MEASURED:
            without, with_it = (
                Step(name, sites_of(name)[-1], args.labeled, args.unlabeled,
                     torch.device(args.device), chosen) for chosen in ((), options))
            what = f'{name}, {args.labeled} + {args.unlabeled} images, {" and ".join(options)}'
            distances = {call: gradient_distance(with_it, without, call)
                         for call in ('semi_supervised', 'plain')}
            print(f'{what}: gradients {distances["semi_supervised"]:.1%} off, those of the plain '
                  f'passes {distances["plain"]:.1%}')
            rows.append(compare(
                what, with_it.semi_supervised, without.semi_supervised, device=args.device,
                rounds=args.rounds, warm_up=2, gradient_distances=distances))
            size, reference = (peak(step, args.device) for step in (with_it, without))
            rows.append(memory_row(f'memory of {what}', size, reference, args.device))
    return rows


def gradient_distance(step: Step, reference: Step, call: str = 'semi_supervised') -> float:
    """Return how far a step's gradients are from the reference's.

    Args:
        step (Step): A step that has not been taken.
        reference (Step): Likewise.
        call (str): What of them to call: ``'semi_supervised'``, or ``'plain'`` for the passes of
            MMPose's own models.

    Returns:
        float: ‖g − g₀‖ / ‖g₀‖, g the student's gradients and g₀ the reference's.
    """
    gradients = []
    for taken in (step, reference):
        torch.manual_seed(0)
        getattr(taken, call)()
        student = taken.student if call == 'plain' else taken.model.student
        gradients.append(torch.cat([p.grad.flatten() for p in student.parameters()]))
    return ((gradients[0] - gradients[1]).norm() / gradients[1].norm()).item()


def peak(step: Step, device: str) -> int:
    """Return the bytes that a step allocates besides its weights, at its peak."""
    step.model.zero_grad()
    return allocated(step.semi_supervised, device)[0]
