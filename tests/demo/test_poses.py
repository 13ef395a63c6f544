"""The demo's poses have anatomy: bones of one length left and right, and a near and a far side."""
import numpy as np
import pytest

from mmpose_mum.demo import poses as demo_poses
from mmpose_mum.demo.poses import KEYPOINT_NAMES, facing_keypoints, sample_skeleton


def test_bones_keep_their_length_between_left_and_right():
    for seed in range(20):
        points, _, _ = sample_skeleton(np.random.default_rng(seed))
        for start, end in (('shoulder', 'elbow'), ('elbow', 'wrist'), ('hip', 'knee'),
                           ('knee', 'ankle')):
            left, right = (np.linalg.norm(points[f'{s}_{start}'] - points[f'{s}_{end}'])
                           for s in ('left', 'right'))
            assert left == pytest.approx(right)


FACE = {'nose', 'left_eye', 'right_eye'}
LEFT_SIDE = {'left_eye', 'left_ear', 'left_shoulder', 'left_hip'}


@pytest.mark.parametrize(('yaw', 'hidden'), [(0, set()), (90, LEFT_SIDE), (180, FACE)])
def test_the_body_hides_its_far_side(yaw, hidden):
    frame = demo_poses._rotation('y', yaw)
    points = {f'{side}_{name}': frame @ (sign * 0.1, 0, 0)
              for side, sign, _ in demo_poses.SIDES for name in ('shoulder', 'hip')}
    axes = np.array((0.055, 0.072, 0.064))
    facing = facing_keypoints(points, frame, axes, long_hair=False)
    assert {name for name, faces in zip(KEYPOINT_NAMES, facing) if not faces} == hidden
    covered = facing_keypoints(points, frame, axes, long_hair=True)
    ears = [covered[KEYPOINT_NAMES.index(f'{side}_ear')] for side in ('left', 'right')]
    assert not any(ears)
