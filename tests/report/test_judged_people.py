"""Which keypoints are right, whose are worst, and whom a page shows."""
import cv2
import numpy as np
import pytest

from helpers import small_run
from mmpose_mum.configs.plain import read_config
from mmpose_mum.export.people import find_validation, load_plain
from mmpose_mum.report import people
from mmpose_mum.report.images import PersonPainter
from mmpose_mum.report.people import Judged, JudgedPerson, from_best_to_worst, judge, worst


def person(path, errors, labeled=(1, 1, 1)):
    """A person in a box of 100 × 50 pixels, whose keypoints are off by some pixels."""
    truth = np.full((3, 2), 10.)
    return JudgedPerson(
        path, np.array([0, 0, 100, 50.]), truth + np.array(errors)[:, None] * [1, 0],
        np.full(3, .5), truth, np.array(labeled, bool))


GOOD = person('good', [0, 9, 9.9])
BAD = person('bad', [11, 50, 3])
WORSE = person('worse', [11, 90, 3])
PART = person('part', [90, 90, 90], [0, 0, 1])
JUDGED = Judged([GOOD, BAD, PART, WORSE], 4, 0, ['nose', 'hand', 'foot'], {})


def test_a_keypoint_is_right_within_a_tenth_of_the_longer_side():
    np.testing.assert_allclose(BAD.errors, [.11, .5, .03])
    assert GOOD.right.all() and BAD.right.tolist() == [False, False, True]
    assert PART.right.sum() == 0
    assert not person('edge', [10, 10, 10]).right.any()  # as MMPose's PCK
    assert JUDGED.share == pytest.approx(5 / 10)
    assert JUDGED.by_keypoint == dict(nose=1 / 3, hand=1 / 3, foot=3 / 4)


def test_a_keypoint_that_nobody_has_a_label_of_has_no_share():
    assert JUDGED._replace(people=[PART]).by_keypoint == dict(foot=0.)


def test_the_worst_have_the_most_wrong_keypoints_and_then_the_largest_errors():
    assert [one.path for one in worst(JUDGED, 3)] == ['worse', 'bad', 'part']
    assert [one.path for one in from_best_to_worst(JUDGED, 2)] == ['good', 'part']


def test_images_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for name in ('a/1.png', 'b/1.png'):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / name), np.zeros((60, 110, 3), np.uint8))
    found = [GOOD._replace(path=str(tmp_path / name)) for name in ('a/1.png', 'b/1.png')]
    meta = dict(skeleton_links=[], keypoint_colors=np.zeros((3, 3)), skeleton_link_colors=[])
    for people_, names in ((found, ['a/1.png', 'b/1.png']), (found[:1], ['1.png'])):
        painter = PersonPainter(meta, JUDGED._replace(people=people_).folder)
        shown = [painter.show('labels', dict(model=one)) for one in people_]
        assert [one.name for one in shown] == names
        assert shown[-1].images[-1].text == f'{names[-1]}: model'


@pytest.mark.parametrize('most', [1000, 1])
def test_a_run_predicts_its_validation_people(monkeypatch, most):
    monkeypatch.setattr(people, 'MOST', most)
    checkpoint = small_run.train()
    cfg = read_config(checkpoint.parents[1] / 'original.py')
    found = judge(load_plain(cfg, str(checkpoint)), find_validation(cfg))
    assert len(found.people) == min(most, 2) and found.total == 2 and found.unreadable == 0
    assert found.names[-1] == 'head_top' and 0 <= found.share <= 1
    assert all(one.labeled.all() and one.keypoints.shape == (14, 2) for one in found.people)


def test_boxes_of_a_detector_are_not_validated_on():
    cfg = read_config(small_run.train().parents[1] / 'original.py')
    cfg.val_dataloader.dataset.bbox_file = 'nowhere.json'
    assert len(find_validation(cfg).datasets[0]) == 2


def test_labels_that_are_not_there_are_an_error():
    cfg = read_config(small_run.train().parents[1] / 'original.py')
    cfg.val_dataloader.dataset.ann_file = 'nowhere.json'
    with pytest.raises(FileNotFoundError, match='nowhere.json'):
        find_validation(cfg)
    cfg.val_dataloader = None
    with pytest.raises(ValueError, match='has no validation set'):
        find_validation(cfg)
