"""A training that stops anywhere and resumes becomes, bit for bit, the one that never stopped."""
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import mmpose
import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner
from mmpose.registry import TRANSFORMS

from helpers.labelers import SIZE, write_labeler
from mmpose_mum.datasets.short_form import SOURCE_NAMES, sources_of
from mmpose_mum.demo.data import generate_demo
from mmpose_mum.engine.loops import train_loop
from mmpose_mum.engine.loops.rehearsal import rehearse

ROOT = Path(__file__).parents[1]
BATCH = 4
EVERY = 5  # iterations from one checkpoint to the next; a pass has 4 or 5 labeled batches
ITERS = 12
reads = []  # ids of the images that this process has read

# MMPose's own training script, in a process that kills itself when the file of that name is
# complete in its temporary place: at the last moment before it counts.
SCRIPT = """
import os, runpy, signal, sys
fatal, tool = sys.argv.pop(1), sys.argv[1]
replace = os.replace
def killing(source, target):
    if os.path.basename(target) == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = killing
sys.argv = sys.argv[1:]
runpy.run_path(tool, run_name='__main__')
"""
TOOL = Path(mmpose.__file__).parent / '.mim/tools/train.py'


@TRANSFORMS.register_module()
class CountReads:
    """Writes down which sample is read, in the order of the reading."""

    def __call__(self, results):
        """Note the sample and a number drawn for it."""
        reads.append((results['id'], float(np.random.rand())))
        return results


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    return generate_demo(
        tmp_path_factory.mktemp('demo'), num_train=20, num_val=3, labeled_percent=45, seed=1)


def config(demo, work_dir, **options):
    """Returns the demo's config, small, with everything on that draws random numbers."""
    cfg = Config.fromfile(str(ROOT / 'configs/demo/pose_mum.py'))
    sets = [f'train_dataloader.dataset.{name}' for name in SOURCE_NAMES]
    cfg.merge_from_dict({
        **{f'{name}.data_root': demo['data_root'] + '/' for name in (
            *sets, 'val_dataloader.dataset', 'test_dataloader.dataset')},
        'val_evaluator.ann_file': demo['val'], 'test_evaluator.ann_file': demo['val'],
        'train_dataloader.batch_size': BATCH,
        'train_cfg.max_iters': ITERS, 'train_cfg.val_interval': ITERS, 'model.burn_in': 2,
        'model.ramp_up': 4,
        # Small, and with draws from PyTorch's own generator.
        'model.estimator.backbone.base_channels': 8, 'model.estimator.backbone.stem_channels': 8,
        'model.estimator.head.in_channels': 32,
        'model.estimator.head.deconv_out_channels': (8, 8),
        'model.keypoint_cutout': dict(num_keypoints=2, half_size=(3, 6), jitter=3),
        'default_hooks.checkpoint.interval': EVERY, 'default_hooks.checkpoint.max_keep_ckpts': -1,
        'default_hooks.logger.interval': 1, 'work_dir': str(work_dir), 'log_level': 'WARNING',
        'experiment_name': uuid.uuid4().hex, **options})
    return cfg


def count_reads(cfg):
    """Writes the sets out, at length, to add a transform of the test's."""
    sources = sources_of(cfg.train_dataloader.dataset)
    for source in sources:
        source.pipeline.insert(0, dict(type='CountReads'))
    cfg.train_dataloader.dataset = ConfigDict(type='SemiSupervisedDataset', datasets=sources)


def train(cfg, resume_from=None):
    if resume_from is not None:
        cfg.merge_from_dict(dict(load_from=str(resume_from), resume=True))
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def assert_same(first, second, name=''):
    """Compares all that two checkpoints hold, bit for bit."""
    assert type(first) is type(second), name
    if isinstance(first, dict):
        assert list(first) == list(second), name
        for key in first:
            assert_same(first[key], second[key], f'{name}.{key}')
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second), name
        for i, pair in enumerate(zip(first, second)):
            assert_same(*pair, f'{name}.{i}')
    elif isinstance(first, torch.Tensor):
        assert first.dtype == second.dtype and torch.equal(first, second), name
    elif isinstance(first, HistoryBuffer):
        for a, b in zip(first.data, second.data):
            assert np.array_equal(a, b, equal_nan=True), name
    elif isinstance(first, np.ndarray):
        assert np.array_equal(first, second), name
    else:
        assert first == second or first != first, name


def contents(path):
    """Loads a checkpoint without what tells when and where it was made."""
    checkpoint = torch.load(path, map_location='cpu')
    assert {'state_dict', 'optimizer', 'param_schedulers', 'message_hub'} < set(checkpoint)
    meta = checkpoint['meta']
    # The version has the commit of the folder, which may change during a long test.
    for key in ('time', 'cfg', 'experiment_name', 'mmengine_version'):
        meta.pop(key)
    hub = checkpoint['message_hub']
    for key in [key for key in hub['log_scalars'] if key.endswith('time')]:
        hub['log_scalars'].pop(key)
    for key in ('cfg', 'eta', 'last_ckpt', 'best_ckpt', 'experiment_name'):
        hub['runtime_info'].pop(key, None)
    return checkpoint


@pytest.fixture(scope='module')
def straight(demo, tmp_path_factory):
    """The training that never stopped, in the main process: its folder and what it read."""
    folder = tmp_path_factory.mktemp('straight')
    reads.clear()
    cfg = config(demo, folder)
    count_reads(cfg)
    train(cfg)
    return folder, list(reads)


@pytest.mark.parametrize('workers, persistent', [(0, False), (2, False), (2, True)])
def test_iterations_and_a_resume_are_as_many_iterations(
        demo, straight, tmp_path, workers, persistent):
    """From a checkpoint in the middle of a pass; the number of workers does not matter either."""
    folder, before = straight
    random.seed(99)  # what is drawn before does not matter, nor by whom
    cfg = config(demo, tmp_path, **{
        'train_dataloader.num_workers': workers, 'train_dataloader.persistent_workers': persistent})
    reads.clear()
    count_reads(cfg)
    train(cfg, folder / f'iter_{EVERY}.pth')
    for step in (2 * EVERY, ITERS):
        assert_same(contents(folder / f'iter_{step}.pth'), contents(tmp_path / f'iter_{step}.pth'))
    if not workers:  # only the later batches are read, and drawn as they were
        assert reads == before[EVERY * BATCH:] and len(reads) == (ITERS - EVERY) * BATCH


def test_a_trial_in_the_burn_in_leaves_no_trace(demo, tmp_path, monkeypatch):
    """After the first update, also of a resume within the burn-in."""
    def late(folder):
        return config(demo, tmp_path / folder, **{'model.burn_in': 2 * EVERY + 1})

    tried = []

    def watched(runner, batch):
        tried.append(runner.iter)
        rehearse(runner, batch)

    monkeypatch.setattr(train_loop, 'rehearse', watched)
    train(late('tried'))
    train(late('resumed'), tmp_path / f'tried/iter_{EVERY}.pth')
    assert tried == [1, EVERY + 1]
    monkeypatch.setattr(train_loop, 'rehearse', lambda *_: None)
    train(late('untried'))
    last = f'iter_{ITERS}.pth'
    for folder in ('tried', 'resumed'):
        assert_same(contents(tmp_path / folder / last), contents(tmp_path / 'untried' / last))


def test_a_labeler_is_read_again_and_labels_the_same(demo, tmp_path):
    """It is in no checkpoint, and reading it in the middle of a training draws no number."""
    labeler = write_labeler(tmp_path, 'simcc', of_coco=True)

    def labeled(folder):
        return config(demo, tmp_path / folder, **{
            'model.labeler': labeler, 'train_dataloader.dataset.weak.input_size': SIZE,
            'train_cfg.max_iters': 4, 'default_hooks.checkpoint.interval': 2})

    train(labeled('straight'))
    train(labeled('resumed'), tmp_path / 'straight/iter_2.pth')
    last = contents(tmp_path / 'straight/iter_4.pth')
    assert_same(last, contents(tmp_path / 'resumed/iter_4.pth'))
    assert {name.split('.')[0] for name in last['state_dict']} == {'student', 'teacher'}


def test_a_switched_pipeline_is_the_same_after_a_resume(demo, tmp_path):
    """Before the switch and behind it; LabeledPipelineSwitchHook starts the workers anew."""

    def switching(folder):
        cfg = config(demo, tmp_path / folder, **{'train_dataloader.num_workers': 2})
        labeled = cfg.train_dataloader.dataset.labeled.pipeline
        cfg.custom_hooks.append(dict(
            type='LabeledPipelineSwitchHook', switch_iter=EVERY + 2, switch_pipeline=[
                step for step in labeled if step['type'] != 'RandomBBoxTransform']))
        return cfg

    train(switching('straight'))
    last = f'iter_{ITERS}.pth'
    for step in (EVERY, 2 * EVERY):
        train(switching(str(step)), tmp_path / f'straight/iter_{step}.pth')
        assert_same(contents(tmp_path / 'straight' / last), contents(tmp_path / str(step) / last))


def test_the_straight_run_trains_what_it_should(straight):
    """Else everything could be equal because nothing happens."""
    folder, before = straight
    first, last = (contents(folder / f'iter_{i}.pth') for i in (EVERY, ITERS))
    for part in ('student', 'teacher'):
        changed = [name for name, value in first['state_dict'].items() if name.startswith(part)
                   and not torch.equal(value, last['state_dict'][name])]
        assert len(changed) > 50
    assert last['message_hub']['runtime_info']['eman_updates'] == ITERS - 2
    assert len(last['optimizer']['state']) > 50 and len(last['param_schedulers']) == 2
    assert len(before) == ITERS * BATCH and len({draw for _, draw in before}) == ITERS * BATCH


def start(config_file, folder, fatal=''):
    """Starts a training process, which resumes what there is."""
    command = [sys.executable, '-W', 'ignore', '-c', SCRIPT, fatal, str(TOOL), str(config_file),
               '--work-dir', str(folder), '--resume']
    with open(folder / 'output.txt', 'a') as output:
        return subprocess.Popen(
            command, cwd=ROOT, env=dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1'),
            stdout=output, stderr=subprocess.STDOUT)


def finish(process, folder):
    """Waits for a process that has to end well."""
    assert process.wait(300) == 0, (folder / 'output.txt').read_text()[-3000:]


def saved(folder):
    """Returns the last checkpoint's iteration by what MMEngine resumes from; 0 if there is none."""
    last = folder / 'last_checkpoint'
    return int(Path(last.read_text()).stem.split('_')[1]) if last.exists() else 0


def kill_and_compare(demo, tmp_path, kills, iters, seed):
    """Trains in processes that are killed, and in one that is not."""
    rng = random.Random(seed)
    config_file = tmp_path / 'config.py'
    cfg = config(demo, tmp_path, **{
        'train_cfg.max_iters': iters, 'train_cfg.val_interval': iters // 2,
        'train_dataloader.num_workers': 2, 'train_dataloader.persistent_workers': True,
        'default_hooks.checkpoint.interval': 2, 'default_hooks.checkpoint.max_keep_ckpts': 1,
        'default_hooks.checkpoint.save_best': 'teacher/coco/AP'})
    cfg.dump(config_file)
    straight, killed = tmp_path / 'straight', tmp_path / 'killed'
    straight.mkdir()
    killed.mkdir()
    through = start(config_file, straight)

    # While the first checkpoint is written, and while a later one is.
    for fatal, last in (('iter_2.pth', 0), ('iter_6.pth', 4)):
        process = start(config_file, killed, fatal)
        assert process.wait(300) == -signal.SIGKILL
        partial = killed / 'checkpoint.partial'
        assert torch.load(partial)['meta']['iter'] == last + 2  # it did hit the writing
        assert saved(killed) == last and (not last or (killed / f'iter_{last}.pth').exists())
    hits = 2
    while hits < kills:  # anywhere
        process = start(config_file, killed)
        before, begun = saved(killed), time.monotonic()
        while saved(killed) == before and process.poll() is None:
            assert time.monotonic() - begun < 300
            time.sleep(.01)
        time.sleep(rng.uniform(0, .3))
        process.kill()
        if process.wait() == 0:
            break
        hits += 1
        last = killed / f'iter_{saved(killed)}.pth'
        assert torch.load(last)['meta']['iter'] == saved(killed) > before
    finish(start(config_file, killed), killed)
    finish(through, straight)
    assert_same(contents(straight / f'iter_{iters}.pth'), contents(killed / f'iter_{iters}.pth'))
    assert [p.name for p in killed.glob('iter_*')] == [f'iter_{iters}.pth']
    assert not list(killed.glob('*.partial'))
    assert 'Advance dataloader' not in (killed / 'output.txt').read_text()
    return hits


def test_a_training_that_is_killed_again_and_again(demo, tmp_path):
    assert kill_and_compare(demo, tmp_path, kills=3, iters=24, seed=0) == 3


@pytest.mark.slow
def test_a_training_that_is_killed_twenty_times(demo, tmp_path):
    assert kill_and_compare(demo, tmp_path, kills=20, iters=150, seed=1) == 20
