"""Kernel launches of a semi-supervised step against the plain passes', and its waits for a GPU.

A launch is a kernel, a copy or a fill that the profiler saw on the GPU. A wait is what PyTorch's
synchronization debug mode warns of: the host asks for a value and gets it when the GPU has
finished all before. The reading of the log's figures, which MMEngine does in any training, is not
part of the step here. On a CPU the calls of operators count in place of launches, and nothing
waits.
"""
import argparse
import warnings
from typing import Any, Callable, Dict, List

import torch
from torch.autograd import DeviceType

from .models import Step, sites_of
from .step import add_model_arguments
from .timing import count_row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this part's own arguments."""
    add_model_arguments(parser)


def measure(args: argparse.Namespace) -> List[Dict[str, Any]]:
    """Count for every model, mixed at its last site; return the rows."""
    rows = []
    for name in args.models:
        site = sites_of(name)[-1]
        step = Step(name, site, args.labeled, args.unlabeled, torch.device(args.device))
        counts = []
        for call in (step.forward_backward, step.plain):
            call()  # the first one chooses algorithms
            counts.append(dict(launches=launches(call), waits=waits(call, args.device)))
        ours, plain = counts
        rows.append(count_row(
            f'launches of {name}, {args.labeled} + {args.unlabeled} images, mixed at {site}',
            ours['launches'], plain['launches'], args.device,
            waits=ours['waits'], reference_waits=plain['waits']))
        print(f'{name}: {len(ours["waits"])} waits of the step, {len(plain["waits"])} of the plain '
              'passes', *ours['waits'], sep='\n  ')
    return rows


def launches(call: Callable[[], Any]) -> int:
    """Return how many kernels a call launches on the GPU, or how many operators on the CPU."""
    with torch.profiler.profile() as found:
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    events = found.events()
    on_gpu = sum(event.device_type == DeviceType.CUDA for event in events)
    return on_gpu or sum(event.name.startswith('aten::') for event in events)


def waits(call: Callable[[], Any], device: str) -> List[str]:
    """Return where a call lets the host wait for the GPU: file and line of each time."""
    if torch.device(device).type != 'cuda':
        return []
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            call()
        finally:
            torch.cuda.set_sync_debug_mode('default')
    return [f'{warning.filename}:{warning.lineno}' for warning in caught
            if 'synchroniz' in str(warning.message)]
