"""What is wrong with labels is an error that names them, or what MMPose makes of it."""
import cv2
import numpy as np
import pytest
from mmpose.registry import DATASETS
from written_sets import SIZE, labelled, picture


@pytest.mark.parametrize('wrong, words', [
    (dict(bbox=[float('nan'), 2, 30, 40]), 'the bbox of the annotation 1 of .*a.png'),
    (dict(bbox=[1, 2, 30, 40], keypoints=[float('nan'), 9, 2] + [9, 9, 2] * 2),
     'the keypoints of the annotation 1 of .*a.png')], ids=str)
def test_labels_that_are_not_finite_are_an_error(tmp_path, wrong, words):
    cv2.imwrite(str(tmp_path / 'a.png'), picture())
    dataset = DATASETS.build(labelled(tmp_path, [dict(bbox=[1, 2, 30, 40]), wrong]))
    assert len(dataset) == 2 and dataset[0] is not None
    with pytest.raises(ValueError, match=words):
        dataset[1]


def test_hidden_labels_that_are_not_finite_spoil_no_target(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), picture())
    target = dict(type='GenerateTarget', encoder=dict(type='RegressionLabel', input_size=SIZE))
    dataset = DATASETS.build(labelled(
        tmp_path, [dict(bbox=[1, 2, 30, 40], keypoints=[float('nan')] * 2 + [0] + [9, 9, 2] * 2)],
        [dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', input_size=SIZE), target,
         dict(type='PackPoseInputs')]))
    labels = dataset[0]['data_samples']['sup'].gt_instance_labels
    assert np.isfinite(labels.keypoint_labels.numpy()).all()
    assert labels.keypoint_weights.tolist() == [[0, 1, 1]]


def test_what_mmpose_does_with_labelled_faults(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), picture())
    good = dict(bbox=[1, 2, 30, 40])
    dataset = DATASETS.build(labelled(tmp_path, [
        good, dict(bbox=[1, 2, 0, 40]), dict(bbox=[1, 2, -9, 40]), dict(bbox=[90, 2, 30, 40]),
        dict(bbox=[70, 2, 30, 40])]))
    assert [dataset.get_data_info(i)['id'] for i in range(len(dataset))] == [0, 4]
    (tmp_path / 'a.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'a\.png'):
        dataset[0]
