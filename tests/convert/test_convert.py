"""Every kind of top-down config becomes a semi-supervised one, the same in memory and as a file."""
import glob
import os.path as osp
import re

import mmpose
import numpy as np
import pytest
from mmengine.config import Config
from mmpose.registry import DATASETS, MODELS

from helpers.conversions import KINDS, RES50, RTMPOSE, convert, labeled, load, sup, unlabeled
from mmpose_mum import semi_supervised
from mmpose_mum.convert import Options, checks, overrides
from mmpose_mum.convert.references import unscoped
from mmpose_mum.convert.writer import base_name, converted_text
from mmpose_mum.datasets.short_form import sources_of

ROOT = osp.join(osp.dirname(mmpose.__file__), '.mim', 'configs')


def check_that_the_file_is_the_same(name, tmp_path, **options):
    out, original = tmp_path / 'written.py', load(name)
    options = dict(unlabeled='images', sites=['input'], **options)
    changed = overrides(original, Options(**options))
    out.write_text(converted_text(original, changed, base_name(name, str(out))))
    written, converted = Config.fromfile(str(out)), semi_supervised(original, **options)
    assert unscoped(written._cfg_dict.to_dict()) == unscoped(converted._cfg_dict.to_dict())
    return converted, out.read_text()


@pytest.mark.parametrize('options', [
    {}, dict(labeled='some/labels.json', val='some/val.json')], ids=str)
@pytest.mark.parametrize('name', KINDS, ids=osp.basename)
def test_the_written_config_is_the_one_in_memory(name, options, tmp_path):
    _, text = check_that_the_file_is_the_same(name, tmp_path, **options)
    lines = text.splitlines()
    assert len(lines) <= 88
    assert all(len(x) <= 100 for x in lines if not re.search('https://|^_base_', x))


@pytest.mark.slow
def test_every_top_down_config_of_mmpose_converts(tmp_path):
    found = 0
    for path in sorted(glob.glob(osp.join(ROOT, '**', '*.py'), recursive=True)):
        if "type='TopdownPoseEstimator'" not in open(path, encoding='utf-8').read():
            continue
        name = base_name(path, str(tmp_path / 'x.py'))
        converted, _ = check_that_the_file_is_the_same(name, tmp_path)
        found += 1
        if labeled(converted).type in ('CombinedDataset', 'InterHand3DDataset'):
            continue  # these read their files at once
        one, other = (DATASETS.build(dict(config, lazy_init=True)).metainfo
                      for config in sources_of(converted.train_dataloader.dataset))
        for key in set(one) | set(other) - {'dataset_name'}:
            np.testing.assert_equal(one[key], other[key], f'{key} of {name}')
    assert found > 300


def test_the_original_is_left_as_it_was():
    original = load(RTMPOSE)
    before = original._cfg_dict.to_dict()
    convert(original)
    assert original._cfg_dict.to_dict() == before


def test_a_heatmap_model():
    original, cfg = load(RES50), convert(RES50)
    assert cfg.model.type == 'SemiSupervisedPoseEstimator'
    assert cfg.model.estimator == original.model
    assert 'keypoint_cutout' not in cfg.model and cfg.model.mix_unmix.grid == 'auto'
    assert cfg.model.get('confidence') is None
    assert cfg.train_cfg == dict(type='ResumableTrainLoop', max_iters=200000, val_interval=5000)
    assert cfg.val_cfg.type == 'TeacherStudentOnePassValLoop'
    assert cfg.default_hooks.checkpoint.save_best == 'teacher/coco/AP'
    assert cfg.default_hooks.checkpoint.rule == 'greater'
    assert cfg.custom_hooks == [
        dict(type='SyncBuffersHook'), dict(type='LossGuardHook'),
        dict(type='PseudoLabelMonitorHook'),
        dict(type='EMANHook', momentum=0.9996)]
    assert cfg.model.burn_in == 5000
    assert cfg.param_scheduler[0] == original.param_scheduler[0]
    assert cfg.param_scheduler[1].milestones == [161905, 190476]
    assert not cfg.param_scheduler[1].by_epoch
    assert cfg.auto_scale_lr.base_batch_size == 1024
    loader = cfg.train_dataloader
    assert loader.batch_size == 128 and 'batch_size' not in loader.sampler
    assert loader.num_workers == original.train_dataloader.num_workers
    steps, before = sup(labeled(cfg)), original.train_pipeline
    assert steps[:6] + steps[8:] == before and before[5].type == 'TopdownAffine'
    assert [step.type for step in steps[6:8]] == ['PhotometricRandAugment', 'mmdet.CutOut']
    assert labeled(cfg).ann_file == original.train_dataloader.dataset.ann_file
    assert unlabeled(cfg).data_prefix == dict(img='images')
    assert loader.dataset.unlabeled == 'images'  # whose people have the labeled ones' keypoints
    for key in ('val_dataloader', 'test_dataloader', 'test_cfg', 'test_evaluator', 'visualizer'):
        assert cfg[key] == original[key]


def test_an_original_that_names_the_scope_of_each_type_gets_one():
    cfg = load(RES50)
    assert 'default_scope' not in overrides(cfg, Options('images', sites=['input']))
    cfg.default_scope = None
    assert convert(cfg).default_scope == 'mmpose'


def test_a_class_of_ones_own_that_derives_from_the_top_down_one_is_top_down(monkeypatch):
    monkeypatch.setitem(MODELS.module_dict, 'MyTopdown', type(
        'MyTopdown', (MODELS.get('TopdownPoseEstimator'), ), {}))
    cfg = load(RES50)
    cfg.model.type = 'MyTopdown'
    assert convert(cfg).model.estimator.type == 'MyTopdown'


@pytest.mark.parametrize('change, message', [
    (dict(model=dict(type='BottomupPoseEstimator')), 'not top-down'),
    (dict(model=dict(type='NobodysEstimator')), 'not top-down'),
    (dict(model=dict(type='SemiSupervisedPoseEstimator', estimator={})), 'semi-supervised already'),
    (dict(model=dict(type=dict)), 'new style'),
    (dict(model=None), 'has no model'),
    (dict(train_dataloader=None), 'has no training'),
])
def test_what_cannot_be_converted_is_named(change, message):
    cfg = load(RES50)
    for key, value in change.items():
        cfg[key] = value
    with pytest.raises(ValueError, match=message):
        convert(cfg)


def test_a_config_out_of_a_work_dir_trains_in_a_work_dir_of_its_own():
    cfg = load(RES50)
    cfg.merge_from_dict(dict(work_dir='work_dirs/plain', resume=True, load_from='iter_9.pth'))
    changed = overrides(cfg, Options('images', sites=['input']))
    assert (changed['work_dir'], changed['resume'], changed['load_from']) == (None, False, None)
    cfg.resume = False
    assert 'load_from' not in overrides(cfg, Options('images', sites=['input']))
    assert 'work_dir' not in overrides(load(RES50), Options('images', sites=['input']))


def test_a_preprocessor_beside_the_model_is_the_estimators():
    """MMEngine's Runner would give it to the semi-supervised model, whose batches differ."""
    cfg, inside = load(RES50), convert(RES50)
    cfg.data_preprocessor = cfg.model.pop('data_preprocessor')
    outside = semi_supervised(cfg, unlabeled='images', sites=['input'])
    assert outside.data_preprocessor is None
    assert outside.model.estimator == inside.model.estimator
    assert outside.train_dataloader == inside.train_dataloader  # the color of erased patches, too
    model = MODELS.build(dict(outside.model, mix_unmix=None))
    assert model.data_preprocessor.data_preprocessor.mean.flatten().tolist() == pytest.approx(
        cfg.data_preprocessor.mean)


@pytest.mark.parametrize('before', [None, 'a = 1\n'])
def test_an_interrupted_check_leaves_what_was_there(before, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    out = tmp_path / 'x.py'
    if before:
        out.write_text(before)
    monkeypatch.setattr(checks, 'check_written', interrupted)
    with pytest.raises(KeyboardInterrupt):
        checks.write_config(RES50, Options(str(tmp_path), sites=['input']), str(out), force=True)
    assert (out.read_text() if out.exists() else None) == before
