"""The matrix of MMPose's models: small real configs pass, faults are told, and it resumes."""
import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'dev'))

import matrix_check  # noqa: E402
import model_matrix  # noqa: E402

COCO = 'body_2d_keypoint/topdown_{}/coco/'
SMALL = [
    COCO.format('heatmap') + 'td-hm_shufflenetv2_8xb64-210e_coco-256x192.py',
    COCO.format('regression') + 'td-reg_mobilenetv2_rle-pretrained-8xb64-210e_coco-256x192.py',
    'body_2d_keypoint/simcc/coco/simcc_mobilenetv2_wo-deconv-8xb64-210e_coco-256x192.py',
]
RTMPOSE = 'body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py'
VIT = COCO.format('heatmap') + 'td-hm_ViTPose-small-simple_8xb64-210e_coco-256x192.py'

needs = {name: pytest.mark.skipif(importlib.util.find_spec(name) is None,
                                  reason=f'{name} is not installed')
         for name in ('albumentations', 'mmpretrain')}


@pytest.fixture
def rows(tmp_path):
    """A function that runs the tool and returns its rows by config."""
    path = tmp_path / 'matrix.json'

    def run(*args):
        status = model_matrix.main(['--json', str(path), *args])
        return status, {row['config']: row for row in json.loads(path.read_text())}
    return run


@pytest.mark.parametrize('name', [
    *SMALL, pytest.param(RTMPOSE, marks=needs['albumentations']),
    pytest.param(VIT, marks=[needs['mmpretrain'], pytest.mark.slow])])
def test_small_models_of_mmpose_train_and_export(name):
    result = matrix_check.check_config(name, model_matrix.CONFIGS)
    assert result['sites'][0] == 'input' and len(result['sites']) > 2
    assert len(result['gradients']) == len(result['sites'])
    assert min(result['gradients']) > 0


def test_an_exported_model_that_differs_is_noticed(monkeypatch):
    monkeypatch.setattr(matrix_check, 'plain_checkpoint', lambda trained: dict(
        meta={}, state_dict={k[len('student.'):]: v for k, v in trained['state_dict'].items()
                             if k.startswith('student.')}))
    with pytest.raises(AssertionError, match="differ from the teacher's"):
        matrix_check.check_config(SMALL[0], model_matrix.CONFIGS)


def test_a_fault_is_a_row_with_its_reason_and_is_tried_again_only_on_demand(
        rows, monkeypatch, capfd):
    asked = []

    def check(name, root):
        if 'tiny' in name:
            raise RuntimeError('no such stage\nand more')
        return dict(sites=['input'], gradients=[1.])

    monkeypatch.setattr(model_matrix, 'check_config', check)
    monkeypatch.setattr(model_matrix, 'top_down_configs', lambda patterns: asked.append(1) or [
        dict(config=name, head='HeatmapHead', backbone='ResNet') for name in ('a.py', 'tiny.py')])
    status, found = rows('--jobs', '2')
    assert status == 1
    assert found['a.py']['ok'] and found['a.py']['sites'] == ['input']
    assert not found['tiny.py']['ok']
    assert found['tiny.py']['reason'] == 'RuntimeError: no such stage'
    assert '| ResNet | 1/2 | 1/2 |' in capfd.readouterr().out
    rows()
    assert '2 configs, 2 of them done before' in capfd.readouterr().out
    # The status is that of what was asked for.
    assert rows('--only', 'a*', '--table')[0] == 0 and rows('--only', 'tiny*', '--table')[0] == 1
    assert '0 of 1 pass' in capfd.readouterr().out
    monkeypatch.setattr(model_matrix, 'check_config', lambda name, root: dict(sites=[]))
    status, found = rows('--retry')
    assert status == 0 and found['tiny.py']['ok']
    assert '1 of 1: tiny.py' in capfd.readouterr().out


def test_a_process_that_dies_or_hangs_costs_its_own_row_only(rows, monkeypatch):
    import os
    import time

    def check(name, root):
        if name == 'dies.py':
            os._exit(9)
        if name == 'hangs.py':
            time.sleep(600)
        return {}

    monkeypatch.setattr(model_matrix, 'check_config', check)
    monkeypatch.setattr(model_matrix, 'top_down_configs', lambda patterns: [
        dict(config=name, head='H', backbone='B') for name in ('dies.py', 'hangs.py', 'good.py')])
    _, found = rows('--jobs', '3', '--timeout', '5')
    assert found['good.py']['ok']
    assert found['dies.py']['reason'] == 'its process ended with exit code 9'
    assert found['hangs.py']['reason'] == 'not finished within 5 s'


@pytest.mark.parametrize('arguments, said', [
    (['--jobs', '0'], '--jobs of at least 1, got 0'),
    (['--only', 'nothing*'], "matches 'nothing"),
    (['--table'], "has no results of '*'")])
def test_what_would_try_nothing_is_told(arguments, said, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        model_matrix.main(['--json', str(tmp_path / 'm.json'), *arguments])
    assert error.value.code and said in str(error.value) + capsys.readouterr().err


def test_configs_are_found_by_pattern_with_head_and_backbone():
    found = model_matrix.top_down_configs(['*topdown_regression*'])
    assert len(found) == 18
    assert {entry['head'] for entry in found} == {'RegressionHead', 'RLEHead'}
