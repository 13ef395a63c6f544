"""The benchmark: who has labels, what is kept, resumed and refused; mim is mostly a fake."""
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmpose_mum.datasets.demo import generate_demo

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'tools'))

import benchmark_methods as benchmark  # noqa: E402
from benchmark_records import collect, save_records, settings_of  # noqa: E402
from benchmark_runs import BenchmarkError, Run, draw_labels, parse_methods, plan  # noqa: E402

TOTAL = 8
SHORT = 'val_dataloader = dict(dataset=dict(data_root=root))\n' \
        "val_evaluator = dict(ann_file=root + 'annotations/val.json')\n" \
        'test_dataloader, test_evaluator = val_dataloader, val_evaluator\n' \
        'train_cfg = dict(max_iters=4, val_interval=2)\n' \
        'default_hooks = dict(checkpoint=dict(interval=2, max_keep_ckpts=2))\n'
SUPERVISED = """
_base_ = '{configs}/demo/supervised.py'
root = '{data}/'
train_dataloader = dict(
    batch_size=2, dataset=dict(data_root=root, ann_file='annotations/train.json'))
"""
POSE_MUM = """
_base_ = '{configs}/demo/pose_mum.py'
root = '{data}/'
train_dataloader = dict(batch_size=8, sampler=dict(batch_size=8), dataset=dict(datasets=[
    dict(_base_.train_dataloader.dataset.datasets[0], data_root=root,
         ann_file='annotations/train.json'),
    dict(_base_.train_dataloader.dataset.datasets[1], data_root=root,
         ann_file='annotations/{unlabelled}.json')]))
"""
# Logs two validations, or half of that, or breaks, or hangs, as the environment tells it.
FAKE_MIM = """
import json, os, pathlib, sys, time
work = pathlib.Path(sys.argv[sys.argv.index('--work-dir') + 1])
mode = os.environ.get('FAKE_MIM', 'good')
with open(work / 'calls.txt', 'a') as file:
    print(*sys.argv[1:3], '--resume' in sys.argv, os.environ['OMP_NUM_THREADS'], file=file)
if mode == 'hang':
    (work / 'pid').write_text(str(os.getpid()))
    time.sleep(60)
if mode == 'break':
    sys.exit('no such thing')
steps = [2] if mode == 'half' else [4] if '--resume' in sys.argv else [2, 4]
folder = work / str(len(list(work.glob('*/')))) / 'vis_data'
folder.mkdir(parents=True)
with open(folder / 'scalars.json', 'w') as file:
    for step in steps:
        value = float('nan') if mode == 'nan' else step / 8
        entry = {'student/PCK': value, 'teacher/PCK': value + .25, 'step': step}
        print(json.dumps(entry), file=file)
(work / 'last_checkpoint').write_text(f'{work}/iter_{steps[-1]}.pth')
if mode == 'half':
    sys.exit(1)
"""


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    generate_demo(folder, num_train=TOTAL, num_val=3, labeled_percent=50, image_size=(64, 64))
    return folder


@pytest.fixture
def configs(tmp_path, data):
    """Return a function that writes configs on the small data, by their name."""
    def write(name, text=None, **kwargs):
        text = text or (SUPERVISED if name == 'supervised' else POSE_MUM)
        path = tmp_path / 'configs' / f'{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**dict(
            dict(configs=ROOT / 'configs', data=data, unlabelled='train'), **kwargs)) + SHORT)
        return path
    return write


@pytest.fixture
def fake_mim(tmp_path, monkeypatch):
    """Put a mim in front that trains nothing; returns a function that tells it what to do."""
    (tmp_path / 'fake').mkdir()
    (tmp_path / 'fake/mim.py').write_text(FAKE_MIM)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path / 'fake'))
    return lambda mode: monkeypatch.setenv('FAKE_MIM', mode)


def sets_of(run):
    dataset = run.cfg.train_dataloader.dataset
    return dataset.get('datasets', [dataset])


def a_run(folder, **kwargs):
    loader = dict(batch_size=2, dataset=dict(type='CocoDataset', indices=[0, 1]))
    cfg = Config(dict(dict(train_cfg=dict(max_iters=4), train_dataloader=loader), **kwargs))
    return Run('mine', ROOT / 'configs/demo/pose_mum.py', cfg, 2, TOTAL, 0, folder)


def log(folder, number, *entries):
    path = folder / str(number) / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(json.dumps(entry) + '\n' for entry in entries))
    return path


def calls(run_folder):
    return (run_folder / 'calls.txt').read_text().splitlines()


def test_more_labels_of_a_seed_contain_fewer():
    few, many = draw_labels(1, 100, 10), draw_labels(1, 100, 20)
    assert set(few) < set(many) and many == sorted(many) and len(many) == 20
    assert draw_labels(2, 100, 10) != few
    assert type(few[0]) is int


def test_all_methods_of_a_seed_have_the_same_labels(configs, tmp_path):
    methods = {'a': configs('supervised'), 'b': configs('pose_mum')}
    runs = plan(methods, [2, 4], [5, 6], tmp_path / 'work')
    assert [(r.seed, r.num_labels, r.method) for r in runs] == [
        (s, n, m) for s in (5, 6) for n in (2, 4) for m in 'ab']
    for supervised, semi in zip(runs[::2], runs[1::2]):
        labelled, unlabelled = (part['indices'] for part in sets_of(semi))
        assert sets_of(supervised)[0]['indices'] == labelled
        assert labelled == draw_labels(semi.seed, TOTAL, semi.num_labels)
        assert sorted(labelled + unlabelled) == list(range(TOTAL))
        assert supervised.cfg.randomness.seed == semi.cfg.randomness.seed == semi.seed
    assert sets_of(runs[0])[0]['indices'] != sets_of(runs[4])[0]['indices']


def test_the_trainings_read_what_was_drawn(configs, tmp_path):
    from mmpose.registry import DATASETS
    run, = plan({'a': configs('pose_mum')}, [3], [0], tmp_path / 'work')
    names = [[Path(built.get_data_info(i)['img_path']).stem for i in range(len(built))]
             for built in (DATASETS.build(part) for part in sets_of(run))]
    assert [int(name) - 1 for name in names[0]] == draw_labels(0, TOTAL, 3)
    assert sorted(sum(names, [])) == [f'{i + 1:06d}' for i in range(TOTAL)]


def test_an_unlabelled_set_of_its_own_is_left_alone(configs, tmp_path):
    run, = plan({'a': configs('pose_mum', unlabelled='train_unlabeled')}, [TOTAL], [0], tmp_path)
    assert sets_of(run)[0]['indices'] is None
    assert 'indices' not in sets_of(run)[1]


def test_all_labels_are_for_supervised_methods(configs, tmp_path):
    run, = plan({'a': configs('supervised')}, [TOTAL], [0], tmp_path)
    assert sets_of(run)[0]['indices'] is None and run.num_total == TOTAL
    with pytest.raises(BenchmarkError, match='nothing is left unlabelled'):
        plan({'a': configs('pose_mum')}, [TOTAL], [0], tmp_path)


@pytest.mark.parametrize('number', [0, TOTAL + 1])
def test_a_number_of_labels_that_is_not_there_is_an_error(configs, tmp_path, number):
    with pytest.raises(BenchmarkError, match=f'--labels {number}: .*has {TOTAL} images'):
        plan({'a': configs('supervised')}, [number], [0], tmp_path)


def test_sets_that_leave_out_different_people_are_refused(configs, tmp_path, data):
    path = data / 'annotations/holes.json'
    content = json.loads((data / 'annotations/train.json').read_text())
    content['annotations'][2].update(keypoints=[0] * 51, num_keypoints=0)
    path.write_text(json.dumps(content))
    config = configs('pose_mum', POSE_MUM.replace('annotations/train.', 'annotations/holes.'),
                     unlabelled='holes')
    with pytest.raises(BenchmarkError, match='reads 7 images and .* set 8, .* number 2 on'):
        plan({'a': config}, [2], [0], tmp_path)


def test_methods_are_called_as_their_config_or_as_told(configs):
    path = configs('supervised')
    assert parse_methods([str(path), f'other={path}']) == {'supervised': path, 'other': path}
    for arguments, message in (([str(path)] * 2, 'two methods'), (['x.py'], 'does not exist'),
                               ([f'a/b={path}'], 'no name of a method')):
        with pytest.raises(BenchmarkError, match=message):
            parse_methods(arguments)


def test_a_changed_config_is_refused(configs, tmp_path):
    methods = {'a': configs('supervised')}
    run, = plan(methods, [2], [0], tmp_path / 'work')
    assert benchmark.prepare(run) is False
    plan(methods, [2], [0], tmp_path / 'work', {'a_variable_of_mine': 1})  # no Runner reads it
    with pytest.raises(BenchmarkError, match='(?s)a, 2 labels, seed 0: .*train_cfg.max_iters was 4'
                       ' and is now 6.*Remove that folder'):
        plan(methods, [2], [0], tmp_path / 'work', {'train_cfg.max_iters': 6})


INLINE = """
keypoints = {{i: dict(name=f'joint_{{i}}', id=i, swap='') for i in range(12)}}
metainfo = dict(dataset_name='many', keypoint_info=keypoints)
"""


@pytest.mark.parametrize('name, text', [('supervised', SUPERVISED), ('pose_mum', POSE_MUM)])
def test_what_is_trained_is_what_was_planned(configs, tmp_path, name, text):
    run, = plan({'a': configs(name, text + INLINE)}, [2], [3], tmp_path / 'work')
    benchmark.prepare(run)
    trained = Config.fromfile(benchmark.config_of(run))
    planned = run.cfg.to_dict()
    assert trained.to_dict() == planned and trained.randomness.seed == 3
    # In this order MMPose reads the joints; MMEngine's dumps have 0, 1, 10, 11, 2, …
    assert list(trained.metainfo.keypoint_info) == list(range(12))
    assert str(benchmark.config_of(run).parent) == str(run.folder.parent)


def test_a_training_by_hand_is_refused(configs, tmp_path):
    log(tmp_path / 'a/labels_2/seed_0', 1, {'PCK': 0.5, 'step': 4})
    with pytest.raises(BenchmarkError, match="not the benchmark's"):
        plan({'a': configs('supervised')}, [2], [0], tmp_path)


def test_the_logs_of_a_resumed_run_are_merged(tmp_path):
    first = log(tmp_path, 1, {'loss': 1., 'step': 1}, {'PCK': 0.1, 'time': 1., 'step': 1},
                {'PCK': 0.2, 'step': 2})
    first.write_text(first.read_text() + '{"PCK": 0.')  # killed while it wrote
    log(tmp_path, 2, {'PCK': 0.25, 'step': 2}, {'PCK': 0.5, 'wide/PCK': float('nan'), 'step': 4})
    record = collect(a_run(tmp_path), 'PCK')
    assert record['curve'] == [[1, 0.1, None], [2, 0.25, None], [4, 0.5, None]]
    assert (record['student_pck'], record['teacher_pck']) == (0.5, None)
    assert record['metrics'] == {'PCK': 0.5, 'wide/PCK': None}
    assert record['config'] == 'configs/demo/pose_mum.py' and record['role'] == 'main'
    assert record['settings']['batch_size'] == 2 and record['versions']['mmpose_mum']


def test_a_metric_with_a_long_name_and_an_ablation(tmp_path):
    log(tmp_path, 1, {'student/coco/AP': 0.1, 'teacher/coco/AP': 0.2, 'step': 4})
    run = a_run(tmp_path)
    run.source = ROOT / 'configs/lspet/ablations/x.py'
    record = collect(run, 'coco/AP')
    assert (record['student_coco_ap'], record['teacher_coco_ap']) == (0.1, 0.2)
    assert record['role'] == 'ablation'


@pytest.mark.parametrize('entry, message', [
    ({'PCK': 0.5, 'step': 3}, 'at iteration 4, the last one is at 3'),
    ({'AP': 0.5, 'step': 4}, 'the last one is at None'),
    ({'PCK': float('nan'), 'step': 4}, r'PCK is \(nan, None\)'),
])
def test_a_run_without_a_good_end_has_no_record(tmp_path, entry, message):
    log(tmp_path, 1, entry)
    with pytest.raises(BenchmarkError, match=message):
        collect(a_run(tmp_path), 'PCK')


def test_records_are_merged_and_sorted(tmp_path):
    def record(method, labels, seed, figure):
        return dict(method=method, role='main', num_labels=labels, num_total=9, seed=seed,
                    student_pck=figure, teacher_pck=None, metrics={}, curve=[])
    path = tmp_path / 'new/records.json'
    save_records(path, [record('b', 2, 0, 0.1), record('a', 10, 0, 0.2)])
    save_records(path, [record('a', 2, 1, 0.3), record('b', 2, 0, 0.4)])
    found = [(r['method'], r['num_labels'], r['seed'], r['student_pck'])
             for r in json.loads(path.read_text())]
    assert found == [('a', 2, 1, 0.3), ('a', 10, 0, 0.2), ('b', 2, 0, 0.4)]
    assert [p.name for p in path.parent.iterdir()] == ['records.json']


def test_the_published_records_are_of_todays_configs():
    """Else the benchmark would train all of it again."""
    records = json.loads((ROOT / 'docs/benchmark/lspet_mini.json').read_text())
    assert records
    for config in {record['config'] for record in records}:
        settings = settings_of(Config.fromfile(ROOT / config))
        assert all(record['settings'] == settings for record in records
                   if record['config'] == config), config


def test_runs_are_trained_resumed_and_skipped(configs, fake_mim, tmp_path, capsys):
    work, records = tmp_path / 'work', tmp_path / 'records.json'
    arguments = [str(configs('supervised')), '--labels', '2', '--seeds', '0', '1', '--work-dir',
                 str(work), '--json', str(records), '--jobs', '2']
    folder = work / 'supervised/labels_2/seed_0'
    fake_mim('half')
    with pytest.raises(SystemExit, match='(?s)exit status 1.*2 of 2 runs broke'):
        benchmark.main(arguments)
    fake_mim('good')
    benchmark.main(arguments)
    threads = max(1, torch.get_num_threads() // 2)
    assert calls(folder) == [f'train mmpose False {threads}', f'train mmpose True {threads}']
    found = json.loads(records.read_text())
    assert [r['seed'] for r in found] == [0, 1]
    assert found[0]['curve'] == [[2, 0.25, 0.5], [4, 0.5, 0.75]]
    assert '2 of 2: supervised, 2 labels, seed ' in capsys.readouterr().out
    records.unlink()  # as if killed between the training's end and its record
    benchmark.main(arguments)
    assert len(calls(folder)) == 2 and json.loads(records.read_text()) == found
    shutil.rmtree(work)  # the records are enough
    benchmark.main(arguments)
    assert '2 of them finished before' in capsys.readouterr().out and not work.exists()
    benchmark.main([*arguments, '--cfg-options', 'train_cfg.val_interval=4'])
    assert len(calls(folder)) == 1  # with other settings it is another run


def test_a_broken_run_does_not_stop_the_others(configs, fake_mim, tmp_path, monkeypatch, capsys):
    prepare = benchmark.prepare

    def break_one(run):
        fake_mim('break' if run.seed == 0 else 'good')
        return prepare(run)
    monkeypatch.setattr(benchmark, 'prepare', break_one)
    records = tmp_path / 'records.json'
    with pytest.raises(SystemExit, match='(?s)no such thing.*seed 0: the training broke.*1 of 2'):
        benchmark.main([str(configs('supervised')), '--labels', '2', '--seeds', '0', '1',
                        '--work-dir', str(tmp_path / 'work'), '--json', str(records)])
    assert [r['seed'] for r in json.loads(records.read_text())] == [1]


def test_a_run_that_ended_badly_starts_over(fake_mim, tmp_path):
    run, trainer = a_run(tmp_path / 'run'), benchmark.Trainer(1, 'PCK')
    fake_mim('nan')
    with pytest.raises(BenchmarkError, match='nan'):
        trainer(run)
    fake_mim('good')
    assert trainer(run)['student_pck'] == 0.5
    assert [call.split()[2] for call in calls(run.folder)] == ['False', 'False']


def test_stopping_ends_the_trainings_and_starts_no_more(fake_mim, tmp_path):
    fake_mim('hang')
    trainer, errors = benchmark.Trainer(1, 'PCK'), []

    def train(name):
        try:
            trainer(a_run(tmp_path / name))
        except BenchmarkError as error:
            errors.append(str(error))
    thread = threading.Thread(target=train, args=['one'])
    thread.start()
    pid_file = tmp_path / 'one/pid'
    for _ in range(200):
        if pid_file.exists() and pid_file.read_text():
            break
        time.sleep(0.1)
    trainer.stop()
    thread.join(20)
    train('two')
    assert 'exit status -15' in errors[0] and 'not started any more' in errors[1]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert float((tmp_path / 'one/seconds.txt').read_text()) > 0


def test_each_slot_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(benchmark.torch.cuda, 'device_count', lambda: 2)
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    assert list(benchmark.Trainer(3, 'PCK').slots.queue) == ['0', '1', '0']
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,6')
    assert list(benchmark.Trainer(2, 'PCK').slots.queue) == ['4', '6']
    monkeypatch.setattr(benchmark.torch.cuda, 'device_count', lambda: 1)
    assert list(benchmark.Trainer(2, 'PCK').slots.queue) == [None, None]


def test_the_log_ends_without_mims_traceback(tmp_path):
    traceback = 'Traceback (most recent call last):\n  somewhere\n'
    path = tmp_path / 'train.log'
    path.write_text(f'start\n{traceback}ValueError: mine\n{traceback}CalledProcessError: mim\n')
    assert benchmark.end_of_log(path).splitlines()[-1] == 'ValueError: mine'


@pytest.mark.slow
def test_two_methods_are_really_trained_and_then_skipped(configs, tmp_path, capsys):
    records = tmp_path / 'records.json'
    arguments = [str(configs('supervised')), str(configs('pose_mum')), '--labels', '4', '--seeds',
                 '0', '1', '--work-dir', str(tmp_path / 'work'), '--json', str(records),
                 '--metric', 'coco/AP', '--jobs', '2']
    benchmark.main(arguments)
    found = json.loads(records.read_text())
    assert [(r['method'], r['seed']) for r in found] == [
        (method, seed) for method in ('pose_mum', 'supervised') for seed in (0, 1)]
    for record in found:
        assert [point[0] for point in record['curve']] == [2, 4]
        assert (record['teacher_coco_ap'] is None) == (record['method'] == 'supervised')
    folder = tmp_path / 'work/pose_mum/labels_4/seed_0'
    records.write_text(json.dumps([r for r in found if r is not found[0]]))
    for path in folder.glob('*/vis_data/scalars.json'):  # as if killed before the last validation
        lines = path.read_text().splitlines()
        path.write_text('\n'.join(lines[:-1]) + '\n')
    (folder / 'last_checkpoint').write_text(str(folder / 'iter_2.pth'))
    before = len(list(folder.glob('*/vis_data')))
    capsys.readouterr()
    benchmark.main(arguments)
    assert '4 runs, 3 of them finished before' in capsys.readouterr().out
    assert len(list(folder.glob('*/vis_data'))) == before + 1
    assert 'resumed epoch' in (folder / 'train.log').read_text()
