"""Mixing and unmixing against a copy of the same tensor, EMAN's update against one flat tensor.

The copy is clone(), which reads and writes every value once, as mixing must. The flat tensors have
as many values as the model has in its parameters and statistics, and are updated by one lerp_():
the same arithmetic without the pieces. Another row has one ``_foreach_lerp_`` over all floating
point tensors as the reference: what is left is the counters and the sorting.
"""
import argparse
import itertools
from typing import Any, Dict, Iterator, List, Tuple

import torch
from torch import Tensor

from mmpose_mum.functional.ema import ema_update_
from mmpose_mum.functional.tiles import mix_tiles, sample_tile_permutation, unmix_tiles

from .models import build, model_config
from .timing import Call, compare

SHAPES = ((32, 3, 256, 192), (32, 64, 64, 48), (32, 512, 8, 6), (32, 32, 96, 72))
GRIDS = ((4, 4), (3, 5))  # one that divides most of the sizes, and one that divides none
LAYOUTS = dict(contiguous=torch.contiguous_format, channels_last=torch.channels_last)
DTYPES = dict(float32=torch.float32, bfloat16=torch.bfloat16)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this part's own arguments."""
    parser.add_argument('--only', default='', metavar='TEXT', help='what has this in its name')
    parser.add_argument('--rounds', type=int, default=41, help='rounds of subject and reference')


def measure(args: argparse.Namespace) -> List[Dict[str, Any]]:
    """Measure every operation; return the rows."""
    device, rows = torch.device(args.device), []
    for shape, layout, dtype, grid in itertools.product(SHAPES, LAYOUTS, DTYPES, GRIDS):
        size = '×'.join(map(str, shape))
        where = f'{size} {layout} {dtype}, grid {grid[0]}×{grid[1]}'
        names = [f'{op} {where}' for op in ('mix', 'unmix', 'backward')]
        if any(args.only in name for name in names):
            x = torch.rand(shape, device=device, dtype=DTYPES[dtype])
            x = x.contiguous(memory_format=LAYOUTS[layout])
            for name, call in zip(names, mixing_calls(x, grid)):
                if args.only in name:
                    rows.append(compare(name, call, x.clone, goal=mixing_goal(shape, layout),
                                        device=args.device, rounds=args.rounds))
    name = 'EMAN update of HRNet-w32'
    if args.only in name:
        ours, flat, for_each = eman_calls(device)
        for what, reference, goal in ((name, flat, 1.2),
                                      (f'{name} against one _foreach_lerp_', for_each, None)):
            rows.append(compare(what, ours, reference, goal=goal,
                                device=args.device, rounds=args.rounds))
    return rows


def mixing_goal(shape: Tuple[int, ...], layout: str) -> float:
    """Return the goal: 1.3 where whole cache lines are moved, 2 where a cell's rows are short."""
    return 1.3 if layout == 'channels_last' or shape[1] == 3 else 2.


def mixing_calls(x: Tensor, grid: Tuple[int, int]) -> Iterator[Call]:
    """Yield calls that mix x, that unmix it, and that compute the gradient of mixing."""
    generator = torch.Generator().manual_seed(0)
    permutation = sample_tile_permutation(len(x), grid, 4, generator=generator, device=x.device)
    yield lambda: mix_tiles(x, permutation)
    yield lambda: unmix_tiles(x, permutation)
    leaf = x.detach().requires_grad_()
    mixed = mix_tiles(leaf, permutation)
    yield lambda: torch.autograd.grad(mixed, leaf, x, retain_graph=True)


def eman_calls(device: torch.device) -> Tuple[Call, Call, Call]:
    """Return calls of three updates of HRNet-w32's copy.

    Ours, as many values in one piece, and the floating point tensors alone by PyTorch's one
    operator.
    """
    model = build(model_config('hrnet_w32').estimator, device)
    student = list(model.state_dict().values())
    teacher = [tensor.clone() for tensor in student]
    floats = [tensor.flatten() for tensor in student if tensor.is_floating_point()]
    flat, average = torch.cat(floats), torch.cat(floats)
    averages, values = ([tensor for tensor in tensors if tensor.is_floating_point()]
                        for tensors in (teacher, student))
    return (lambda: ema_update_(teacher, student, .999), lambda: average.lerp_(flat, 1 - .999),
            lambda: torch._foreach_lerp_(averages, values, 1 - .999))
