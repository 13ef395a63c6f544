"""What a config can switch on, against the same step without it: its time, memory and gradients.

Both steps have the same weights, images and random numbers, so that the distance of the student's
gradients tells what the option changes of the training.
"""
import argparse
from typing import Any, Dict, List

import torch
from torch import Tensor

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
                Step(name, sites_of(name)[-1], args.labelled, args.unlabelled,
                     torch.device(args.device), chosen) for chosen in ((), options))
            what = f'{name}, {args.labelled} + {args.unlabelled} images, {" and ".join(options)}'
            distance = gradient_distance(with_it, without)
            print(f'{what}: gradients {distance:.1%} off')
            rows.append(compare(
                what, with_it.semi_supervised, without.semi_supervised, device=args.device,
                rounds=args.rounds, warm_up=2, gradient_distance=distance))
            size, reference = (peak(step, args.device) for step in (with_it, without))
            rows.append(memory_row(f'memory of {what}', size, reference, args.device))
    return rows


def gradient_distance(step: Step, reference: Step) -> float:
    """Return ‖g − g₀‖ / ‖g₀‖, g the student's gradients of a first step and g₀ the reference's."""
    gradients = [_gradients(s) for s in (step, reference)]
    return ((gradients[0] - gradients[1]).norm() / gradients[1].norm()).item()


def peak(step: Step, device: str) -> int:
    """Return the bytes that a step allocates besides its weights, at its peak."""
    step.model.zero_grad()
    return allocated(step.semi_supervised, device)[0]


def _gradients(step: Step) -> Tensor:
    torch.manual_seed(0)
    step.semi_supervised()
    return torch.cat([p.grad.flatten() for p in step.model.student.parameters()])
