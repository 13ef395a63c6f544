"""Publish a run as a plain MMPose checkpoint, with a plain config.

    mmpose-mum publish work_dirs/my_config/iter_200000.pth my_model.pth

writes ``my_model-0123abcd.pth``, which holds only tensors and the keypoints' metainfo, and the
config ``my_model-0123abcd.py``. Both work without this package. The digits are the first of the
file's SHA-256. The checkpoint is read safely, even if you do not trust it. The config is a program
that runs.
"""
from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument('checkpoint', type=Path, help='of a semi-supervised training')
    parser.add_argument('out', type=Path, help='output file, NAME.pth; a hash is appended to its '
                        'name')
    parser.add_argument('--which', choices=('teacher', 'student'), default='teacher',
                        help='network to publish (default: teacher)')
    parser.add_argument('--config', type=Path, help='config of the training; by default the one '
                        "in the checkpoint's work dir")


def run(args: Namespace) -> None:
    """Publish, and say what was written."""
    from ..export.publish import publish
    written = publish(args.checkpoint, args.out, args.which, args.config)
    print(f'wrote {written.checkpoint}\n      {written.config}')
    if written.left_out:
        print(f'left out of the config, as they need this package: {", ".join(written.left_out)}')
    for folder, name in written.moved.items():
        print(f'the config has {name} instead of {folder}. To test with it, put the data or a '
              f'link to them at {name}')
