"""The benchmark's records: read from a run's logs, merged, sorted and of today's configs."""
import json
import sys

import pytest
import torch
from mmengine.config import Config

from helpers.benchmark_parts import ROOT, a_run, log

sys.path.insert(0, str(ROOT / 'dev'))

from benchmark_records import (  # noqa: E402
    collect,
    load_records,
    precision_of,
    read_seconds,
    save_records,
    settings_of,
)
from benchmark_runs import BenchmarkError  # noqa: E402

from mmpose_mum.engine.optim.autocast import has_bfloat16  # noqa: E402


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
    assert (record['gpu'] is not None) == torch.cuda.is_available()
    on = 'cuda' if record['gpu'] else 'cpu'  # of the demo's AutocastOptimWrapper
    assert record['precision'] == ('bfloat16' if has_bfloat16(on) else 'float32')


@pytest.mark.parametrize('wrapper, expected', [
    (dict(type='OptimWrapper'), 'float32'), (dict(type='AmpOptimWrapper'), 'float16'),
    (dict(type='AmpOptimWrapper', dtype='bfloat16'), 'bfloat16'), (dict(), 'float32'),
    (dict(type='AutocastOptimWrapper', enabled=True), 'bfloat16'),
    (dict(type='AutocastOptimWrapper', enabled=False), 'float32')])
def test_a_record_keeps_the_precision_of_the_steps(wrapper, expected):
    assert precision_of(Config(dict(optim_wrapper=wrapper))) == expected


def test_a_metric_with_a_long_name_and_an_ablation(tmp_path):
    log(tmp_path, 1, {'student/coco/AP': 0.1, 'teacher/coco/AP': 0.2, 'step': 4})
    run = a_run(tmp_path)
    run.source = ROOT / 'configs/lspet/ablations/x.py'
    record = collect(run, 'coco/AP')
    assert (record['student_coco_ap'], record['teacher_coco_ap']) == (0.1, 0.2)
    assert record['role'] == 'ablation'


@pytest.mark.parametrize('entry, message', [
    ({'PCK': 0.5, 'step': 3}, 'at iteration 4, the last one is at 3'),
    ({'AP': 0.5, 'step': 4}, 'at iteration 4, there is none'),
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


@pytest.mark.parametrize('content, words', [
    ('[{"method"', "records.json' is not a json .* ends in the middle.*stays as it is"),
    ('[{"method": "a"}]', 'expected a list of records with curve, .* as dev/benchmark_methods')])
def test_records_that_are_broken_stay_and_are_told(tmp_path, content, words):
    path = tmp_path / 'records.json'
    path.write_text(content)
    with pytest.raises(ValueError, match=words):
        save_records(path, [])
    assert path.read_text() == content


def test_a_time_that_was_not_written_to_its_end_does_not_count(tmp_path):
    for text, seconds in (('', None), ('12.5\n', 12.5)):
        (tmp_path / 'seconds.txt').write_text(text)
        assert read_seconds(tmp_path) == seconds
    (tmp_path / 'seconds.txt').write_text('soon')
    with pytest.raises(BenchmarkError, match="seconds.txt.*got 'soon': remove the file"):
        read_seconds(tmp_path)


def test_the_published_records_are_of_todays_configs():
    """Else the benchmark would train all of it again."""
    files = sorted((ROOT / 'docs/benchmark').glob('*.json'))
    records = [record for path in files for record in load_records(path)]
    assert ROOT / 'docs/benchmark/quarter_width.json' in files and records
    for config in {record['config'] for record in records}:
        settings = settings_of(Config.fromfile(ROOT / config))
        assert all(record['settings'] == settings for record in records
                   if record['config'] == config), config
