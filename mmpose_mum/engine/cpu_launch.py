"""Train in several processes without a GPU; MMEngine's own launcher needs CUDA."""
import os
import runpy
import tempfile
from argparse import Namespace
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import mmpose
import torch
from mmengine.config import Config
from mmengine.runner import Runner

TRAIN = Path(mmpose.__file__).parent / '.mim/tools/train.py'  # MMPose's own script


def launch(processes: int, worker: Callable[..., None], *args: Any) -> None:
    """Run ``worker(*args)`` in several processes of one gloo group, and wait for all of them.

    They see no GPU, and share the CPU's cores unless ``OMP_NUM_THREADS`` is set. They find
    each other through a file, so no port has to be free. When one of them fails, the others are
    terminated.

    Args:
        processes (int): How many, at least 1.
        worker (Callable): A function that can be pickled: one of a module's.
        *args: What it is called with, in each process.

    Raises:
        torch.multiprocessing.ProcessRaisedException: With the number and the traceback of the
            process that failed first.
        torch.multiprocessing.ProcessExitedException: If that process was killed; with its number
            and the signal.
    """
    threads = max(1, (os.cpu_count() or 1) // processes)
    environment = dict(dict(OMP_NUM_THREADS=str(threads)), **os.environ)
    environment.update(CUDA_VISIBLE_DEVICES='', WORLD_SIZE=str(processes))
    with tempfile.TemporaryDirectory() as folder, _environment(environment):
        torch.multiprocessing.spawn(
            _join, (processes, f'file://{folder}/rendezvous', worker, args), processes)


def train(args: Namespace) -> None:
    """Train as MMPose's ``tools/train.py`` does, as one of the processes of :func:`launch`.

    Args:
        args (Namespace): What that script's ``parse_args`` returns.
    """
    cfg = runpy.run_path(str(TRAIN))['merge_args'](Config.fromfile(args.config), args)
    cfg.launcher = 'pytorch'
    # What MMEngine takes by default, but for the CUDA device.
    cfg.model_wrapper_cfg = {
        'broadcast_buffers': False,
        'find_unused_parameters': cfg.get('find_unused_parameters', False),
        **(cfg.get('model_wrapper_cfg') or {}), 'device_ids': None}
    Runner.from_cfg(cfg).train()


def _join(rank: int, processes: int, rendezvous: str, worker: Callable, args: tuple) -> None:
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
    torch.distributed.init_process_group(
        'gloo', init_method=rendezvous, rank=rank, world_size=processes)
    worker(*args)


@contextmanager
def _environment(variables: dict) -> Iterator[None]:
    """Context of other environment variables, which processes started in it inherit."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
