"""The labeled set keeps its pipelines and wrappers, and an unlabeled one stands beside it."""
from pathlib import Path

import pytest
from mmengine.config import ConfigDict
from mmpose.registry import TRANSFORMS

from helpers.conversions import (
    COMBINED,
    KINDS,
    RES50,
    VIT,
    convert,
    labeled,
    load,
    sup,
    unlabeled,
)

ROOT = Path(__file__).parents[2]


def test_only_the_combinations_own_pipeline_is_wrapped():
    original, cfg = load(COMBINED), convert(COMBINED)
    assert sup(labeled(cfg)) == original.train_dataloader.dataset.pipeline
    assert labeled(cfg).datasets == original.train_dataloader.dataset.datasets
    assert unlabeled(cfg).metainfo == labeled(cfg).metainfo


def test_labels_replace_a_whole_combination():
    cfg = convert(COMBINED, labeled='l.json', labeled_images='images/')
    assert labeled(cfg).type == 'CocoDataset' and labeled(cfg).ann_file == 'l.json'
    assert labeled(cfg).data_prefix == dict(img='images/')
    assert labeled(cfg).metainfo == unlabeled(cfg).metainfo


def test_labels_of_ones_own_keep_the_dataset_and_its_images():
    cfg = convert(RES50, labeled='l.json', unlabeled='u.json')
    assert labeled(cfg).type == 'CocoDataset' and labeled(cfg).data_root == ''
    assert labeled(cfg).data_prefix == dict(img='data/coco/train2017/')
    assert unlabeled(cfg).ann_file == 'u.json'
    assert unlabeled(cfg).data_prefix == labeled(cfg).data_prefix


@pytest.mark.parametrize('part', [dict(indices=5), dict(sample_interval=3)], ids=str)
def test_a_json_of_ones_own_is_taken_whole(part):
    cfg = load(RES50)
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[name].dataset.update(part)
    found = convert(cfg, labeled='l.json', val='v.json')
    for dataset in (labeled(found), found.val_dataloader.dataset, found.test_dataloader.dataset):
        assert dataset.get('indices') is None and dataset.get('sample_interval', 1) == 1
    (key, value), = part.items()
    assert labeled(convert(cfg))[key] == value  # the original's own labels stay what they were


def test_a_detectors_json_is_recognized(tmp_path):
    (tmp_path / 'boxes.json').write_text('\n [{"image_id": "a.jpg"}]')
    cfg = convert(RES50, unlabeled=str(tmp_path / 'boxes.json'), unlabeled_images='wild/')
    assert unlabeled(cfg).bbox_file == str(tmp_path / 'boxes.json')
    assert unlabeled(cfg).data_prefix == dict(img='wild/') and 'ann_file' not in unlabeled(cfg)


def wrapped():
    """Makes a config whose labeled set lies within wrappers."""
    cfg = load(RES50)
    leaf = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = ConfigDict(
        type='RepeatDataset', times=2, dataset=dict(
            type='ConcatDataset', datasets=[leaf, dict(leaf, ann_file='more.json')]))
    return cfg, leaf


def test_wrappers_stay_and_every_pipeline_in_them_is_wrapped():
    cfg, leaf = wrapped()
    repeated = labeled(convert(cfg))
    assert repeated.type == 'RepeatDataset' and repeated.times == 2
    assert [sup(part) for part in repeated.dataset.datasets] == [leaf.pipeline] * 2
    assert repeated.dataset.datasets[1].ann_file == 'more.json'
    alone = labeled(convert(cfg, labeled='l.json'))
    assert alone.type == 'CocoDataset' and alone.ann_file == 'l.json'


def views(cfg):
    weak, = unlabeled(cfg).pipeline[1].unsup_teacher
    strong, = unlabeled(cfg).pipeline[1].unsup_student
    return weak, strong


def test_views_are_cropped_and_turned_as_the_labeled_images_are():
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


@pytest.mark.parametrize('step, change, expected', [
    ('RandomBBoxTransform', dict(rotate_prob=0), dict(rotate_factor=0)),
    ('RandomFlip', dict(prob=0), dict(flip_prob=0)),
    ('RandomFlip', dict(direction='vertical'), dict(flip_prob=0)),
    ('RandomFlip', dict(prob=[.2, 0.], direction=['vertical', 'horizontal']), dict(flip_prob=0)),
    ('RandomFlip', dict(prob=[.2, .1], direction=['vertical', 'diagonal']), {}),
    ('RandomFlip', dict(prob=.3, direction='horizontal'), {})], ids=str)
def test_views_are_not_turned_or_mirrored_if_the_labeled_images_never_are(step, change, expected):
    cfg = load(RES50)
    next(s for s in cfg.train_dataloader.dataset.pipeline if s.type == step).update(change)
    for view in views(convert(cfg)):
        found = {key: view[key] for key in ('rotate_factor', 'flip_prob') if key in view}
        assert found == expected


def test_deepfashions_keypoints_follow_from_the_subset():
    cfg = convert(KINDS[-1])
    assert unlabeled(cfg).metainfo.from_file.endswith('deepfashion_upper.py')


def test_a_dataset_that_nobody_registered_is_named():
    cfg = load(RES50)
    cfg.train_dataloader.dataset.type = 'MyDataset'
    with pytest.raises(ValueError, match="'MyDataset' is not registered"):
        convert(cfg)


def test_a_pipeline_that_crops_nobody_is_named():
    cfg = load(RES50)
    dataset = cfg.train_dataloader.dataset
    dataset.pipeline = [step for step in dataset.pipeline if step.type != 'TopdownAffine']
    with pytest.raises(ValueError, match=r"no TopdownAffine.*\['LoadImage', 'GetBBox"):
        convert(cfg)
    dataset.pipeline = []
    with pytest.raises(ValueError, match='CocoDataset has no pipeline'):
        convert(cfg)


def test_images_are_read_from_where_the_original_reads_them():
    cfg = load(RES50)
    assert 'backend_args' not in unlabeled(convert(cfg)).pipeline[0]
    cfg.train_dataloader.dataset.pipeline[0].backend_args = dict(backend='petrel')
    assert unlabeled(convert(cfg)).pipeline[0].backend_args == dict(backend='petrel')


@pytest.mark.parametrize('change', [
    dict(color_type='color_ignore_orientation'), dict(imdecode_backend='pillow')], ids=str)
def test_images_are_decoded_as_the_original_decodes_them(change):
    cfg = load(RES50)
    cfg.train_dataloader.dataset.pipeline[0].update(change)
    step = unlabeled(convert(cfg)).pipeline[0]
    assert step == dict(type='LoadUnlabeledImage', **change)
    TRANSFORMS.build(step)


def test_the_defaults_are_the_benchmarks_recipe():
    recipe, cfg = load(str(ROOT / 'configs/lspet/pose_mum.py')), convert(RES50, max_iters=5000)
    for view, other in zip(views(cfg), views(recipe)):
        other.pop('rotate_factor')  # people who stand are turned less
        other.input_size = view.input_size
        assert view == other
    assert views(cfg)[1].erasing.fill_in == (104, 116, 124)  # the model's mean, as BGR
    colors = [[step for step in sup(labeled(config))
               if step.type in ('PhotometricRandAugment', 'mmdet.CutOut')]
              for config in (cfg, recipe)]
    assert colors[0] == colors[1] and len(colors[0]) == 2
    assert cfg.custom_hooks[-1] == recipe.custom_hooks[-1] == dict(type='EMANHook', momentum=.995)
    for key in ('unsup_weight', 'keypoint_cutout', 'confidence', 'teacher_mode'):
        assert cfg.model.get(key) == recipe.model.get(key)
    assert 'keypoint_cutout' not in cfg.model and cfg.model.mix_unmix.grid == 'auto'


@pytest.mark.parametrize('kind', [
    'PhotometricDistortion', 'mmdet.PhotoMetricDistortion', 'mmpretrain.ColorJitter',
    'mmdet.RandAugment', 'YOLOXHSVRandomAug', 'Albumentation'])
def test_labeled_images_whose_colors_change_already_are_left_alone(kind):
    cfg = load(RES50)
    pipeline = cfg.train_pipeline
    pipeline.insert(2, dict(type=kind))
    cfg.train_dataloader.dataset.pipeline = pipeline
    assert sup(labeled(convert(cfg))) == pipeline


def test_colors_and_boxes_of_gray_images_stay_as_they_are():
    gray = load(RES50)
    gray.train_dataloader.dataset.pipeline[0].color_type = 'grayscale'
    cfg = convert(gray)
    assert sup(labeled(cfg)) == gray.train_dataloader.dataset.pipeline
    views = cfg.train_dataloader.dataset
    assert views.strong.photometric is None and views.strong.erasing is None
    assert views.load.color_type == 'grayscale'
