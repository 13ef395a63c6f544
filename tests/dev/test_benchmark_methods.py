"""The benchmark: what is trained, resumed, skipped and stopped; mim is mostly a fake."""
import json
import os
import shutil
import sys
import threading
import time

import pytest
import torch

from helpers.benchmark_parts import ROOT, a_run, configs_fixture, data_fixture  # noqa: F401

sys.path.insert(0, str(ROOT / 'dev'))

import benchmark_methods as benchmark  # noqa: E402
from benchmark_runs import BenchmarkError  # noqa: E402

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


@pytest.fixture
def fake_mim(tmp_path, monkeypatch):
    """Put a mim in front that trains nothing; returns a function that tells it what to do."""
    (tmp_path / 'fake').mkdir()
    (tmp_path / 'fake/mim.py').write_text(FAKE_MIM)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path / 'fake'))
    return lambda mode: monkeypatch.setenv('FAKE_MIM', mode)


def calls(run_folder):
    return (run_folder / 'calls.txt').read_text().splitlines()


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
        assert [len(record['people'][name]['seen']) for name in ('val', 'hidden')] == [3, 4]
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
