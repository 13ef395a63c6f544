"""With `val` the converted config validates and tests on it, in whatever form the original does."""
import json

import numpy as np
import pytest
from mmengine.config import ConfigDict
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS
from scipy.io import savemat

from helpers.conversions import BODY, COMBINED, RES50, convert, load
from mmpose_mum.convert.checks import check_validation

MPII = BODY + 'topdown_heatmap/mpii/td-hm_res50_8xb64-210e_mpii-256x256.py'


def on_my_own(name, **options):
    return convert(name, val='val.json', val_images='images/', **options)


def check_places(dataset):
    assert dataset.ann_file == 'val.json' and dataset.data_prefix == dict(img='images/')
    assert not dataset.get('data_root') and not dataset.get('bbox_file') and dataset.test_mode


@pytest.mark.parametrize('name', [RES50, MPII, COMBINED])
def test_validation_and_test_read_it(name):
    original, cfg = load(name), on_my_own(name)
    for phase in ('val', 'test'):
        loader, before = cfg[f'{phase}_dataloader'], original[f'{phase}_dataloader']
        check_places(loader.dataset)
        assert loader.dataset.pipeline == before.dataset.pipeline
        combined = 'datasets' in before.dataset  # COMBINED's test
        assert loader.dataset.type == ('CocoDataset' if combined else before.dataset.type)
        assert (loader.batch_size, loader.sampler) == (before.batch_size, before.sampler)


def test_metrics_that_read_annotations_read_it():
    assert on_my_own(RES50).val_evaluator == dict(type='CocoMetric', ann_file='val.json')
    assert on_my_own(RES50).test_evaluator == on_my_own(RES50).val_evaluator
    assert on_my_own(MPII).val_evaluator == load(MPII).val_evaluator
    original = load(RES50)
    pck = ConfigDict(type='PCKAccuracy', thr=0.2)
    original.val_evaluator = [original.val_evaluator, pck]
    assert on_my_own(original).val_evaluator == [dict(type='CocoMetric', ann_file='val.json'), pck]


def test_a_combination_becomes_one_set_with_its_keypoints():
    name = BODY + 'rtmpose/body8/rtmpose-m_8xb512-700e_body8-halpe26-256x192.py'
    original, cfg = load(name), on_my_own(name)
    dataset = cfg.val_dataloader.dataset
    check_places(dataset)
    assert dataset.type == 'CocoDataset' and 'datasets' not in dataset
    assert dataset.metainfo == original.val_dataloader.dataset.metainfo
    assert dataset.pipeline == original.val_dataloader.dataset.pipeline
    assert cfg.val_evaluator == original.val_evaluator


def test_a_wrapper_goes():
    original = load(RES50)
    leaf = original.val_dataloader.dataset
    original.val_dataloader.dataset = ConfigDict(type='RepeatDataset', times=2, dataset=leaf)
    dataset = on_my_own(original).val_dataloader.dataset
    check_places(dataset)
    assert dataset.type == 'CocoDataset' and 'times' not in dataset and 'dataset' not in dataset


@pytest.mark.parametrize('options, folder', [
    ({}, 'data/coco/val2017/'),
    (dict(labeled='l.json', labeled_images='mine/'), 'mine/'),
    (dict(labeled='l.json', labeled_images='mine/', val_images='others/'), 'others/'),
])
def test_images_are_those_named_last(options, folder):
    cfg = convert(RES50, val='val.json', **options)
    assert cfg.val_dataloader.dataset.data_prefix == dict(img=folder)


def test_where_it_has_no_place_it_is_refused():
    original = load(RES50)
    original.val_evaluator = ConfigDict(type='MultiDatasetEvaluator', metrics=[], datasets=[])
    with pytest.raises(ValueError, match='val_evaluator is a MultiDatasetEvaluator'):
        on_my_own(original)
    original.val_dataloader = None
    with pytest.raises(ValueError, match='no val_dataloader'):
        on_my_own(original)
    with pytest.raises(ValueError, match="val_images is 'images/', but val"):
        convert(RES50, val_images='images/')


def test_head_boxes_of_other_people_are_refused(tmp_path):
    person = dict(image='1.jpg', center=[30, 30], scale=.2, joints=[[9, 9]] * 16,
                  joints_vis=[1] * 16)
    (tmp_path / 'val.json').write_text(json.dumps([person] * 2))
    (tmp_path / '1.jpg').touch()
    original = load(MPII)

    def check(heads):
        original.val_dataloader.dataset.headbox_file = heads and str(tmp_path / heads)
        cfg = convert(original, val=str(tmp_path / 'val.json'), val_images=str(tmp_path))
        with DefaultScope.overwrite_default_scope('mmpose'):
            return check_validation(cfg)[0]

    for number in (2, 3):
        savemat(tmp_path / f'{number}.mat', dict(headboxes_src=np.ones((2, 2, number))))
    with pytest.raises(ValueError, match=r"'.*gone\.mat', which does not exist.*headbox_file"):
        check('gone.mat')
    with pytest.raises(ValueError, match=r"the 2 people of .* the 3 head boxes of '.*3\.mat'"):
        check('3.mat')
    assert check('2.mat') == check(None) == '2 people to validate on'


def people(number, joints):
    """Makes the json of images of 64 × 64 with one person each."""
    spots = np.random.default_rng(0).integers(10, 50, (number, joints, 2))
    return dict(
        images=[dict(id=i, file_name=f'{i}.jpg', width=64, height=64) for i in range(number)],
        categories=[dict(id=1, name='thing')],
        annotations=[dict(
            id=i, image_id=i, category_id=1, bbox=[5, 5, 50, 50], area=2500, iscrowd=0,
            num_keypoints=joints, keypoints=[x for spot in spots[i] for x in (*map(int, spot), 2)])
            for i in range(number)])


def test_coco_metric_measures_keypoints_of_ones_own(tmp_path):
    (tmp_path / 'val.json').write_text(json.dumps(people(number=4, joints=3)))
    joints = [dict(name=name, id=i, color=[0, 0, 0], type='upper', swap='')
              for i, name in enumerate(('head', 'tail', 'back'))]
    metainfo = dict(dataset_name='mine', paper_info={}, keypoint_info=dict(enumerate(joints)),
                    skeleton_info={}, joint_weights=[1.] * 3, sigmas=[0.05] * 3)
    original = load(RES50)
    original.train_dataloader.dataset.metainfo = metainfo
    original.val_dataloader.dataset.metainfo = metainfo
    cfg = convert(original, val=str(tmp_path / 'val.json'), val_images=str(tmp_path))
    with DefaultScope.overwrite_default_scope('mmpose'):
        dataset = DATASETS.build(dict(cfg.val_dataloader.dataset, pipeline=[]))
        evaluator = Evaluator(cfg.val_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    for shift, expected in ((0, 1), (64, 0)):
        for person in dataset:
            evaluator.process([dict(
                person, pred_instances=dict(
                    keypoints=person['keypoints'] + shift, keypoint_scores=np.ones((1, 3))),
                gt_instances=dict(bbox_scores=np.ones(1), bbox_scales=np.full((1, 2), 50.)))])
        assert evaluator.evaluate(len(dataset))['coco/AP'] == pytest.approx(expected)
