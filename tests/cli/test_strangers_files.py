"""Every verb that reads a checkpoint refuses one that would run a program."""
import os
from pathlib import Path

import pytest
import torch

from mmpose_mum.cli import main
from mmpose_mum.demo.data import generate_demo

CONFIG = str(Path(__file__).parents[2] / 'configs/demo/pose_mum.py')


class Runs:
    """Would make a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize('verb', ['compare', 'export', 'preview', 'publish', 'suggest'])
def test_a_checkpoint_that_runs_a_program_is_refused(verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the config looks for its data here
    generate_demo('data/demo', num_train=10, num_val=2, labeled_percent=20)
    torch.save(dict(state_dict={'teacher.a': torch.zeros(1)}, meta=Runs('ran')), 'evil.pth')
    arguments = {
        'compare': [f'a={CONFIG}:evil.pth', '--out', 'out.png'],
        'export': [CONFIG, 'evil.pth', '--out', 'out.json'],
        'preview': [CONFIG, '--checkpoint', 'evil.pth', '--out', 'out.png'],
        'publish': ['evil.pth', 'out.pth', '--config', CONFIG],
        'suggest': [CONFIG, 'evil.pth', '--out', 'out'],
    }[verb]
    with pytest.raises(SystemExit, match=r'contains (posix|nt)\.mkdir'):
        main([verb, *arguments])
    assert not Path('ran').exists()
