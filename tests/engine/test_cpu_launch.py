"""Processes on the CPU form a group, and none waits for ever for one that has failed."""
import os
import signal
import time

import pytest
import torch
from mmengine.dist import all_reduce, get_dist_info
from torch.multiprocessing import ProcessExitedException

from mmpose_mum.engine.cpu_launch import launch


def add_up_and_be_killed(folder):
    rank, world_size = get_dist_info()
    number = torch.tensor([10. ** rank])
    all_reduce(number)
    environment = [os.environ[name] for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE')]
    torch.save((number.item(), world_size, environment, torch.cuda.is_available(),
                torch.get_num_threads()), folder / f'{rank}.pth')
    all_reduce(number)
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    while True:  # busy with something else than waiting for the other
        time.sleep(.01)


def test_processes_are_a_group_and_end_when_one_is_killed(tmp_path, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    before = dict(os.environ)
    with pytest.raises(ProcessExitedException, match='process 1 terminated with signal SIGKILL'):
        launch(2, add_up_and_be_killed, tmp_path)
    assert dict(os.environ) == before
    for rank in range(2):
        assert torch.load(tmp_path / f'{rank}.pth') == (
            11., 2, [str(rank), str(rank), '2'], False, 1)
