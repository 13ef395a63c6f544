"""The peak memory of a semi-supervised step against a labeled step's and what it must add.

That is the teacher's weights, and what the unlabeled images' forward keeps for its backward. All
of it is counted by PyTorch's own allocator, so weights, gradients and activations; the images
themselves, the optimizer's state and what the operating system adds are left out.
"""
import argparse
import json
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import torch
from torch import nn

from .models import Step, sites_of
from .step import add_model_arguments
from .timing import where

GOAL = 1.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this part's own arguments."""
    add_model_arguments(parser)


def measure(args: argparse.Namespace) -> List[Dict[str, Any]]:
    """Measure every model, mixed at its first and at its last site; return the rows."""
    rows = []
    for name in args.models:
        sites = sites_of(name)
        for site in (sites[0], sites[-1]):
            step = Step(name, site, args.labeled, args.unlabeled, torch.device(args.device))
            rows.append(row_of_step(
                f'memory of {name}, {args.labeled} + {args.unlabeled} images, mixed at {site}',
                step, args.device))
    return rows


def row_of_step(name: str, step: Step, device: str) -> Dict[str, Any]:
    """Measure a step's peak and its reference's, both with the weights of student and teacher."""
    weights = bytes_of(step.student) + bytes_of(step.teacher)

    def labeled():
        step.student.zero_grad()
        step.student_loss('sup').backward()

    step.semi_supervised()
    step.model.zero_grad()
    peak = weights + allocated(step.semi_supervised, device)[0]
    step.model.zero_grad()
    labeled()
    step.student.zero_grad()
    reference = weights + allocated(labeled, device)[0]
    step.student.zero_grad()
    reference += allocated(lambda: step.student_loss('unsup_student'), device)[1]
    return memory_row(name, peak, reference, device, goal=GOAL)


def memory_row(name: str, size: int, reference: int, device: str,
               goal: Optional[float] = None) -> Dict[str, Any]:
    """Return the row of a peak of ``size`` bytes against a reference's, both on ``device``."""
    return dict(name=name, median_s=None, reference_s=None, bytes=size, reference_bytes=reference,
                ratio=size / reference, goal=goal, **where(device))


def bytes_of(model: nn.Module) -> int:
    """Return the size of a model's parameters and buffers."""
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())


def allocated(call: Callable[[], Any], device: str) -> Tuple[int, int]:
    """Run a call and count what it allocates.

    On a CPU that is what PyTorch's profiler notes at each allocation.

    Args:
        call (Callable): Called without arguments.
        device (str): Where it runs.

    Returns:
        tuple[int, int]: Bytes more than before the call, at its peak and with its result held.
    """
    if torch.device(device).type == 'cuda':
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        _result = call()
        return (torch.cuda.max_memory_allocated(device) - before,
                torch.cuda.memory_allocated(device) - before)
    with torch.profiler.profile(
            activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as found:
        _result = call()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'trace.json'
        found.export_chrome_trace(str(path))
        events = json.loads(path.read_text())['traceEvents']
    notes = sorted((event for event in events if event['name'] == '[memory]'),
                   key=lambda event: event['ts'])
    totals = [0]
    for note in notes:
        totals.append(totals[-1] + note['args']['Bytes'])
    return max(totals), totals[-1]
