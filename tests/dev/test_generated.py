"""Generated samples pass through MMPose's pipelines with the keypoints of the set they stand
for.
"""
import sys
from pathlib import Path

import numpy as np
import pytest
from mmpose.registry import DATASETS

sys.path.insert(0, str(Path(__file__).parents[2] / 'dev'))

import generated  # noqa: E402, F401: it registers the dataset

PIPELINE = [
    dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=(48, 64)),
    dict(type='GenerateTarget', encoder=dict(
        type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=1)),
    dict(type='PackPoseInputs')
]


@pytest.mark.parametrize('source, number', [
    ('CocoDataset', 17), ('MpiiDataset', 16), ('CocoWholeBodyDataset', 133), ('WFLWDataset', 98)])
def test_samples_have_the_keypoints_of_their_source(source, number):
    dataset = DATASETS.build(dict(
        type='GeneratedPoseDataset', source=source, num_samples=3, pipeline=PIPELINE))
    assert len(dataset) == 3
    sample = dataset[1]
    assert sample['inputs'].shape == (3, 64, 48)
    assert sample['data_samples'].gt_fields.heatmaps.shape == (number, 16, 12)
    assert sample['data_samples'].gt_instance_labels.keypoint_weights.sum() == number


def test_a_sample_is_the_same_each_time_and_others_are_different():
    dataset = DATASETS.build(dict(type='GeneratedPoseDataset', source='CocoDataset'))
    first, again, other = dataset[2], dataset[2], dataset[3]
    assert np.array_equal(first['img'], again['img'])
    assert np.array_equal(first['keypoints'], again['keypoints'])
    assert not np.array_equal(first['keypoints'], other['keypoints'])


def test_hands_bring_what_their_codec_needs():
    codec = dict(type='Hand3DHeatmap', image_size=[64, 64], root_heatmap_size=16,
                 heatmap_size=[16, 16, 16], sigma=1., max_bound=255, depth_size=16)
    dataset = DATASETS.build(dict(
        type='GeneratedPoseDataset', source='InterHand3DDataset', pipeline=[
            dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
            dict(type='HandRandomFlip', prob=1.), dict(type='TopdownAffine', input_size=(64, 64)),
            dict(type='GenerateTarget', encoder=codec),
            dict(type='PackPoseInputs')]))
    labels = dataset[0]['data_samples'].gt_instance_labels
    assert labels.root_depth.shape == (1, ) and labels.type.shape == (1, 2)


def test_a_dataset_that_mmpose_lacks_is_named():
    with pytest.raises(ValueError, match='NoSuchDataset is not registered'):
        DATASETS.build(dict(type='GeneratedPoseDataset', source='NoSuchDataset'))
