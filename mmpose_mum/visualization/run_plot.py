"""Draw how a semi-supervised run went, from the scalars in its work dir."""
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Tuple, TypeVar

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from .._moved import old_names
from .scalars import read_scalars

__getattr__ = old_names(__name__)
Series = Dict[str, Dict[int, float]]  # scalar → iteration → value
Value = TypeVar('Value')
PAIRS = ('', 'second_')  # prefixes of the scalars; the second is a dual model's
NO_METRICS = ('step', 'time', 'data_time', 'epoch', 'memory', 'lr')
TIME = 'iterations'
COLUMNS = 3
PLUGIN = 'was it trained by a SemiSupervisedPoseEstimator, beyond its burn-in?'
HOOK = ("add dict(type='PseudoLabelVisualizationHook') to custom_hooks; with it, this comes at the "
        'end of its interval')
UNUSED = 'no keypoint has counted yet: see keypoints_used, and the threshold of confidence'


def read_run(work_dir: Path) -> Tuple[Series, Dict[str, Series]]:
    """Sort what a run has logged.

    Args:
        work_dir (Path): See :func:`read_scalars`.

    Returns:
        tuple: The training's scalars; and of the validations, metric → model → iteration → value,
        with the model ``''`` if the metric names neither teacher nor student.

    Raises:
        ValueError: If there is nothing, or something else than MMEngine's.
    """
    return sorted_run(work_dir, read_scalars(work_dir))


def sorted_run(work_dir: Path, entries: List[dict]) -> Tuple[Series, Dict[str, Series]]:
    """Sort what a run has logged, when it has been read; see :func:`read_run`."""
    series: Series = {}
    metrics: Dict[str, Series] = {}
    latest = 0
    for entry in entries:
        validation = 'data_time' in entry and 'iter' not in entry
        # By MMEngine's defaults, all validations of a training in iterations are of epoch 0.
        step = entry['step'] or latest
        if not validation:
            latest = step
        for key, value in entry.items():
            if not isinstance(value, (int, float)):
                continue
            if not validation:
                series.setdefault(key, {})[step] = value
            elif key not in NO_METRICS:
                model, _, name = key.partition('/')
                model, name = (model, name) if model in ('teacher', 'student') else ('', key)
                metrics.setdefault(name, {}).setdefault(model, {})[step] = value
    if not series and not metrics:
        raise ValueError(f'{work_dir} has no figures in */vis_data/scalars.json, which MMEngine '
                         'writes with LocalVisBackend: is it the work dir of a run?')
    return series, _in_iterations(metrics, series.get('epoch', {}))


def _in_iterations(metrics: Dict[str, Series], epochs: Dict[int, float]) -> Dict[str, Series]:
    """Count validations in iterations, if they are counted in epochs.

    Args:
        metrics (dict): By iteration or by epoch.
        epochs (dict[int, float]): Iteration → the epoch that it is in, from 1.
    """
    steps = [step for models in metrics.values() for points in models.values() for step in points]
    if not epochs or max(steps, default=0) > max(epochs.values()):
        return metrics
    # Epoch e ends with iteration e·L, so no iteration i in it is beyond, and i / e is at most L.
    length = max(step / epoch for step, epoch in epochs.items())
    return {name: {model: {round(epoch * length): value for epoch, value in points.items()}
                   for model, points in models.items()} for name, models in metrics.items()}


def below(scalars: Dict[str, Value], prefix: str) -> Dict[str, Value]:
    """Pick the scalars with a prefix, and cut it off their names."""
    return {key[len(prefix):]: value for key, value in scalars.items() if key.startswith(prefix)}


def table(series: Series) -> Tuple[np.ndarray, List[int]]:
    """Arrange scalars as (S, T), NaN where there is none, and list the T iterations."""
    steps = sorted({step for points in series.values() for step in points})
    return np.array([[points.get(step, np.nan) for step in steps]
                     for points in series.values()]), steps


def lines(axes, series: Series, names) -> None:
    """Draw scalars over the iterations, as far as there are any."""
    for name in names:
        if series.get(name):
            points = dict(sorted(series[name].items()))
            few = dict(marker='o', markersize=3) if len(points) < 30 else {}
            axes.plot(list(points), list(points.values()), label=name, **few)
    axes.set(xlabel=TIME)
    axes.grid(alpha=.3)
    axes.legend(fontsize=8)


def scale_by_powers(axes) -> None:
    """Make the vertical axis logarithmic, with numbers between the powers of 10 as well."""
    axes.set_yscale('log')
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter('{x:g}')  # powers would need formulas
    axes.yaxis.set_minor_formatter(NullFormatter())


def patches(axes, series: Series, **colors) -> None:
    """Draw shares as colored patches, a row for each scalar, a column for each readout."""
    values, steps = table(series)
    edges = [max(0, 2 * steps[0] - steps[1]) if steps[1:] else 0, *steps]
    axes.set_facecolor('.8')
    # In an SVG, thousands of patches would be thousands of paths.
    mesh = axes.pcolormesh(edges, np.arange(len(series) + 1), values, rasterized=True, **colors)
    axes.set(xlabel=TIME)
    axes.figure.colorbar(mesh, ax=axes, pad=.02, format=lambda share, _: f'{share:.0%}')


def by_keypoint(axes, series: Series) -> None:
    """Draw the shares of each keypoint, from the top."""
    patches(axes, series, vmin=0, vmax=1)
    axes.set_yticks(np.arange(len(series)) + .5)
    axes.set_yticklabels(series, fontsize=min(8, 240 / len(series)))
    axes.invert_yaxis()


def by_confidence(axes, series: Series) -> None:
    """Draw how the scores are spread over their bins, from 0 up to 1."""
    bins = sorted(series, key=lambda name: float(name.split('-')[0]))
    patches(axes, {name: series[name] for name in bins}, vmin=0, cmap='magma')
    axes.set(yticks=range(len(bins) + 1), ylabel="teacher's confidence")
    axes.set_yticklabels([*(name.split('-')[0] for name in bins), bins[-1].split('-')[1]])


def plots(series: Series, metrics: Dict[str, Series],
          metric: str) -> Iterator[Tuple[str, str, Optional[Callable]]]:
    """Yield for each plot its title, what to do if it has no data, and else how to draw it."""
    def over_time(*names):
        names = [pair + name for pair in PAIRS for name in names if series.get(pair + name)]
        return (lambda axes: lines(axes, series, names)) if names else None

    losses = [key for key, points in series.items() if 'loss' in key and points]

    def draw_losses(axes):
        lines(axes, series, losses)
        if all(value > 0 for key in losses for value in series[key].values()):
            scale_by_powers(axes)

    yield 'losses', 'has the training logged anything?', draw_losses if losses else None
    models = {model or 'model': points for model, points in metrics.get(metric, {}).items()}
    yield (metric or 'teacher and student', 'was it validated? see --metric',
           (lambda axes: lines(axes, models, sorted(models))) if models else None)
    yield 'weight of the unlabeled images', PLUGIN, over_time('unsup_weight')
    yield ('shares: confidence, use, agreement', PLUGIN,
           over_time('teacher_confidence', 'keypoints_used', 'unsup/agreement'))
    yield 'student to target, in pixels', PLUGIN, over_time('keypoint_distance')
    for pair in PAIRS:
        if pair and not below(series, pair):
            continue
        title = {'': '', 'second_': ' (second)'}[pair]
        hooked = below(series, f'{pair}unsup/share_')
        for name, what, draw in (
                ('share', "keypoints by the teacher's confidence", by_confidence),
                ('used', 'keypoints used', by_keypoint),
                ('agreement', 'used keypoints that student and target agree on', by_keypoint)):
            found = below(series, f'{pair}unsup/{name}_')
            yield (what + title, UNUSED if hooked else HOOK,
                   (lambda axes, draw=draw, found=found: draw(axes, found)) if found else None)


def draw(series: Series, metrics: Dict[str, Series], metric: str,
         path: Path) -> Dict[str, List[str]]:
    """Draw all plots that have data as a PNG; return the titles of the others by what to do."""
    wanted = list(plots(series, metrics, metric))
    drawn = [(title, function) for title, _, function in wanted if function]
    rows = -(-len(drawn) // COLUMNS)
    figure = Figure(figsize=(5 * COLUMNS, 3.6 * rows),
                    constrained_layout=dict(hspace=.06, wspace=.03))
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat[len(drawn):]:
        axes.set_axis_off()
    end = max(step for points in (*series.values(), *metrics.get(metric, {}).values())
              for step in points)
    for axes, (title, function) in zip(grid.flat, drawn):
        function(axes)
        axes.set_title(title, fontsize=10)
        axes.set_xlim(0, end * 1.02)
    figure.savefig(path, dpi=80, format=path.suffix[1:] or 'png')
    missing: Dict[str, List[str]] = {}
    for title, hint, drawing in wanted:
        if not drawing:
            missing.setdefault(hint, []).append(title)
    return missing
