"""Every kind of top-down config becomes a semi-supervised one, the same in memory and as a file."""
import glob
import os.path as osp
import re
import warnings

import mmpose
import numpy as np
import pytest
from mmengine.config import Config, ConfigDict
from mmpose.registry import DATASETS

from mmpose_mum import semi_supervised
from mmpose_mum.conversion import Options, overrides
from mmpose_mum.conversion.references import unscoped
from mmpose_mum.conversion.writer import base_name, config_text, find_config

ROOT = osp.join(osp.dirname(mmpose.__file__), '.mim', 'configs')
BODY = 'mmpose::body_2d_keypoint/'
RES50 = BODY + 'topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
RTMPOSE = BODY + 'rtmpose/coco/rtmpose-s_8xb256-420e_coco-256x192.py'
COMBINED = BODY + 'rtmpose/body8/rtmpose-t_8xb256-420e_body8-256x192.py'
VIT = BODY + 'topdown_heatmap/humanart/td-hm_ViTPose-large_8xb64-210e_humanart-256x192.py'
KINDS = [
    RES50, RTMPOSE, COMBINED, VIT,
    BODY + 'topdown_heatmap/coco/td-hm_mspn50_8xb32-210e_coco-256x192.py',
    BODY + 'topdown_regression/mpii/td-reg_res50_8xb64-210e_mpii-256x256.py',
    'mmpose::hand_3d_keypoint/internet/interhand3d/internet_res50_4xb16-20e_interhand3d-256x256.py',
    'mmpose::fashion_2d_keypoint/topdown_heatmap/deepfashion/'
    'td-hm_res50_8xb64-210e_deepfashion_upper-256x192.py',
]


def load(name):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return Config.fromfile(find_config(name))


def convert(cfg, **options):
    cfg = load(cfg) if isinstance(cfg, str) else cfg
    return semi_supervised(cfg, **{'unlabeled': 'pictures', 'sites': ['input'], **options})


def labelled(cfg):
    return cfg.train_dataloader.dataset.datasets[0]


def unlabelled(cfg):
    return cfg.train_dataloader.dataset.datasets[1]


def sup(dataset):
    branch, = dataset.pipeline
    assert branch.type == 'PoseMultiBranch'
    return branch.sup


def check_that_the_file_is_the_same(name, tmp_path, **options):
    out, original = tmp_path / 'written.py', load(name)
    options = dict(unlabeled='pictures', sites=['input'], **options)
    out.write_text(
        config_text(original, overrides(original, Options(**options)), base_name(name, str(out))))
    written, converted = Config.fromfile(str(out)), semi_supervised(original, **options)
    assert unscoped(written._cfg_dict.to_dict()) == unscoped(converted._cfg_dict.to_dict())
    return converted, out.read_text()


@pytest.mark.parametrize('options', [{}, dict(labeled='some/labels.json')], ids=str)
@pytest.mark.parametrize('name', KINDS, ids=osp.basename)
def test_the_written_config_is_the_one_in_memory(name, options, tmp_path):
    _, text = check_that_the_file_is_the_same(name, tmp_path, **options)
    lines = text.splitlines()
    assert len(lines) <= 80
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
        if labelled(converted).type in ('CombinedDataset', 'InterHand3DDataset'):
            continue  # these read their files at once
        one, other = (DATASETS.build(dict(config, lazy_init=True)).metainfo
                      for config in converted.train_dataloader.dataset.datasets)
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
    assert cfg.model.joint_cutout == dict(num_joints=5, half_size=(10, 20), jitter=10)
    assert cfg.model.get('confidence') is None
    assert cfg.train_cfg == dict(type='ResumableTrainLoop', max_iters=200000, val_interval=5000)
    assert cfg.val_cfg.type == 'TeacherStudentOnePassValLoop'
    assert cfg.default_hooks.checkpoint.save_best == 'teacher/coco/AP'
    assert cfg.default_hooks.checkpoint.rule == 'greater'
    assert cfg.custom_hooks == [
        dict(type='SyncBuffersHook'), dict(type='LossGuardHook'),
        dict(type='PseudoLabelMonitorHook'),
        dict(type='EMANHook', momentum=0.9996, burn_in=5000)]
    assert cfg.param_scheduler[0] == original.param_scheduler[0]
    assert cfg.param_scheduler[1].milestones == [161905, 190476]
    assert not cfg.param_scheduler[1].by_epoch
    assert cfg.auto_scale_lr.base_batch_size == 1024
    loader = cfg.train_dataloader
    assert loader.batch_size == loader.sampler.batch_size == 128
    assert loader.num_workers == original.train_dataloader.num_workers
    assert sup(labelled(cfg)) == original.train_pipeline
    assert labelled(cfg).ann_file == original.train_dataloader.dataset.ann_file
    assert unlabelled(cfg).data_prefix == dict(img='pictures')
    assert 'metainfo' not in unlabelled(cfg)
    for key in ('val_dataloader', 'test_dataloader', 'test_cfg', 'test_evaluator', 'visualizer'):
        assert cfg[key] == original[key]


def test_rtmposes_two_stages_and_its_average():
    original, cfg = load(RTMPOSE), convert(RTMPOSE, max_iters=4200)
    switch, *_, eman = cfg.custom_hooks
    assert switch.type == 'LabelledPipelineSwitchHook' and eman.type == 'EMANHook'
    assert switch.switch_iter == 3900
    assert switch.switch_pipeline == original.train_pipeline_stage2
    assert eman.momentum == 0.99 and eman.burn_in == cfg.model.ramp_up == 105
    warm_up, cosine = cfg.param_scheduler
    assert warm_up.end == 420  # at most a tenth
    assert (cosine.begin, cosine.end, cosine.T_max) == (2100, 4200, 2100)
    assert 'convert_to_iter_based' not in cosine and cosine.by_epoch is False


def test_only_the_combinations_own_pipeline_is_wrapped():
    original, cfg = load(COMBINED), convert(COMBINED)
    assert sup(labelled(cfg)) == original.train_dataloader.dataset.pipeline
    assert labelled(cfg).datasets == original.train_dataloader.dataset.datasets
    assert unlabelled(cfg).metainfo == labelled(cfg).metainfo


def test_labels_replace_a_whole_combination():
    cfg = convert(COMBINED, labeled='l.json', labeled_images='images/')
    assert labelled(cfg).type == 'CocoDataset' and labelled(cfg).ann_file == 'l.json'
    assert labelled(cfg).data_prefix == dict(img='images/')
    assert labelled(cfg).metainfo == unlabelled(cfg).metainfo


def test_labels_of_ones_own_keep_the_dataset_and_its_pictures():
    cfg = convert(RES50, labeled='l.json', unlabeled='u.json')
    assert labelled(cfg).type == 'CocoDataset' and labelled(cfg).data_root == ''
    assert labelled(cfg).data_prefix == dict(img='data/coco/train2017/')
    assert unlabelled(cfg).ann_file == 'u.json'
    assert unlabelled(cfg).data_prefix == labelled(cfg).data_prefix


def test_a_detectors_json_is_recognised(tmp_path):
    (tmp_path / 'boxes.json').write_text('\n [{"image_id": "a.jpg"}]')
    cfg = convert(RES50, unlabeled=str(tmp_path / 'boxes.json'), unlabeled_images='wild/')
    assert unlabelled(cfg).bbox_file == str(tmp_path / 'boxes.json')
    assert unlabelled(cfg).data_prefix == dict(img='wild/') and 'ann_file' not in unlabelled(cfg)


def wrapped(*sizes):
    """Makes a config whose labelled set lies within wrappers."""
    cfg = load(RES50)
    leaf = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = ConfigDict(
        type='RepeatDataset', times=2, dataset=dict(
            type='ConcatDataset', datasets=[leaf, dict(leaf, ann_file='more.json')]))
    return cfg, leaf


def test_wrappers_stay_and_every_pipeline_in_them_is_wrapped():
    cfg, leaf = wrapped()
    repeated = labelled(convert(cfg))
    assert repeated.type == 'RepeatDataset' and repeated.times == 2
    assert [sup(part) for part in repeated.dataset.datasets] == [leaf.pipeline] * 2
    assert repeated.dataset.datasets[1].ann_file == 'more.json'
    alone = labelled(convert(cfg, labeled='l.json'))
    assert alone.type == 'CocoDataset' and alone.ann_file == 'l.json'


def views(cfg):
    weak, = unlabelled(cfg).pipeline[1].unsup_teacher
    strong, = unlabelled(cfg).pipeline[1].unsup_student
    return weak, strong


def test_views_are_cropped_and_turned_as_the_labelled_images_are():
    udp = views(convert(VIT))
    assert all(view.use_udp and view.input_size == (192, 256) for view in udp)
    weak, strong = views(convert(
        'mmpose::hand_2d_keypoint/topdown_heatmap/onehand10k/'
        'td-hm_res50_8xb32-210e_onehand10k-256x256.py'))
    assert (weak.rotate_factor, strong.rotate_factor) == (90, 180)
    cfg = load(RES50)
    pipeline = [dict(step, padding=0.8) if step['type'] == 'GetBBoxCenterScale' else step
                for step in cfg.train_pipeline if step['type'] != 'RandomFlip']
    cfg.train_dataloader.dataset.pipeline = pipeline
    for view in views(convert(cfg)):
        assert view.padding == 0.8 and view.flip_prob == 0 and 'rotate_factor' not in view


def test_a_ViT_keeps_its_layer_decay_and_gets_the_class_that_is_installed():
    cfg = convert(VIT)
    assert cfg.optim_wrapper.constructor == 'StudentOptimWrapperConstructor'
    assert cfg.optim_wrapper.base_constructor == 'LayerDecayOptimWrapperConstructor'
    assert cfg.custom_imports.imports == [
        'mmpose.engine.optim_wrappers.layer_decay_optim_wrapper', 'mmpose_mum']
    backbone = cfg.model.estimator.backbone
    if backbone.type == 'mmpretrain.VisionTransformer':
        assert backbone.out_type == 'featmap' and 'output_cls_token' not in backbone


def test_deepfashions_joints_follow_from_the_subset():
    cfg = convert(KINDS[-1])
    assert unlabelled(cfg).metainfo.from_file.endswith('deepfashion_upper.py')


def test_numbers_follow_the_arguments():
    cfg = convert(RES50, batch_size=8, ratio=3, max_iters=40000, grid=(2, 2), group_size=2)
    assert cfg.train_dataloader.batch_size == 32
    assert cfg.train_dataloader.sampler.source_ratio == [1, 3]
    assert cfg.auto_scale_lr.base_batch_size == 4 * 512
    assert cfg.custom_hooks[-1].momentum == 0.998 and cfg.model.burn_in == 1000
    assert cfg.model.mix_unmix.grid == (2, 2) and cfg.model.mix_unmix.group_size == 2
    uneven = convert(RES50, batch_size=10, ratio=0.25).train_dataloader.sampler
    assert uneven.source_ratio == [10, 2] and uneven.batch_size == 12


def test_sites_are_found_in_the_backbone():
    assert convert(RES50, sites=None).model.mix_unmix.sites == [
        'input', 'layer1', 'layer2', 'layer3', 'layer4']


@pytest.mark.parametrize('change, message', [
    (dict(model=dict(type='BottomupPoseEstimator')), 'not top-down'),
    (dict(model=dict(type='SemiSupervisedPoseEstimator')), 'semi-supervised already'),
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


@pytest.mark.parametrize('options, message', [
    (dict(ratio=0), 'ratio must be more than 0'),
    (dict(max_iters=0), 'max_iters must be at least 1'),
    (dict(batch_size=0), 'batch_size must be at least 1'),
])
def test_numbers_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        convert(RES50, **options)


def test_a_dataset_that_nobody_registered_is_named():
    cfg = load(RES50)
    cfg.train_dataloader.dataset.type = 'MyDataset'
    with pytest.raises(ValueError, match="'MyDataset' is not registered"):
        convert(cfg)
