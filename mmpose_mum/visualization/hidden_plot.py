"""Draw how right the teacher's targets were in runs with a HiddenLabelHook."""
from pathlib import Path
from typing import Dict, List, Sequence

import numpy as np
from matplotlib.figure import Figure

from .run_plot import TIME, below
from .scalars import read_scalars

PCK = 'hidden/PCK'
KEYPOINT = 'hidden/PCK_'
CONFIDENCE = 'hidden/confidence_'
SHARE = 'hidden/share_'
Readouts = Dict[int, Dict[str, float]]  # iteration → scalar → value


def read_readouts(work_dir: Path) -> Readouts:
    """Read what the hook has logged in a work dir; raise ValueError if there is nothing."""
    readouts = {
        entry['step']: {key: value for key, value in entry.items() if key.startswith('hidden/')}
        for entry in read_scalars(work_dir) if PCK in entry}
    if not readouts:
        raise ValueError(f'{work_dir} has no */vis_data/scalars.json with {PCK}: was it trained '
                         'with a HiddenLabelHook?')
    return dict(sorted(readouts.items()))


def average(name: str, runs: List[Readouts]) -> Readouts:
    """Average runs over the iterations that all have, each scalar over those that have it."""
    steps = [step for step in runs[0] if all(step in run for run in runs)]
    if not steps:
        raise ValueError(f'the runs of {name} have no readout at the same iteration')
    result = {}
    for step in steps:
        keys = dict.fromkeys(key for run in runs for key in run[step])
        result[step] = {key: float(np.mean([run[step][key] for run in runs if key in run[step]]))
                        for key in keys}
    return result


def read_runs(arguments: List[str]) -> Dict[str, Readouts]:
    """Read and average the runs that the command line names."""
    found: Dict[str, List[Readouts]] = {}
    for argument in arguments:
        name, equals, folder = argument.partition('=')
        if not (name and equals and folder):
            raise ValueError(f'expected NAME=WORK_DIR, got {argument!r}')
        found.setdefault(name, []).append(read_readouts(Path(folder)))
    return {name: average(name, runs) for name, runs in found.items()}


def legend_name(run: str) -> str:
    """Return a run's name for a legend, from which Matplotlib would leave out ``_name``."""
    return f' {run}' if run.startswith('_') else run


def right_over_time(axes, runs: Dict[str, Readouts], colors: Sequence[str]) -> None:
    """Draw the share of right keypoints at each readout, a line for each run."""
    for color, (name, readouts) in zip(colors, runs.items()):
        axes.plot(list(readouts), [readout[PCK] for readout in readouts.values()], marker='o',
                  markersize=3, color=color, label=legend_name(name))
    axes.set(xlabel=TIME, xlim=(0, None), ylim=(0, None))
    axes.yaxis.set_major_formatter('{x:.0%}')


def right_by_confidence(axes, runs: Dict[str, Dict[str, float]], colors: Sequence[str]) -> None:
    """Draw one readout of each run: how many keypoints have a confidence, and how many are right.

    Args:
        axes (Axes): Matplotlib's.
        runs (dict): Run → scalar → value.
        colors (Sequence[str]): Of the runs.
    """
    for number, (color, (name, readout)) in enumerate(zip(colors, runs.items())):
        name = f'{legend_name(name)}: ' if len(runs) > 1 else ''
        shares = below(readout, SHARE)
        ends = np.array([[float(x) for x in share.split('-')] for share in shares])
        middle, width = ends.mean(1), np.diff(ends)[:, 0] * .9 / len(runs)
        axes.bar(middle + (number - (len(runs) - 1) / 2) * width,
                 list(shares.values()), width, color=color, alpha=.3,
                 label=f'{name}share of all')
        axes.plot(middle, [readout.get(CONFIDENCE + share, np.nan) for share in shares],
                  marker='o', markersize=3, color=color, label=f'{name}right')
    axes.set(xlabel="teacher's confidence", xlim=(0, 1), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter('{x:.0%}')


def right_by_keypoint(axes, runs: Dict[str, Dict[str, float]], colors: Sequence[str]) -> None:
    """Draw the share of right keypoints by keypoint, from the top, a bar for each run.

    Args:
        axes (Axes): Matplotlib's.
        runs (dict): Run → keypoint → share; one may be missing.
        colors (Sequence[str]): Of the runs.
    """
    names = list(dict.fromkeys(name for shares in runs.values() for name in shares))
    for number, (color, (run, shares)) in enumerate(zip(colors, runs.items())):
        places = np.arange(len(names)) + .8 * ((number + .5) / len(runs) - .5)
        bars = axes.barh(places, [shares.get(name, np.nan) for name in names], .8 / len(runs),
                         color=color, label=legend_name(run))
        axes.bar_label(bars, [f'{shares[name]:.0%}' if name in shares else '' for name in names],
                       fontsize=7, padding=2, color='#4b5563')
    axes.set(xlim=(0, 1.08), xticks=np.linspace(0, 1, 6), yticks=range(len(names)),
             ylim=(len(names) - .4, -.6))
    axes.set_yticklabels(names)
    axes.xaxis.set_major_formatter('{x:.0%}')


def draw(runs: Dict[str, Readouts], path: Path) -> None:
    """Draw the three panels as a PNG."""
    last = {name: readouts[max(readouts)] for name, readouts in runs.items()}
    told = {f'{name} ({last[name][PCK]:.1%} at {max(readouts)})': readouts
            for name, readouts in runs.items()}
    shares = {name: below(readout, KEYPOINT) for name, readout in last.items()}
    colors = [f'C{number % 10}' for number in range(len(runs))]
    rows = max(map(len, shares.values())) * (len(runs) + 1)
    figure = Figure(figsize=(15, max(4., .09 * rows + 1)), constrained_layout=True)
    panels = figure.subplots(1, 3)
    right_over_time(panels[0], told, colors)
    right_by_confidence(panels[1], last, colors)
    right_by_keypoint(panels[2], shares, colors)
    for axes, title in zip(panels, (
            "the teacher's right keypoints", 'by confidence', 'by keypoint')):
        axes.set_title(title)
        axes.grid(alpha=.3)
    for axes in panels[:2]:
        axes.legend()
    figure.savefig(path, dpi=110, format=path.suffix[1:] or 'png')
