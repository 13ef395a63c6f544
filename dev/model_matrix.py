"""Try Pose-MUM with every top-down config that the installed MMPose ships.

    python dev/model_matrix.py --json docs/model_matrix.json [--jobs 2] [--only PATTERN …]

Each config is converted by ``mmpose_mum.semi_supervised``, built without pretrained weights and
trained at its own input size: two optimizer steps on two labeled and two unlabeled samples, which
are generated in the layout of its dataset. Each step mixes at one site; a backward pass alone
tries the others. With mixing at every site, the gradient of the unlabeled loss must be finite and
not 0, and the teacher must have none. The teacher then predicts, and is exported to a plain MMPose
checkpoint. The original config must load it with ``strict=True`` and predict the same, bit for bit.

Results are saved after each config. The next run skips configs with a result; ``--retry`` repeats
the failed ones. The exit status is 1 if a config failed.
"""
import argparse
import fnmatch
import multiprocessing
import sys
import time
import traceback
from collections import Counter
from multiprocessing.connection import wait
from pathlib import Path
from typing import Dict, List

import mmpose
import torch
from kept_json import read_rows, write_rows
from matrix_check import check_config
from mmengine.config import Config
from mmengine.registry import init_default_scope

CONFIGS = Path(mmpose.__file__).parent / '.mim' / 'configs'


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', type=Path, required=True,
                        help='file of the results, read and written')
    parser.add_argument('--only', nargs='+', default=['*'], metavar='PATTERN',
                        help="configs to try and to print, such as '*rtmpose*'")
    parser.add_argument('--jobs', type=int, default=1, help='configs at a time, one thread each')
    parser.add_argument('--retry', action='store_true', help='try the failed ones again')
    parser.add_argument('--timeout', type=float, default=1800, help='seconds for one config')
    parser.add_argument('--table', action='store_true', help='only print the table of the file')
    args = parser.parse_args(args)
    if args.jobs < 1:
        parser.error(f'expected --jobs of at least 1, got {args.jobs}')
    return args


def matches(name: str, patterns: List[str]) -> bool:
    """Tell whether a config matches one of the patterns."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def top_down_configs(patterns: List[str], root: Path = CONFIGS) -> List[Dict[str, str]]:
    """List the top-down configs that match a pattern: ``config``, ``head`` and ``backbone``."""
    found = []
    for path in sorted(root.rglob('*.py')):
        name = path.relative_to(root).as_posix()
        if '_base_' in name or not matches(name, patterns):
            continue
        try:
            model = Config.fromfile(path).get('model') or {}
        except Exception as error:  # two of MMPose's need its source tree; neither is top-down
            print(f'{name} is left out, as it cannot be read: {error}', file=sys.stderr)
            continue
        if model.get('type', '').split('.')[-1] == 'TopdownPoseEstimator':
            found.append(dict(config=name, head=model['head']['type'],
                              backbone=model['backbone']['type']))
    return found


def try_config(entry: Dict[str, str], connection) -> None:
    """Check a config and send its row; runs in a process of its own."""
    torch.set_num_threads(1)
    init_default_scope('mmpose')
    started = time.time()
    try:
        row = dict(entry, ok=True, reason='', **check_config(entry['config'], CONFIGS))
    except Exception as error:
        last = str(error).strip().splitlines() or ['']
        row = dict(entry, ok=False, reason=f'{type(error).__name__}: {last[0]}'[:500])
        traceback.print_exc()
    connection.send(dict(row, seconds=round(time.time() - started, 1)))


def run(entries: List[Dict[str, str]], jobs: int, timeout: float):
    """Check configs, ``jobs`` at a time; yield the rows as they come."""
    context = multiprocessing.get_context('fork')  # the packages are imported once
    waiting, running = list(entries), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            entry = waiting.pop(0)
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=try_config, args=(entry, sender))
            process.start()
            sender.close()
            running[receiver] = (entry, process, time.time())
        for receiver in wait(list(running), timeout=1):
            entry, process, started = running.pop(receiver)
            try:
                row = receiver.recv()
            except EOFError:
                process.join()
                row = dict(entry, ok=False, seconds=round(time.time() - started, 1),
                           reason=f'its process ended with exit code {process.exitcode}')
            process.join()
            yield row
        for receiver, (entry, process, started) in list(running.items()):
            if time.time() - started > timeout:
                process.kill()
                process.join()
                del running[receiver]
                yield dict(entry, ok=False, seconds=round(timeout, 1),
                           reason=f'not finished within {timeout:g} s')


def table(rows: List[Dict[str, object]]) -> str:
    """Format how many configs pass, by head and backbone."""
    heads = [head for head, _ in Counter(row['head'] for row in rows).most_common()]
    backbones = [name for name, _ in Counter(row['backbone'] for row in rows).most_common()]
    lines = [['backbone', *heads, 'all']]
    for name in (*backbones, 'all'):
        line = [name]
        for head in (*heads, 'all'):
            cell = [row['ok'] for row in rows
                    if name in (row['backbone'], 'all') and head in (row['head'], 'all')]
            line.append(f'{sum(cell)}/{len(cell)}' if cell else '')
        lines.append(line)
    return '\n'.join([f'| {" | ".join(lines[0])} |', '| --- |' + ' ---: |' * (len(heads) + 1),
                      *(f'| {" | ".join(line)} |' for line in lines[1:])])


def save(rows: Dict[str, dict], path: Path) -> None:
    """Write the rows, sorted by config; a killed tool leaves the old file."""
    write_rows(path, [rows[name] for name in sorted(rows)])


def main(args=None) -> int:
    """Try the configs that have no result yet, and print the table."""
    args = parse_args(args)
    try:
        rows = {row['config']: row for row in read_rows(
            args.json, ('config', 'head', 'backbone', 'ok', 'seconds'), 'dev/model_matrix.py')}
    except (OSError, ValueError) as error:
        raise SystemExit(f'model_matrix: {error}') from error
    if not args.table:
        entries = top_down_configs(args.only)
        if not entries:
            raise SystemExit(f'model_matrix: no top-down config below {CONFIGS} matches '
                             f'{" or ".join(map(repr, args.only))}')
        left = [entry for entry in entries if entry['config'] not in rows
                or (args.retry and not rows[entry['config']]['ok'])]
        print(f'{len(entries)} configs, {len(entries) - len(left)} of them done before', flush=True)
        for number, row in enumerate(run(left, args.jobs, args.timeout), 1):
            rows[row['config']] = row
            save(rows, args.json)
            verdict = 'ok' if row['ok'] else 'FAILED: ' + row['reason']
            print(f'{number} of {len(left)}: {row["config"]}, {row["seconds"]:g} s, {verdict}',
                  flush=True)
    shown = [row for row in rows.values() if matches(row['config'], args.only)]
    if not shown:
        raise SystemExit(f'model_matrix: {args.json} has no results of '
                         f'{" or ".join(map(repr, args.only))}; run this without --table')
    print(table(shown))
    failed = [row for row in shown if not row['ok']]
    for row in failed:
        print(f'{row["config"]}: {row["reason"]}')
    print(f'{len(shown) - len(failed)} of {len(shown)} pass, '
          f'{sum(row["seconds"] for row in shown) / 60:.0f} minutes of one thread')
    return 1 if failed else 0


if __name__ == '__main__':
    raise SystemExit(main())
