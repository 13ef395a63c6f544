"""One process trains in a work dir, and a second one is told which."""
import os
import signal
import socket
import subprocess
import sys

import pytest

from helpers.toy_runner import build
from mmpose_mum.checkpoint import work_dir_lock
from mmpose_mum.checkpoint.work_dir_lock import lock_work_dir, unlock_work_dir

# Trains no more than it has to: it claims the work dir as the hook does, and waits with a child
# that outlives it, as a loader's worker does for some seconds.
HOLDER = """
import os, sys, time
from mmpose_mum.checkpoint.work_dir_lock import lock_work_dir
lock_work_dir(sys.argv[1])
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(300)
"""


@pytest.fixture()
def other(tmp_path):
    """Another process that trains in the work dir, and its child."""
    process = subprocess.Popen([sys.executable, '-c', HOLDER, str(tmp_path)],
                               stdout=subprocess.PIPE, text=True)
    child = int(process.stdout.readline())
    yield process
    process.kill()
    process.wait()
    os.kill(child, signal.SIGKILL)


def test_a_second_training_in_a_work_dir_is_refused_until_the_first_is_dead(tmp_path, other):
    before = sorted(tmp_path.glob('*.pth'))
    with pytest.raises(RuntimeError, match=f'process {other.pid} on {socket.gethostname()}, since '
                       r'.* trains in .*: stop that one, or give this one a --work-dir'):
        build(tmp_path, 6).train()
    assert sorted(tmp_path.glob('*.pth')) == before
    other.kill()
    other.wait()
    build(tmp_path, 6).train()  # at once, although the child has not ended
    assert (tmp_path / 'iter_6.pth').exists()


def test_a_training_that_ended_leaves_the_work_dir_to_others(tmp_path):
    build(tmp_path, 5).train()
    probe = 'import sys; from mmpose_mum.checkpoint.work_dir_lock import lock_work_dir as l; ' \
        'l(sys.argv[1])'
    subprocess.run([sys.executable, '-c', probe, str(tmp_path)], check=True)


def test_a_process_may_train_again_where_it_stopped(tmp_path):
    lock_work_dir(tmp_path)
    lock_work_dir(f'{tmp_path}/.')
    unlock_work_dir(tmp_path)
    unlock_work_dir(tmp_path)


def test_nothing_is_claimed_where_there_are_no_locks(tmp_path, monkeypatch):
    held = dict(work_dir_lock._held)  # by other tests of this process
    lock_work_dir(tmp_path / 'missing')  # cannot be opened
    monkeypatch.setattr(work_dir_lock, 'fcntl', None)
    lock_work_dir(tmp_path)
    assert work_dir_lock._held == held and not list(tmp_path.iterdir())
