"""Train in several processes on the CPU, as tools/dist_train.sh does on several GPUs.

    python tools/dist_train_cpu.py CONFIG --processes 2 [arguments of MMPose's training script]

It shows on any machine what a training on several GPUs does, by the same Runner: that is what it is
for. The config's batch sizes are those of one process.
"""
import argparse
import runpy
import sys
from pathlib import Path

from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from mmpose_mum.engine.cpu_launch import TRAIN, launch, train


def parse_args(args=None):
    """Read the command line: how many processes, and what MMPose's script makes of the rest."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0], allow_abbrev=False,
        usage="%(prog)s CONFIG [--processes N] [arguments of MMPose's tools/train.py]")
    parser.add_argument('config', help='config of the training')
    parser.add_argument('--processes', type=int, default=2, help='by default 2')
    ours, theirs = parser.parse_known_args(args)
    if ours.processes < 1:
        parser.error(f'expected --processes of at least 1, got {ours.processes}')
    if not Path(ours.config).is_file():
        parser.error(f'the config {ours.config!r} does not exist; CONFIG stands before all options')
    sys.argv = [str(TRAIN), ours.config, *theirs]
    return ours.processes, runpy.run_path(str(TRAIN))['parse_args']()


def main(args=None) -> None:
    """Train until all processes are through, or one of them has failed."""
    processes, arguments = parse_args(args)
    try:
        launch(processes, train, arguments)
    except (ProcessRaisedException, ProcessExitedException) as error:
        sys.exit(f'{str(error).strip()}\n\nProcess {error.error_index} of 0 to {processes - 1} '
                 'failed, see above, and the others were ended.')


if __name__ == '__main__':
    main()
