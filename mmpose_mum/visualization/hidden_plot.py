"""Draw how right the teacher's targets were in runs with a HiddenLabelHook."""
from pathlib import Path
from typing import Dict, List

import numpy as np
from matplotlib.figure import Figure

from .scalars import read_scalars

PCK = 'hidden/PCK'
KEYPOINT = 'hidden/PCK_'
CONFIDENCE = 'hidden/confidence_'
SHARE = 'hidden/share_'
Readouts = Dict[int, Dict[str, float]]  # iteration → scalar → value


def read_run(work_dir: Path) -> Readouts:
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
        found.setdefault(name, []).append(read_run(Path(folder)))
    return {name: average(name, runs) for name, runs in found.items()}


def names_below(prefix: str, readouts: List[Dict[str, float]]) -> List[str]:
    """List what follows a prefix in the scalars' names, in their order."""
    return list(dict.fromkeys(
        key[len(prefix):] for readout in readouts for key in readout if key.startswith(prefix)))


def draw(runs: Dict[str, Readouts], path: Path) -> None:
    """Draw the three panels as a PNG."""
    last = {name: readouts[max(readouts)] for name, readouts in runs.items()}
    keypoints = names_below(KEYPOINT, list(last.values()))
    height = max(4., .09 * len(keypoints) * (len(runs) + 1) + 1)
    figure = Figure(figsize=(15, height), constrained_layout=True)
    over_time, by_score, by_keypoint = figure.subplots(1, 3)
    for number, (name, readouts) in enumerate(runs.items()):
        color, readout = f'C{number % 10}', last[name]
        label = f'{name} ({readout[PCK]:.1%} at {max(readouts)})'
        over_time.plot(list(readouts), [r[PCK] for r in readouts.values()], marker='o',
                       markersize=3, color=color, label=label)
        shares = names_below(SHARE, [readout])
        ends = np.array([[float(x) for x in share.split('-')] for share in shares])
        middle, width = ends.mean(1), np.diff(ends)[:, 0] * .9 / len(runs)
        right = [readout.get(CONFIDENCE + share, np.nan) for share in shares]
        by_score.bar(middle + (number - (len(runs) - 1) / 2) * width,
                     [readout[SHARE + share] for share in shares], width, color=color, alpha=.25)
        by_score.plot(middle, right, marker='o', color=color, label=name)
        places = np.arange(len(keypoints)) + .8 * ((number + .5) / len(runs) - .5)
        right = [readout.get(KEYPOINT + keypoint, np.nan) for keypoint in keypoints]
        by_keypoint.barh(places, right, .8 / len(runs), color=color, label=name)
    over_time.set(xlabel='iterations', ylabel='right keypoints', ylim=(0, None),
                  title="the teacher's targets")
    by_score.set(xlabel="the teacher's confidence", xlim=(0, 1), ylim=(0, 1.02),
                 title='right keypoints (line), share of all (bars)')
    by_keypoint.set(xlabel='right keypoints', yticks=range(len(keypoints)), xlim=(0, 1),
                    title='by keypoint')
    by_keypoint.set_yticklabels(keypoints)
    by_keypoint.invert_yaxis()
    over_time.legend()
    for axes in (over_time, by_score, by_keypoint):
        axes.grid(alpha=.3)
    figure.savefig(path, dpi=110, format=path.suffix[1:] or 'png')
