"""Time a call against a reference, in turns in one process, and put the result into a row.

A machine's speed drifts while others use it, by far more than what is to be measured. So the two
are timed in turns, a short sample each, and a round's ratio compares neighbors in time. Medians
over the rounds leave out the odd interruption. And on a CPU the time is what the process
spent computing, not what it waited for others: with one thread that is the wall's time on an idle
machine, and on a busy one it is still the same.
"""
import gc
import os
import platform
import statistics
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import mmcv
import mmengine
import mmpose
import torch
from kept_json import read_rows, write_rows

import mmpose_mum

Call = Callable[[], Any]
SAMPLE_S = 2e-3  # a sample repeats its call for about so long: far above the clock's own cost
CLOCKS = dict(cpu=time.process_time, wall=time.perf_counter)


def compare(name: str,
            subject: Call,
            reference: Call,
            *,
            goal: Optional[float] = None,
            device: str = 'cpu',
            rounds: int = 41,
            warm_up: int = 3,
            samples: int = 1,
            clock: str = 'cpu',
            **details: Any) -> Dict[str, Any]:
    """Time ``subject`` against ``reference``.

    After the warm-up each round takes one sample of both, in an order that alternates. On a GPU the
    samples lie between events of its stream, which are read after the last round, so that the host
    waits for nothing meanwhile and the time is that of the stream.

    Args:
        name (str): What is measured; a row's identity together with its device and threads.
        subject (Callable): Called without arguments. What it returns is dropped.
        reference (Callable): Likewise.
        goal (float, optional): The ratio that is aimed at, at most.
        device (str): ``'cpu'`` or a CUDA device, on which both of them run.
        rounds (int): Rounds, at least 2.
        warm_up (int): Calls of each beforehand, at least 1; the last one tells how many of them
            make a sample.
        samples (int): What one call works through, by which the times are divided: images, say.
        clock (str): ``'cpu'``, the CPU time of all threads of this process, or
            ``'wall'``: for calls that wait for other processes. A GPU has its own.
        **details: Put into the row as they are.

    Returns:
        dict: The row, see :func:`row_of`.
    """
    on_gpu = torch.device(device).type == 'cuda'
    both, repeats = (subject, reference), []
    for call in both:
        for _ in range(warm_up):
            _synchronize(on_gpu)
            start = time.process_time()
            call()
            _synchronize(on_gpu)
        repeats.append(max(1, round(SAMPLE_S / max(time.process_time() - start, 1e-6))))
    taken = [], []
    sample = _gpu_sample if on_gpu else partial(_cpu_sample, CLOCKS[clock])
    with _no_garbage_collection():
        for i in range(rounds):
            for which in (0, 1) if i % 2 else (1, 0):
                taken[which].append(sample(both[which], repeats[which]))
        _synchronize(on_gpu)
    seconds = [[read() / repeat / samples for read in reads]
               for reads, repeat in zip(taken, repeats)]
    return row_of(name, *seconds, goal=goal, device=device,
                  clock='stream' if on_gpu else clock, **details)


def row_of(name: str,
           seconds: Sequence[float],
           reference_seconds: Sequence[float],
           *,
           goal: Optional[float] = None,
           device: str = 'cpu',
           **details: Any) -> Dict[str, Any]:
    """Put times that were measured in turns into a row.

    Args:
        name (str): What was measured.
        seconds (Sequence[float]): Its time in each round, at least two rounds.
        reference_seconds (Sequence[float]): The reference's, in the same rounds.
        goal (float, optional): The ratio that is aimed at, at most.
        device (str): Where.
        **details: Put into the row as they are.

    Returns:
        dict: ``name``; ``median_s`` and ``reference_s``, medians in seconds; ``ratio``, the median
        of the rounds' ratios; ``goal``; ``quartiles``, the first and third of these three;
        ``rounds``; what :func:`where` says; and ``details``.
    """
    ratios = [mine / its for mine, its in zip(seconds, reference_seconds)]
    return dict(
        name=name,
        median_s=statistics.median(seconds),
        reference_s=statistics.median(reference_seconds),
        ratio=statistics.median(ratios),
        goal=goal,
        quartiles=dict(median_s=_quartiles(seconds),
                       reference_s=_quartiles(reference_seconds),
                       ratio=_quartiles(ratios)),
        rounds=len(ratios),
        **where(device),
        **details)


def count_row(name: str, count: int, reference: int, device: str,
              **details: Any) -> Dict[str, Any]:
    """Return the row of something that was counted, against a reference's count."""
    return dict(name=name, median_s=None, reference_s=None, count=count, reference_count=reference,
                ratio=count / reference, goal=None, **where(device), **details)


def where(device: str = 'cpu') -> Dict[str, Any]:
    """Return what a row says of the place where it was measured.

    Args:
        device (str): The device that was measured.

    Returns:
        dict: ``device``; ``threads``, PyTorch's; ``load``, the load average, so how busy the
        machine was; ``malloc``, the variables that tell the C library how to keep memory;
        ``machine``, its hardware and versions.
    """
    on_gpu = torch.device(device).type == 'cuda'
    return dict(
        device=device,
        threads=torch.get_num_threads(),
        load=round(os.getloadavg()[0], 1),
        malloc={name: value for name, value in os.environ.items() if name.startswith('MALLOC_')},
        machine=dict(
            cpu=_cpu(),
            cores=os.cpu_count(),
            gpu=torch.cuda.get_device_name(device) if on_gpu else None,
            system=platform.system(),
            python=platform.python_version(),
            cuda=torch.version.cuda if on_gpu else None,
            **{module.__name__: module.__version__
               for module in (torch, mmcv, mmengine, mmpose, mmpose_mum)}))


def table_of(rows: Sequence[Dict[str, Any]]) -> str:
    """Return rows as a Markdown table; ratios that miss their goal are bold.

    Args:
        rows (Sequence[dict]): Rows of :func:`row_of`, of :func:`count_row`, or of memory: with
            ``bytes`` and ``reference_bytes``, and without quartiles.
    """
    lines = ['| what | median | reference | ratio | quartiles | goal |',
             '| --- | ---: | ---: | ---: | ---: | ---: |']
    for row in rows:
        goal, ratio = row['goal'], f'{row["ratio"]:.2f}'
        missed = goal is not None and float(ratio) > goal
        cells = [row['name'], *_amounts(row), f'**{ratio}**' if missed else ratio,
                 '–'.join(f'{x:.2f}' for x in row.get('quartiles', {}).get('ratio', ())),
                 '' if goal is None else f'{goal:.2f}']
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)


def write_json(path: Path, rows: Sequence[Dict[str, Any]]) -> None:
    """Write rows into a JSON list, in place of those of the same name, device and threads."""
    def identity(row):
        return row['name'], row['device'], row['threads']

    new = {identity(row) for row in rows}
    kept = [row for row in read_json(path) if identity(row) not in new]
    write_rows(path, [*kept, *rows])


def read_json(path: Path) -> List[Dict[str, Any]]:
    """Read the rows that :func:`write_json` wrote, none if the file is missing or empty.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it holds something else.
    """
    return read_rows(path, ('name', 'device', 'threads'), 'dev/benchmark.py')


def _cpu_sample(now: Callable[[], float], call: Call, calls: int) -> Call:
    start = now()
    for _ in range(calls):
        call()
    seconds = now() - start
    return lambda: seconds


def _gpu_sample(call: Call, calls: int) -> Call:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(calls):
        call()
    end.record()
    return lambda: start.elapsed_time(end) / 1000


def _synchronize(on_gpu: bool) -> None:
    if on_gpu:
        torch.cuda.synchronize()


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _quartiles(values: Sequence[float]) -> List[float]:
    first, _, third = statistics.quantiles(values, n=4, method='inclusive')
    return [first, third]


def _cpu() -> str:
    try:
        with open('/proc/cpuinfo') as f:
            return next(line.split(':')[1].strip() for line in f if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _amounts(row: Dict[str, Any]) -> List[str]:
    if 'bytes' in row:
        return [f'{row[key] / 2**20:.4g} MiB' for key in ('bytes', 'reference_bytes')]
    if 'count' in row:
        return [f'{row[key]:,}' for key in ('count', 'reference_count')]
    return [f'{s:.2f} s' if s >= 1 else f'{s * 1e3:.3g} ms'
            for s in (row['median_s'], row['reference_s'])]
