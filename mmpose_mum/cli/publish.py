"""Publish a run as a plain MMPose checkpoint, with a plain config.

    mmpose-mum publish work_dirs/my_config/iter_200000.pth my_model.pth

writes ``my_model-0123abcd.pth`` (the first digits of its SHA-256), which holds nothing but tensors
and the keypoints' metainfo, and ``my_model-0123abcd.py``, by which it is tested and used without
this package. The checkpoint may come from a stranger; a config is a program, and is run.
"""
from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the verb takes."""
    parser.add_argument('checkpoint', type=Path, help='of a semi-supervised training')
    parser.add_argument('out', type=Path, help='NAME.pth, into whose name the hash is put')
    parser.add_argument('--which', choices=('teacher', 'student'), default='teacher')
    parser.add_argument('--config', type=Path, help='the one that it was trained with; by default '
                        'the one in the work dir of the checkpoint')


def run(args: Namespace) -> None:
    """Publish, and say what was written."""
    from ..export.publish import publish
    written = publish(args.checkpoint, args.out, args.which, args.config)
    print(f'wrote {written.checkpoint}\n      {written.config}')
    if written.left_out:
        print(f'left out of the config, since they need this package: '
              f'{", ".join(written.left_out)}')
    for folder, name in written.moved.items():
        print(f'the config does not name {folder} of this machine: it has {name} instead. To test '
              'by it, put the data or a link to them there')
