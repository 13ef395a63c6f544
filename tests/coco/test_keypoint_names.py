"""Names of keypoints decide, in whatever way they are written."""
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config

from mmpose_mum.coco.keypoint_names import Mismatch, compare_names

COCO = ['nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder',
        'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip',
        'right_hip', 'left_knee', 'right_knee', 'left_ankle', 'right_ankle']
SAME = Mismatch((), (), True)


@given(st.permutations(COCO))
def test_any_other_order_is_seen_exactly_where_it_differs(names):
    found = compare_names(names, COCO)
    assert found.misplaced == tuple(i for i in range(17) if names[i] != COCO[i])
    assert found.unknown == () and found.shared


@pytest.mark.parametrize('write', [
    str.upper, str.title, lambda name: name.replace('_', ' '), lambda name: name.replace('_', '-'),
    lambda name: ''.join(word.title() for word in name.split('_')),
    lambda name: name.replace('left', 'L').replace('right', 'R'),
    lambda name: '_'.join(reversed(name.split('_')))])
def test_another_way_of_writing_is_the_same_name(write):
    assert compare_names(list(map(write, COCO)), COCO) == SAME
    swapped = [write(name) for name in COCO[:1] + [COCO[2], COCO[1]] + COCO[3:]]
    assert compare_names(swapped, COCO).misplaced == (1, 2)


@pytest.mark.parametrize('theirs, ours', [
    ('left_front_paw', 'L_F_Paw'), ('root_of_tail', 'Root of tail'), ('Head top', 'head_top'),
    ('head', 'top_head'), ('left_eye', 'L_Eye'),
    ('right_shoulder', 'RShoulder'), ('left_hip', 'LHip')])
def test_a_name_may_be_short_for_the_other(theirs, ours):
    """As in the data that MMPose has dataset classes for: AP-10K, AI Challenger, CrowdPose."""
    assert compare_names([theirs], [ours]) == SAME


@pytest.mark.parametrize('theirs, ours', [
    ('left_eye', 'right_eye'), ('left_back_paw', 'L_F_Paw'), ('thumb1', 'thumb2'), ('', 'nose'),
    ('tail', 'foot')])
def test_another_keypoint_is_not(theirs, ours):
    assert compare_names(['nose', theirs], ['nose', ours]) == Mismatch((), (1, ), True)


def test_names_that_say_nothing_share_nothing():
    numbers = [str(i) for i in range(17)]
    assert compare_names(numbers, COCO) == Mismatch((), tuple(range(17)), False)


def test_every_set_of_mmpose_is_like_itself_and_no_side_is_the_other(mmpose_configs):
    """Also where names differ by their digits alone, as in hands, faces and fashion."""
    files = sorted((mmpose_configs / '_base_/datasets').glob('*.py'))
    assert len(files) > 50
    for file in files:
        info = Config.fromfile(file).dataset_info.get('keypoint_info', {})
        names = [info[key]['name'] for key in info]
        mirrored = [info[key].get('swap') or info[key]['name'] for key in info]
        assert not compare_names(names, names).misplaced, file
        assert compare_names(mirrored, names).misplaced == tuple(
            i for i, name in enumerate(names) if mirrored[i] != name), file
