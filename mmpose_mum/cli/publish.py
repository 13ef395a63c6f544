"""Publish a semi-supervised run: a plain MMPose checkpoint, and a plain config beside it.

    python tools/publish_model.py work_dirs/my_config/iter_200000.pth my_model.pth

writes ``my_model-0123abcd.pth`` (the first digits of its SHA-256), which holds nothing but tensors
and the keypoints' metainfo, and ``my_model-0123abcd.py``, by which it is tested and used without
this package. The checkpoint may come from a stranger; a config is a program, and is run.
"""
import argparse
from pathlib import Path

from mmpose_mum.export.publish import MODELS_INSIDE, publish


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('checkpoint', type=Path, help='of a semi-supervised training')
    parser.add_argument('out', type=Path, help='NAME.pth, into whose name the hash is put')
    parser.add_argument('--which', choices=MODELS_INSIDE, default='teacher')
    parser.add_argument('--config', type=Path, help='the one that it was trained with; by default '
                        'the one in the work dir of the checkpoint')
    return parser.parse_args(args)


def main(args=None) -> None:
    """Publish, and say what was written."""
    args = parse_args(args)
    try:
        written = publish(args.checkpoint, args.out, args.which, args.config)
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from error
    print(f'wrote {written.checkpoint}\n      {written.config}')
    if written.left_out:
        print(f'left out of the config, since they need this package: '
              f'{", ".join(written.left_out)}')
    for folder, name in written.moved.items():
        print(f'the config does not name {folder} of this machine: it has {name} instead. To test '
              'by it, put the data or a link to them there')


if __name__ == '__main__':
    main()
