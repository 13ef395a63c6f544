"""Settings in words, and those that differ."""
from pathlib import Path

import pytest
from mmengine.config import Config

import mmpose_mum  # noqa: F401
from mmpose_mum.configs.plain import read_config
from mmpose_mum.report.run import Run, hook_of
from mmpose_mum.report.settings import differences, settings_of

ROOT = Path(__file__).parents[2]


def told(cfg, **counts):
    run = Run('a', Path('a'), cfg, None, dict(time={1: .2, 2: .4}), {}, [], [])
    return settings_of(run, counts)


def test_a_semi_supervised_config_in_words():
    found = told(read_config(ROOT / 'configs/demo/pose_mum.py'), Labels=50)
    assert found['Training'] == 'semi-supervised, SemiSupervisedPoseEstimator'
    assert found['Network'] == 'ResNet 18 with HeatmapHead'
    assert found['Labels'] == '50 people, data/demo/annotations/train_labeled.json'
    assert found['Unlabeled people'] == 'data/demo/annotations/train_unlabeled.json'
    assert found['Batch'] == '32 people, 16 of them labeled'
    assert found['Mixing'] == '3 × 3 tiles at input, layer1, layer2'
    assert found['Weight of unlabeled people'] == (
        '4 after 150 iterations on labels alone, ramped up over 150 iterations')
    assert found['Teacher follows by'] == 'momentum 0.99'
    assert found['Time'] == '0.30 s per iteration'


@pytest.mark.parametrize('root, path', [
    ('.', 'a.json'), ('', 'a.json'), ('data', 'data/a.json'), ('data/', 'data/a.json')])
def test_a_file_is_looked_for_where_the_data_lies(root, path):
    dataset = dict(data_root=root, ann_file='a.json')
    assert told(Config(dict(model=dict(type='A'), train_dataloader=dict(dataset=dataset))))[
        'Labels'] == path


def test_weights_to_start_from_may_be_one_of_several_initializations():
    cfg = read_config(ROOT / 'configs/demo/supervised.py')
    start = [name for name, text in told(cfg).items() if text == 'random weights']
    cfg.model.backbone.init_cfg = [dict(type='Constant', val=1, layer=['Conv2d'])]
    assert told(cfg)[start[0]] == 'random weights'
    cfg.model.backbone.init_cfg.append(dict(type='Pretrained', checkpoint='a.pth'))
    assert told(cfg)[start[0]] == 'a.pth'


def test_a_config_without_a_model_has_fewer_words():
    assert 'Training' not in told(Config(dict(train_dataloader=dict(batch_size=3))))


def test_a_plain_config_has_no_words_about_unlabeled_people():
    found = told(read_config(ROOT / 'configs/demo/supervised.py'))
    assert found['Training'] == 'supervised, TopdownPoseEstimator'
    assert found['Batch'] == '16 people'
    assert not {'Unlabeled people', 'Mixing', 'Teacher follows by'} & set(found)


@pytest.mark.parametrize('path', sorted(
    path.relative_to(ROOT).as_posix() for room in ('pose_mum', 'baselines', 'lspet')
    for path in (ROOT / 'configs' / room).rglob('*.py'))[::4])
def test_every_config_says_what_it_trains_on(path):
    found = told(read_config(ROOT / path))
    assert {'Training', 'Network', 'Input', 'Labels', 'Batch', 'Length', 'Optimizer'} <= set(found)


@pytest.mark.parametrize('name', ['keypoint_cutout', 'joint_cutout'])
def test_the_cutout_has_an_old_name(name):
    cfg = Config(dict(model={'estimator': dict(), name: dict(jitter=4), 'type': 'A'}))
    assert told(cfg)['Keypoint cutout'] == 'jitter 4'


def test_foreign_configs_say_what_they_can():
    assert told(Config(dict(model=dict(type='Mine')))) == {
        'Training': 'supervised, Mine', 'Time': '0.30 s per iteration'}


def test_only_what_differs_is_listed():
    cfg = read_config(ROOT / 'configs/demo/pose_mum.py')
    other = cfg.copy()
    other.merge_from_dict({'model.unsup_weight': 1., 'work_dir': 'x', 'custom_hooks.4.momentum': .9,
                           'model.estimator.head.in_channels': 64, 'max_iters': 7})
    assert differences(cfg, other) == [
        ('model.head.in_channels', '128', '64'), ('semi.unsup_weight', '4.0', '1.0'),
        ('custom_hooks.4.momentum', '0.99', '0.9')]
    assert differences(cfg, cfg) == []


def test_a_plain_model_is_compared_with_the_one_inside_a_semi_supervised_one():
    names = [name for name, *_ in differences(*(
        read_config(ROOT / f'configs/demo/{name}.py') for name in ('pose_mum', 'supervised')))]
    assert 'semi.unsup_weight' in names and 'custom_hooks.4.type' in names
    assert not [name for name in names if name.startswith('model.')]


def test_hooks_are_found_by_their_type():
    cfg = Config(dict(custom_hooks=[dict(type='mmpose_mum.EMANHook', momentum=.5)]))
    assert hook_of(cfg, 'EMANHook')['momentum'] == .5 and hook_of(cfg, 'ReportHook') is None
    assert hook_of(Config(dict(custom_hooks=None)), 'EMANHook') is None
