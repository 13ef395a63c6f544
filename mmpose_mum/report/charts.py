"""Charts in a page: inline SVG, with text that stays text."""
import io
import re
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from ..visualization import hidden_plot
from ..visualization.run_plot import (
    PAIRS,
    TIME,
    Series,
    below,
    by_confidence,
    by_keypoint,
    scale_by_powers,
)
from .people import Judged
from .run import Run

COLORS = ('#2563b0', '#d9730d')  # of the first run and of the second
_LINES = ('-', '--', ':', '-.')
_MANY = ('#2563b0', '#d9730d', '#2f855a', '#a23b72', '#6b7280')  # of one run's curves
_STYLE = {
    'svg.fonttype': 'none', 'text.parse_math': False, 'font.size': 9, 'axes.edgecolor': '#9aa3af',
    'axes.labelcolor': '#4b5563', 'xtick.color': '#4b5563', 'ytick.color': '#4b5563',
    'axes.spines.top': False, 'axes.spines.right': False, 'axes.grid': True,
    'axes.axisbelow': True, 'grid.alpha': .25,
    'legend.frameon': False, 'legend.fontsize': 8, 'figure.facecolor': 'none',
    'axes.facecolor': 'none', 'lines.linewidth': 1.5, 'font.family': 'sans-serif'}
_SIZE = (4.6, 2.9)  # in inches


class Chart(NamedTuple):
    """A chart for the page.

    Attributes:
        title: What it shows.
        svg: The drawing.
    """
    title: str
    svg: Markup


def svg(draw: Callable, title: str, size: Tuple[float, float] = _SIZE) -> Markup:
    """Draw axes as an element of a page.

    Args:
        draw (Callable): Takes the axes.
        title (str): For those who do not see it.
        size (tuple[float, float]): Width and height in inches.

    Returns:
        Markup: An ``<svg>``. It names no outside address, and its ids are its own.
    """
    text = io.StringIO()
    # A salt of its own: the ids of clip paths and markers are hashes, and two charts may be alike.
    with matplotlib.rc_context({**_STYLE, 'svg.hashsalt': title}):
        figure = Figure(figsize=size, constrained_layout=True)
        draw(figure.subplots())
        figure.savefig(text, format='svg', metadata=dict(Date=None))
    found = re.search('<svg.*</svg>', text.getvalue(), re.S)
    assert found is not None
    content = re.sub('<metadata>.*?</metadata>', '', found.group(), flags=re.S)
    content = re.sub('<g id="[^"]*"', '<g', content)  # figure_1 and axes_1 are in each chart
    content = re.sub(r'^<svg [^>]*?(viewBox="[^"]*")[^>]*>', r'<svg \1 role="img" aria-label="'
                     + re.sub(r'\\', r'\\\\', str(Markup.escape(title))) + '">', content)
    return Markup(content)


def curves(runs: Sequence[Run], metric: str) -> Iterator[Chart]:
    """Yield a chart for each topic that has curves; the runs share it.

    Args:
        runs (list[Run]): The runs.
        metric (str): Of the validations.
    """
    losses = list(dict.fromkeys(key for run in runs for key, points in run.series.items()
                                if 'loss' in key and points))
    parts = [key for key in losses if key != 'loss']
    if parts and (len(runs) > 1 or runs[0].series.get('loss') == runs[0].series[parts[0]]):
        losses = parts  # their sum says no more
    topics = [('Losses', losses, [run.series for run in runs]),
              (f'{metric} on validation', ['teacher', 'student', ''],
               [run.metrics.get(metric, {}) for run in runs])]
    for pair in PAIRS:
        second = ' (second pair)' if pair else ''
        topics += [
            (f'Teacher\'s confidence, keypoints used{second}',
             [pair + 'teacher_confidence', pair + 'keypoints_used', pair + 'unsup/agreement'],
             [run.series for run in runs]),
            (f'From student to target, in pixels{second}', [pair + 'keypoint_distance'],
             [run.series for run in runs])]
    for title, keys, found in topics:
        keys = [key for key in keys if any(series.get(key) for series in found)]
        if keys:
            yield Chart(title, svg(_lines(runs, keys, found, 'Losses' in title), title))


def _lines(runs: Sequence[Run], keys: List[str], found: Sequence[Series],
           logarithmic: bool) -> Callable:
    """Return what draws scalars: of one run by color, of several a color for each run."""
    def draw(axes):
        low = np.inf
        for number, (run, series) in enumerate(zip(runs, found)):
            for i, key in enumerate([key for key in keys if series.get(key)]):
                points = dict(sorted(series[key].items()))
                low = min(low, *points.values())
                one = len(runs) == 1
                axes.plot(
                    list(points), list(points.values()),
                    color=_MANY[i % len(_MANY)] if one else COLORS[number % len(COLORS)],
                    linestyle='-' if one else _LINES[i % len(_LINES)],
                    label=_label(key) if one else ', '.join(
                        filter(None, (hidden_plot.legend_name(run.name), _label(key)))),
                    **(dict(marker='o', markersize=3) if len(points) < 30 else {}))
        if logarithmic and low > 0:
            scale_by_powers(axes)
        elif low >= 0:
            axes.set_ylim(0, None)
        axes.set(xlabel=TIME)
        axes.set_xlim(0, None)
        _legend(axes)

    return draw


def _label(key: str) -> str:
    return {'': '', 'unsup/agreement': 'student agrees'}.get(key, key.replace('_', ' '))


def _legend(axes) -> None:
    lines, labels = axes.get_legend_handles_labels()
    if len(labels) > 1 or any(labels):
        axes.figure.legend(lines, labels, loc='outside lower center', ncols=2)


def watched(run: Run) -> Iterator[Chart]:
    """Yield what PseudoLabelVisualizationHook counted: by confidence, and by keypoint."""
    for pair in PAIRS:
        second = ' (second pair)' if pair else ''
        for name, title, draw in (
                ('share', "Keypoints by the teacher's confidence", by_confidence),
                ('used', 'Keypoints used', by_keypoint),
                ('agreement', 'Used keypoints on which the student agrees', by_keypoint)):
            found = below(run.series, f'{pair}unsup/{name}_')
            if found:
                size = (_SIZE[0], _height(len(found)) if draw is by_keypoint else _SIZE[1])
                yield Chart(title + second,
                            svg(_patches(draw, found), f'{title}: {run.name}', size))


def _patches(draw: Callable, found: Series) -> Callable:
    def draw_in(axes):
        axes.grid(False)
        draw(axes, found)

    return draw_in


def accuracy(judged: Dict[str, Judged], runs: List[str]) -> Optional[Chart]:
    """Draw the share of right keypoints by keypoint, a bar for each run.

    Args:
        judged (dict[str, Judged]): Run → its people.
        runs (list[str]): The names of all runs on the page, which decide on the colors.
    """
    shares = {name: found.by_keypoint for name, found in judged.items()}
    return _bars('Right keypoints, by keypoint', shares, runs) if any(shares.values()) else None


def _colors(drawn: Iterable[str], runs: List[str]) -> List[str]:
    return [COLORS[runs.index(name) % len(COLORS)] for name in drawn]


def _bars(title: str, shares: Dict[str, Dict[str, float]], runs: List[str]) -> Chart:
    def draw(axes):
        hidden_plot.right_by_keypoint(axes, shares, _colors(shares, runs))
        axes.grid(axis='y', alpha=0)
        if len(runs) > 1:
            _legend(axes)

    rows = len({name for found in shares.values() for name in found}) * (1 + len(shares)) / 2
    return Chart(title, svg(draw, title, (_SIZE[0], _height(rows))))


def _height(rows: float) -> float:
    """Return the inches that some rows of text need."""
    return max(_SIZE[1], .2 * rows + .8)


def hidden(readouts: Dict[str, Dict[int, Dict[str, float]]], runs: List[str]) -> Iterator[Chart]:
    """Draw what HiddenLabelHook logged.

    Args:
        readouts (dict): Run → iteration → scalar → value, at least one.
        runs (list[str]): See :func:`accuracy`.
    """
    last = {name: found[max(found)] for name, found in readouts.items()}
    colors = _colors(readouts, runs)

    def draw_over_time(axes):
        hidden_plot.right_over_time(axes, readouts, colors)
        if len(runs) > 1:
            _legend(axes)

    def draw_by_confidence(axes):
        hidden_plot.right_by_confidence(axes, last, colors)
        _legend(axes)

    yield Chart('Right pseudo-labels over time', svg(draw_over_time, 'over time'))
    yield Chart('Right pseudo-labels by confidence', svg(draw_by_confidence, 'by score'))
    yield _bars('Right pseudo-labels, by keypoint', {
        name: below(values, hidden_plot.KEYPOINT) for name, values in last.items()}, runs)
