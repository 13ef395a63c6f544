"""The tool trains in several processes, and a fault of one of them ends all with its reason."""
import json
import re
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from helpers import small_run
from mmpose_mum.engine import cpu_launch
from mmpose_mum.testing import CODEC, tiny_config

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'tools'))

import dist_train_cpu  # noqa: E402

EXTRA = """
train_cfg.update(max_iters=4)
custom_hooks += [dict(type='LossGuardHook'), dict(type='SpoilLabels', iteration=3, rank=1)]
"""


@HOOKS.register_module()
class SpoilLabels(Hook):
    """Makes one process's labels of one iteration NaN."""

    def __init__(self, iteration, rank):
        self.place = iteration, rank

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        """Spoil them, if it is this one."""
        if (runner.iter, get_rank()) == self.place:
            data_batch['data_samples']['sup'][0].gt_fields.heatmaps.fill_(float('nan'))


def train(args):
    """Train, without making the config pretty, which takes longer than the training."""
    with patch('mmengine.config.config.FormatCode', lambda text, **kwargs: (text, True)):
        cpu_launch.train(args)


def test_an_option_before_the_config_is_told(tmp_path, capsys):
    with pytest.raises(SystemExit):
        dist_train_cpu.parse_args(['--work-dir', str(tmp_path), 'configs/demo/pose_mum.py'])
    said = capsys.readouterr().err
    assert f"'{tmp_path}' does not exist; CONFIG stands before all options" in said


@pytest.fixture(autouse=True)
def command_line(monkeypatch):
    """The tool sets it for MMPose's script."""
    monkeypatch.setattr(sys, 'argv', sys.argv)
    monkeypatch.setenv('LOCAL_RANK', '0')  # as that script does


def test_a_loss_of_one_process_that_is_not_a_number_ends_all_and_spoils_no_checkpoint(
        tmp_path, capfd, monkeypatch):
    """Only that process sees it, but its gradient reaches all: a checkpoint is due just then."""
    labels = small_run.write_people(tmp_path / 'labeled', ['a.png', 'b.png', 'c.png', 'd.png'])
    (tmp_path / 'labels.json').write_text(json.dumps(labels))
    small_run.write_people(tmp_path / 'unlabeled', ['e.png', 'f.png', 'g.png', 'h.png'])
    model = tiny_config(num_keypoints=14)
    (tmp_path / 'config.py').write_text(
        f'{small_run.BASE}\nroot = {str(tmp_path)!r} + "/"\ncodec = {CODEC!r}\nmodel = {model!r}\n'
        f'{small_run.REST}\n{EXTRA}')
    monkeypatch.setattr(dist_train_cpu, 'train', train)
    with pytest.raises(SystemExit) as stopped:
        dist_train_cpu.main([
            str(tmp_path / 'config.py'), '--processes', '2', '--work-dir', str(tmp_path / 'work'),
            '--cfg-options', 'train_dataloader.num_workers=1'])
    assert re.search('iteration 4: .*sup_loss_kpt is nan', str(stopped.value))
    assert 'labeled/' in str(stopped.value)  # the image
    assert str(stopped.value).endswith('Process 1 of 0 to 1 failed, see above, and the others '
                                       'were ended.')
    said = capfd.readouterr().out
    assert len(re.findall(r'Iter\(train\) \[3/4\]', said)) == 1  # one process writes the log
    assert [path.name for path in (tmp_path / 'work').glob('*.pth')] == ['iter_2.pth']
    assert (tmp_path / 'work/last_checkpoint').read_text().endswith('iter_2.pth')


@pytest.fixture
def config(tmp_path):
    """The path of a config, which only has to exist."""
    (tmp_path / 'config.py').touch()
    return str(tmp_path / 'config.py')


def test_the_command_line_is_that_of_mmpose(config):
    processes, args = dist_train_cpu.parse_args([
        config, '--cfg-options', 'a.b=1', 'c=x', '--processes', '3', '--resume',
        '--work-dir', 'w'])
    assert processes == 3
    assert (args.config, args.cfg_options) == (config, dict([('a.b', 1), ('c', 'x')]))
    assert (args.resume, args.work_dir) == ('auto', 'w')
    assert dist_train_cpu.parse_args([config])[0] == 2


@pytest.mark.parametrize('arguments', [['--processes', '0'], ['--warp']])
def test_mistakes_are_told_before_anything_is_started(arguments, config, capsys):
    with pytest.raises(SystemExit, match='2'):
        dist_train_cpu.parse_args([config, *arguments])
    assert arguments[0] in capsys.readouterr().err
