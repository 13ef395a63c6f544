"""The short form of the two sets: what is made of it, and that it trains as the long form does."""
import json
import uuid
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from mmpose.registry import DATASETS
from torch.utils.data import DataLoader

from mmpose_mum.datasets import SemiSupervisedDataset, SemiSupervisedSampler
from mmpose_mum.datasets.short_form import sources_of, written_sources
from mmpose_mum.demo.data import generate_demo
from mmpose_mum.functional.branches import BRANCHES

ROOT = Path(__file__).parents[2]
SIZE = (48, 64)
CODEC = dict(type='MSRAHeatmap', input_size=SIZE, heatmap_size=(12, 16), sigma=2)
PIPELINE = [
    dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'), dict(type='RandomBBoxTransform'),
    dict(type='TopdownAffine', input_size=SIZE), dict(type='GenerateTarget', encoder=CODEC),
    dict(type='PackPoseInputs')]
LABELED = dict(type='CocoDataset', data_root='data/', ann_file='a.json',
               data_prefix=dict(img='images/'), pipeline=PIPELINE)
COCO = dict(from_file='configs/_base_/datasets/coco.py')


def at_length(unlabeled='people/', **options):
    return sources_of(dict(dict(type='SemiSupervisedDataset', labeled=LABELED,
                                unlabeled=unlabeled), **options))


def views_pipeline(size=SIZE, load=None, weak=None, strong=None):
    return [
        dict(type='LoadUnlabeledImage', **{**dict(input_size=size), **(load or {})}),
        dict(type='PoseMultiBranch', branch_field=list(BRANCHES),
             unsup_teacher=[{**dict(type='WeakView', input_size=size), **(weak or {})}],
             unsup_student=[{**dict(type='StrongView', input_size=size), **(strong or {})}])]


def test_branches_views_and_keypoints_are_made():
    labeled, unlabeled = at_length()
    assert labeled == dict(LABELED, pipeline=[
        dict(type='PoseMultiBranch', branch_field=list(BRANCHES), sup=PIPELINE)])
    assert unlabeled == dict(type='UnlabeledPoseDataset', metainfo=COCO, pipeline=views_pipeline(),
                             data_prefix=dict(img='people/'))


def test_keypoints_count_as_much_as_in_the_labeled_set():
    weighted = [dict(step, use_dataset_keypoint_weights=True)
                if step['type'] == 'GenerateTarget' else step for step in PIPELINE]
    _, unlabeled = at_length(labeled=dict(LABELED, pipeline=weighted))
    assert unlabeled.pipeline == views_pipeline(strong=dict(use_dataset_keypoint_weights=True))


def test_what_is_not_as_usual_is_told():
    options = dict(load=dict(cache_mb=5), weak=dict(rotate_factor=9.), strong=dict(padding=1.))
    _, unlabeled = at_length(input_size=(24, 32), **options)
    assert unlabeled.pipeline == views_pipeline((24, 32), **options)
    udp = [dict(step, use_udp=True) if step['type'] == 'TopdownAffine' else step
           for step in PIPELINE]
    udp_views = dict(weak=dict(use_udp=True), strong=dict(use_udp=True))
    for words in (dict(labeled=dict(LABELED, pipeline=udp)), dict(use_udp=True)):
        assert at_length(**words)[1].pipeline == views_pipeline(**udp_views)
    _, unlabeled = at_length(labeled=dict(LABELED, pipeline=udp), use_udp=False)
    assert unlabeled.pipeline == views_pipeline()
    _, unlabeled = at_length(load=dict(input_size=None))  # no JPEG at a fraction of its size
    assert unlabeled.pipeline[0] == dict(type='LoadUnlabeledImage')


def test_people_are_as_large_in_the_views_as_in_the_labeled_crop():
    """As MMPose crops zebras, locusts and FreiHAND's hands."""
    tight = dict(LABELED, pipeline=[
        dict(step, padding=.8) if step['type'] == 'GetBBoxCenterScale' else step
        for step in PIPELINE])
    crop = dict(padding=.8)
    assert at_length(labeled=tight)[1].pipeline == views_pipeline(weak=crop, strong=crop)
    _, unlabeled = at_length(labeled=tight, weak=dict(padding=1.))
    assert unlabeled.pipeline == views_pipeline(weak=dict(padding=1.), strong=crop)


def test_an_image_is_decoded_for_the_larger_of_its_views():
    """A labeler's view has a size of its own."""
    _, unlabeled = at_length(weak=dict(input_size=(96, 32)))
    assert unlabeled.pipeline == views_pipeline(
        load=dict(input_size=(96, 64)), weak=dict(input_size=(96, 32)))


def test_where_the_people_are_is_said_in_many_ways(tmp_path):
    boxes = tmp_path / 'boxes.json'
    boxes.write_text('[{"image_id": "a.jpg"}]')
    own = dict(type='CocoDataset', metainfo=dict(dataset_name='mine'), pipeline=views_pipeline())
    _, several = at_length(['clip.mp4', 'people.json', str(boxes), dict(frame_rate=2.), own])
    assert several.type == 'ConcatDataset'
    clip, annotated, detected, frames, last = several.datasets
    assert clip.data_prefix == dict(img='clip.mp4') and frames.frame_rate == 2
    # A json's images lie where the labeled ones do.
    assert (annotated.ann_file, annotated.data_prefix.img) == ('people.json', 'data/images/')
    assert (detected.bbox_file, detected.data_prefix.img) == (str(boxes), 'data/images/')
    assert last == own
    for part in (clip, annotated, detected, frames):
        assert part.type == 'UnlabeledPoseDataset' and part.metainfo == COCO
        assert part.pipeline == views_pipeline()
    wrapped = dict(type='RepeatDataset', times=2, dataset=dict(ann_file='people.json'))
    assert at_length(wrapped)[1].dataset.pipeline == views_pipeline()


def test_labeled_sets_may_be_wrapped_and_combined():
    mine = dict(dataset_name='mine')
    parts = [dict(LABELED, metainfo=mine), dict(LABELED, ann_file='b.json')]
    labeled, unlabeled = at_length(labeled=dict(type='RepeatDataset', times=2, dataset=dict(
        type='ConcatDataset', datasets=parts)))
    assert [part.pipeline[0].sup for part in labeled.dataset.datasets] == [PIPELINE] * 2
    assert unlabeled.metainfo == mine
    # A combination with a pipeline of its own has one branch.
    parts = [dict(part, pipeline=[]) for part in parts]
    labeled, unlabeled = at_length(labeled=dict(
        type='CombinedDataset', metainfo=COCO, datasets=parts, pipeline=PIPELINE))
    assert labeled.datasets == parts and labeled.pipeline[0].sup == PIPELINE
    assert unlabeled.metainfo == COCO and unlabeled.pipeline == views_pipeline()


@pytest.mark.parametrize('config', [
    dict(type='CocoDataset'),
    dict(type='SemiSupervisedDataset', labeled=dict(), unlabeled='folder'),
    dict(type='SemiSupervisedDataset', datasets=[dict(), dict()])])
def test_the_sets_as_written_can_be_changed_in_place(config):
    config = ConfigDict(config)
    sets = written_sources(config)
    assert len(sets) == (1 if config.type == 'CocoDataset' else 2)
    assert sets[-1] is config or sets[-1] in (config.get('unlabeled'), *config.get('datasets', ()))
    sets[0]['indices'] = 7
    assert "'indices': 7" in str(config)


def test_what_cannot_be_meant_is_told():
    uncropped = [step for step in PIPELINE if step['type'] != 'TopdownAffine']
    for message, options in (
            ('no TopdownAffine.*input_size=', dict(labeled=dict(LABELED, pipeline=uncropped))),
            ('CocoDataset has no pipeline', dict(
                labeled=dict(LABELED, pipeline=[]), input_size=SIZE)),
            (r"without branches.*\['LoadImage', .*Remove the pipeline", dict(
                unlabeled=dict(LABELED, ann_file='b.json'))),
            ("'NoDataset' is not registered", dict(labeled=dict(LABELED, type='NoDataset')))):
        with pytest.raises(ValueError, match=message):
            at_length(**options)
    with pytest.raises(ValueError, match=r"both `labeled` and `unlabeled`.*\['labeled'\]"):
        SemiSupervisedDataset(labeled=LABELED)
    with pytest.raises(ValueError, match=r"both sets already, got \['unlabeled'\] as well"):
        SemiSupervisedDataset([LABELED, LABELED], unlabeled='people/')


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    return generate_demo(
        tmp_path_factory.mktemp('demo'), num_train=12, num_val=3, labeled_percent=40, seed=1)


def assert_equal(first, second):
    assert type(first) is type(second)
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal(first[key], second[key])
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second)
        for pair in zip(first, second):
            assert_equal(*pair)
    elif isinstance(first, BaseDataElement):
        assert_equal(dict(first.all_items()), dict(second.all_items()))
    else:
        np.testing.assert_array_equal(first, second)


def test_batches_are_those_of_the_long_form_to_the_bit(demo):
    places = dict(ann_file=demo['train'], data_prefix=dict(img=demo['train_images']))
    words = dict(labeled=dict(LABELED, data_root='', **places), unlabeled=places)
    written = dict(datasets=[
        dict(words['labeled'], pipeline=[
            dict(type='PoseMultiBranch', branch_field=list(BRANCHES), sup=PIPELINE)]),
        dict(type='UnlabeledPoseDataset', pipeline=views_pipeline(), **places)])
    batches = []
    for form in (words, written):
        dataset = DATASETS.build(dict(type='SemiSupervisedDataset', **form))
        sampler = SemiSupervisedSampler(dataset, 4, seed=3)
        loader = DataLoader(dataset, 4, sampler=sampler, collate_fn=pseudo_collate)
        batches.append(list(islice(loader, 5)))
    assert_equal(*batches)
    images = batches[0][0]['inputs']
    assert set(images) == set(BRANCHES) and images['sup'][0] is not None


# As `configs/lspet/quarter_width/pose_mum.py` was written before there was a short form.
OLD = """
_base_ = '{configs}/lspet/quarter_width/supervised.py'

max_iters = 3000
burn_in = 800
train_cfg = dict(max_iters=max_iters, val_interval=250)
val_cfg = _base_.semi_val_loop
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
optim_wrapper = dict(constructor='StudentOptimWrapperConstructor')
default_hooks = dict(checkpoint=dict(interval=max_iters))
custom_hooks = _base_.custom_hooks + _base_.semi_watch + [
    dict(type='HiddenLabelHook'), dict(type='EMANHook', momentum=0.998, burn_in=burn_in)]

model = dict(
    _delete_=True, type='SemiSupervisedPoseEstimator', estimator=_base_.model,
    mix_unmix=dict(type='MixUnMix', sites=['input', 'layer1', 'layer2', 'layer3'], grid=(3, 3)),
    unsup_weight=4., burn_in=burn_in, ramp_up=400)

unlabeled = dict(
    _base_.train_dataloader.dataset, type='UnlabeledPoseDataset', indices=-1800, keep_hidden=True,
    pipeline=_base_.semi_unsup_pipeline)
train_dataloader = dict(
    _delete_=True, batch_size=32, num_workers=0,
    sampler=dict(type='SemiSupervisedSampler', batch_size=32, source_ratio=[1, 1]),
    dataset=dict(type='SemiSupervisedDataset', datasets=[
        dict(_base_.train_dataloader.dataset, pipeline=_base_.semi_sup_pipeline), unlabeled]))
"""


def write_leeds(root):
    """Writes images of noise and labels of 14 keypoints, where `configs/lspet` reads them."""
    rng = np.random.default_rng(0)
    for name, number in (('train', 6), ('val', 2)):
        folder = root / 'data/lspet/images' / name
        folder.mkdir(parents=True)
        content = dict(images=[], annotations=[], categories=[dict(id=1, name='person')])
        for i in range(number):
            cv2.imwrite(str(folder / f'{i}.png'), rng.integers(0, 256, (60, 50, 3), dtype=np.uint8))
            content['images'].append(dict(id=i, file_name=f'{i}.png', width=50, height=60))
            points = np.full((14, 3), 2)
            points[:, :2] = rng.integers(8, 40, (14, 2))
            content['annotations'].append(dict(
                id=i, image_id=i, category_id=1, iscrowd=0, bbox=[2, 2, 46, 56], area=2576,
                num_keypoints=14, keypoints=points.reshape(-1).tolist()))
        path = root / f'data/lspet/annotations/{name}.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))


def test_an_old_config_trains_as_todays_does_to_the_bit(tmp_path, monkeypatch):
    """At length, with batch size and burn-in said twice, and the names that it inherits."""
    write_leeds(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'old.py').write_text(OLD.format(configs=ROOT / 'configs'))
    weights = []
    for path in ('old.py', ROOT / 'configs/lspet/quarter_width/pose_mum.py'):
        cfg = Config.fromfile(str(path))
        old = 'datasets' in cfg.train_dataloader.dataset
        cfg.merge_from_dict({
            'train_dataloader.batch_size': 4, 'train_cfg.max_iters': 3,
            'train_cfg.val_interval': 3, 'model.burn_in': 1, 'model.ramp_up': 1,
            'default_hooks.checkpoint.interval': 3, 'work_dir': str(tmp_path / f'work_{old}'),
            'experiment_name': uuid.uuid4().hex, 'log_level': 'ERROR'})
        sets = cfg.train_dataloader.dataset
        labeled, unlabeled = sets.datasets if old else (sets.labeled, sets.unlabeled)
        labeled.indices, unlabeled.indices = 2, -4
        if old:
            cfg.train_dataloader.sampler.batch_size = 4
            cfg.custom_hooks[-1].burn_in = 1
        else:
            assert 'burn_in' not in cfg.custom_hooks[-1] and isinstance(sets, ConfigDict)
        runner = Runner.from_cfg(cfg)
        runner.train()
        assert runner.train_dataloader.sampler.batch_size == 4
        weights.append(torch.load(
            tmp_path / f'work_{old}/iter_3.pth', map_location='cpu')['state_dict'])
    assert_equal(dict(weights[0]), dict(weights[1]))
    assert any(not torch.equal(weights[0][name], weights[0][name.replace('student', 'teacher', 1)])
               for name in weights[0] if name.startswith('student.'))
