"""PCK by the torso, between keypoints that are named, whatever their order."""
import numpy as np
import pytest
from mmpose.registry import METRICS

import mmpose_mum  # noqa: F401

NAMES = ('ankle', 'right_hip', 'left_shoulder', 'head')


def metric(names=NAMES, **kwargs):
    result = METRICS.build(dict(type='TorsoPCKAccuracy', **kwargs))
    result.dataset_meta = dict(keypoint_name2id={name: i for i, name in enumerate(names)})
    return result


def person(truth, pred, visible=None):
    visible = np.ones((1, len(truth))) if visible is None else np.array([visible], float)
    return dict(pred_instances=dict(keypoints=np.array([pred], float)),
                gt_instances=dict(keypoints=np.array([truth], float), keypoints_visible=visible))


def evaluate(subject, people):
    subject.process([{}] * len(people), people)
    return subject.evaluate(len(people))


def test_agreement_with_a_slow_reference():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 100, (30, 4, 2))
    pred = truth + rng.normal(0, 12, truth.shape)
    visible = rng.random((30, 4)) > .2
    shares = []
    for keypoint in range(4):
        right = total = 0
        for t, p, v in zip(truth, pred, visible):
            if not (v[1] and v[2] and v[keypoint]):
                continue
            total += 1
            right += np.hypot(*(t[keypoint] - p[keypoint])) < .3 * np.hypot(*(t[1] - t[2]))
        shares.append(right / total)
    found = evaluate(metric(thr=.3), [person(*args) for args in zip(truth, pred, visible)])
    assert found == {'tPCK': pytest.approx(np.mean(shares))} and 0 < found['tPCK'] < 1


def test_it_goes_by_names_not_by_numbers():
    truth = np.array([[0, 0], [0, 10], [0, 110], [500, 0]])
    people = [person(truth, truth + [15, 0])]
    assert evaluate(metric(), people)['tPCK'] == 1  # the torso is 100 long
    shuffled = ('right_hip', 'left_shoulder', 'ankle', 'head')  # now it is 10 long
    assert evaluate(metric(shuffled), people)['tPCK'] == 0


@pytest.mark.parametrize('spoiled', [
    person(np.zeros((4, 2)), np.zeros((4, 2))),  # a torso without length
    person(np.eye(4)[:, :2] * 99, np.zeros((4, 2)), [1, 0, 1, 1]),  # a hip without label
], ids=['no length', 'not labeled'])
def test_people_without_a_torso_do_not_count(spoiled):
    truth = np.array([[0, 0], [0, 10], [0, 110], [500, 0]])
    assert evaluate(metric(), [person(truth, truth), spoiled])['tPCK'] == 1


def test_a_keypoint_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match="no keypoint 'tail'.*ankle, right_hip"):
        evaluate(metric(torso=('tail', 'right_hip')), [person(np.ones((4, 2)), np.ones((4, 2)))])
