"""Write one page that shows a run, or compares two.

    mmpose-mum report work_dirs/my_config

The page is a single HTML file that you can send to a colleague: it needs no network, no other file
and no JavaScript. It shows, as far as the work dir has it,

* the settings that matter, and all that differ between two runs;
* the curves of the losses, of teacher and student, of confidence and of keypoints used;
* what the guards of the training said;
* panels of unlabeled people, mixed;
* the accuracy of each keypoint on the validation set, and the worst people;
* pseudo-labels beside hidden labels, if the unlabeled set has `keep_hidden=True`;
* the command that publishes the model.

What is missing is named and left out. The last checkpoint predicts at most 1,000 people of a set.
With a second work dir the page compares the two runs. Start the command where the training ran, if
the config's paths are relative. The checkpoint is read safely, even if you do not trust it. The
config is a program that runs.
"""
from argparse import ArgumentError, ArgumentParser, Namespace
from pathlib import Path

from ._shared import add_device


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument('runs', nargs='+', type=Path, metavar='WORK_DIR',
                        help='work dir of a run, finished or not; a second one to compare with')
    parser.add_argument('-o', '--out', type=Path, help='page to write; by default report.html in '
                        'the first work dir')
    add_device(parser)


def run(args: Namespace) -> None:
    """Write the page, and say what it lacks."""
    from ..report.write import write_report
    if len(args.runs) > 2:
        raise ArgumentError(None, f'one or two work dirs are shown, got {len(args.runs)}')
    written = write_report(args.runs, args.out, args.device)
    for text in written.lacks:
        print(f'not on the page: {text}')
    print(f'wrote {written.path}')
