"""A file is there as a whole or not at all, whenever its writer is killed or the disk is full."""
import builtins
import os
import resource
import signal
from contextlib import contextmanager

import pytest

from mmpose_mum.checkpoint.atomic_backend import AtomicLocalBackend


@contextmanager
def disk_with(size):
    """Let no file grow beyond a size in bytes: a write fails half way, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def kill_in(kind):
    """Let this process kill itself at a moment of the writing."""

    def kill(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    if kind != 'in the middle':
        setattr(os, kind, kill)
        return
    opened = builtins.open

    class Half:

        def __init__(self, *args):
            self.file = opened(*args)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def write(self, content):
            self.file.write(content[:len(content) // 2])
            self.file.flush()
            kill()

    builtins.open = Half


@pytest.mark.parametrize('kind', ['in the middle', 'fsync', 'replace'])
def test_a_killed_writer_leaves_the_file_as_it_was(tmp_path, kind):
    path = tmp_path / 'iter_5.pth'
    path.write_bytes(b'old')
    child = os.fork()
    if not child:
        try:
            kill_in(kind)
            AtomicLocalBackend().put(b'new' * 10**6, path)
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert path.read_bytes() == b'old'
    assert sorted(os.listdir(tmp_path)) == ['checkpoint.partial', 'iter_5.pth']
    AtomicLocalBackend().put(b'newer', path)
    assert path.read_bytes() == b'newer' and sorted(os.listdir(tmp_path)) == ['iter_5.pth']


def test_the_backend_makes_folders_and_leaves_nothing_beside(tmp_path):
    backend = AtomicLocalBackend()
    backend.put_text('größer', tmp_path / 'a/b/text')
    assert (tmp_path / 'a/b/text').read_text(encoding='utf-8') == 'größer'
    with disk_with(1000), pytest.raises(OSError, match=r'text needs 5,000 bytes, [\d,]+ are free'):
        backend.put(b'x' * 5000, tmp_path / 'a/b/text')
    assert (tmp_path / 'a/b/text').read_text(encoding='utf-8') == 'größer'
    assert os.listdir(tmp_path / 'a/b') == ['text']
