"""Draw how a semi-supervised run went.

    mmpose-mum plot WORK_DIR --out run.png

It draws the logged scalars:

* the losses and the weight of the unlabeled images;
* the teacher's confidence, the share of keypoints used, and the distance of student and target;
* a metric of teacher and student;
* with a PseudoLabelVisualizationHook, the teacher's confidence over time, and for each keypoint how
  often it was used and how often the student agreed.

It names what a run has not logged and leaves it out.

With ``--hidden`` it draws how right the teacher's targets were in runs with a HiddenLabelHook, each
given as NAME=WORK_DIR. It draws the share of right keypoints

* over the iterations;
* by the teacher's confidence, with the share of all keypoints in each bin as faint bars;
* for each keypoint.

The last two show what was logged last. Runs with the same name, such as several seeds, are averaged
over the iterations at which all of them have logged.
"""
from argparse import ArgumentError, ArgumentParser, Namespace
from pathlib import Path

from ._shared import add_out


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument('runs', nargs='+', metavar='WORK_DIR',
                        help='work dir of a run, resumed or not; with --hidden one or more '
                        'NAME=WORK_DIR')
    add_out(parser, 'PNG to write', default=Path('run.png'))
    parser.add_argument('--metric', help="metric without the model's name, such as coco/AR; by "
                        'default the first one logged')
    parser.add_argument('--hidden', action='store_true',
                        help="draw how right the teacher's targets were")


def run(args: Namespace) -> None:
    """Read the runs and write the image."""
    if args.hidden and args.metric:
        raise ArgumentError(None, '--metric cannot be combined with --hidden')
    if not args.hidden and len(args.runs) > 1:
        raise ArgumentError(None, 'several runs need --hidden')
    if args.hidden:
        plot_hidden(args)
    else:
        plot_run(args)
    print(f'wrote {args.out}')


def plot_run(args: Namespace) -> None:
    """Draw one run, and say what it has not logged."""
    from ..visualization.run_plot import draw, read_run
    work_dir, = args.runs
    series, metrics = read_run(Path(work_dir))
    if args.metric and args.metric not in metrics:
        raise ValueError(f'{work_dir} has no metric {args.metric!r}; it has '
                         f'{", ".join(metrics) or "none"}')
    metric = args.metric or next(iter(metrics), '')
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for hint, titles in draw(series, metrics, metric, args.out).items():
        print(f'not logged: {"; ".join(titles)} ({hint})')
    others = [name for name in metrics if name != metric]
    if others:
        print(f'metric: {metric}; for others use --metric: {", ".join(others)}')


def plot_hidden(args: Namespace) -> None:
    """Draw how right the targets of runs were, and say it of the last readout."""
    from ..visualization.hidden_plot import PCK, draw, read_runs
    runs = read_runs(args.runs)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    draw(runs, args.out)
    for name, readouts in runs.items():
        step = max(readouts)
        print(f'{name}: {readouts[step][PCK]:.1%} right at iteration {step}')
