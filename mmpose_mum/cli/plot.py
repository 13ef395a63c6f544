"""Draw how a semi-supervised run went, from its work dir.

    mmpose-mum plot WORK_DIR --out run.png

It draws from the scalars that were logged: losses and the unlabeled images' weight; the teacher's
confidence, the share of keypoints used and the distance of student and target; a metric of teacher
and student. With a PseudoLabelVisualizationHook also how sure the teacher was over time, and
keypoint by keypoint how many counted and in how many of these the student agreed. What a run has
not logged is left out and told.

With ``--hidden`` it draws instead how right the teacher's targets were in one or more runs with a
HiddenLabelHook, each given as NAME=WORK_DIR: the share of right keypoints over the iterations;
against the teacher's confidence, with the share of all keypoints in each bin as faint bars; and of
each keypoint. The last two show the last readout. Runs of the same name, as of several seeds, are
averaged over the readouts that all have.
"""
from argparse import ArgumentError, ArgumentParser, Namespace
from pathlib import Path

from ._shared import add_out


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the verb takes."""
    parser.add_argument('runs', nargs='+', metavar='WORK_DIR',
                        help="a run's work dir, whose resumed parts are put together; with "
                        '--hidden one or more NAME=WORK_DIR')
    add_out(parser, 'PNG to write', default=Path('run.png'))
    parser.add_argument('--metric', help="metric without the model's name, such as coco/AR; by "
                        'default the first that was logged')
    parser.add_argument('--hidden', action='store_true',
                        help="draw how right the teacher's targets were")


def run(args: Namespace) -> None:
    """Read the runs and write the image."""
    if args.hidden and args.metric:
        raise ArgumentError(None, '--metric goes without --hidden')
    if not args.hidden and len(args.runs) > 1:
        raise ArgumentError(None, 'several runs go with --hidden only')
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
        print(f'metric: {metric}; --metric could be {", ".join(others)}')


def plot_hidden(args: Namespace) -> None:
    """Draw how right the targets of runs were, and say it of the last readout."""
    from ..visualization.hidden_plot import PCK, draw, read_runs
    runs = read_runs(args.runs)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    draw(runs, args.out)
    for name, readouts in runs.items():
        step = max(readouts)
        print(f'{name}: {readouts[step][PCK]:.1%} right at iteration {step}')
