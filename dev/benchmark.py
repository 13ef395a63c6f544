"""Measure what the package costs in time and memory, against a reference in the same run.

Prints a Markdown table of medians and ratios; ``--json`` keeps the rows with their spread, the
versions and the hardware. What each part measures, and what was found: docs/performance.md.

    python dev/benchmark.py ops
    python dev/benchmark.py step --models resnet18 --json docs/performance.json
"""
import argparse
from pathlib import Path

import torch
from speed import launches, loader, memory, ops, options, step, validation
from speed.timing import read_json, table_of, write_json

PARTS = dict(ops=ops, step=step, launches=launches, memory=memory, options=options,
             loader=loader, validation=validation)


def parse_args(args=None):
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest='part', required=True)
    for name, module in PARTS.items():
        part = parts.add_parser(name, help=module.__doc__.splitlines()[0],
                                description=module.__doc__,
                                formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        module.add_arguments(part)
        part.add_argument('--device', default='cpu', help="'cpu', or a GPU such as 'cuda'")
        part.add_argument('--threads', type=int, default=1, help="PyTorch's threads")
        part.add_argument('--json', type=Path, metavar='FILE',
                          help='list to write the rows into; rows of other parts stay')
    args = parser.parse_args(args)
    if getattr(args, 'rounds', 2) < 2:
        parser.error(f'expected --rounds of at least 2, which have a spread, got {args.rounds}')
    if args.device.startswith('cuda') and not torch.cuda.is_available():
        parser.error(f'--device {args.device}: PyTorch sees no NVIDIA GPU; `mmpose-mum doctor` '
                     'says why')
    return args


def main(args=None) -> None:
    """Run one part and print its table."""
    args = parse_args(args)
    if args.json:
        try:
            read_json(args.json)  # before it is measured, which takes long
        except (OSError, ValueError) as error:
            raise SystemExit(f'benchmark: {error}') from error
    torch.set_num_threads(args.threads)
    rows = PARTS[args.part].measure(args)
    if rows:
        print(table_of(rows))
    elif getattr(args, 'only', None):
        raise SystemExit(f'benchmark: nothing that {args.part} measures matches --only '
                         f'{args.only}')
    if args.json:
        write_json(args.json, rows)


if __name__ == '__main__':
    main()
