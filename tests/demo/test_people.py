"""The demo's people have anatomy: keypoints where they are drawn, left is left, near covers far."""
import numpy as np
import pytest

from mmpose_mum.demo import poses as demo_poses
from mmpose_mum.demo.painting import Canvas, Cloth, paint_hull
from mmpose_mum.demo.people import FOREARM, HEAD, keypoint_flags, paint_person, sample_person
from mmpose_mum.demo.poses import KEYPOINT_NAMES

LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_WRIST = (
    KEYPOINT_NAMES.index(name) for name in ('left_shoulder', 'right_shoulder', 'left_wrist'))


def blank(size=240):
    return Canvas(np.full((size, size, 3), 128, np.float32), np.zeros((size, size), np.uint8))


def whole_person(seed, scale=120.0):
    """Returns a person alone on a large canvas, and the keypoints in pixels."""
    person = sample_person(np.random.default_rng(seed))
    canvas, offset = blank(400), np.array((200.0, 200.0))
    paint_person(canvas, person, scale, offset)
    return canvas, person, person.keypoints * scale + offset


def seen_at(monkeypatch, yaw, seed, stance='stand', gesture='down'):
    """Returns a person that stands upright, turned by `yaw` degrees, as `whole_person` does."""
    monkeypatch.setattr(demo_poses, '_sample_view',
                        lambda rng, lying: demo_poses._rotation('y', yaw))
    monkeypatch.setattr(demo_poses, '_STANCES', {stance: demo_poses._STANCES[stance]})
    monkeypatch.setattr(demo_poses, '_ARMS', {gesture: demo_poses._ARMS[gesture]})
    monkeypatch.setattr(demo_poses, '_ARM_WEIGHTS', (1,))
    return whole_person(seed)


def test_every_keypoint_is_drawn():
    # A keypoint at an extreme angle may poke out by its own rounding, hence the pixel of tolerance.
    for seed in range(60):
        canvas, person, keypoints = whole_person(seed)
        for x, y in keypoints.round().astype(int):
            assert canvas.owner[y - 1:y + 2, x - 1:x + 2].any()


def test_nothing_is_drawn_outside_the_extent():
    for seed in range(20):
        canvas, person, _ = whole_person(seed)
        low, high = np.split(person.extent() * 120 + 200, 2)
        y, x = np.nonzero(canvas.owner)
        assert low[0] - 1 <= x.min() and x.max() <= high[0] + 1
        assert low[1] - 1 <= y.min() and y.max() <= high[1] + 1


def test_limbs_are_drawn_between_their_keypoints():
    # Between an elbow and a wrist that can be seen lies that forearm, of that side, but for a
    # hand or a hair that crosses it.
    shown = []
    for seed in range(60):
        canvas, person, keypoints = whole_person(seed)
        flags = keypoint_flags(canvas, person, keypoints)
        for side, right in (('left', 0), ('right', 1)):
            elbow, wrist = (KEYPOINT_NAMES.index(f'{side}_{name}') for name in ('elbow', 'wrist'))
            if flags[elbow] == flags[wrist] == 2:
                x, y = (keypoints[elbow] * 0.4 + keypoints[wrist] * 0.6).round().astype(int)
                shown.append(canvas.owner[y, x] == FOREARM + right)
    assert len(shown) > 40 and np.mean(shown) > 0.95


@pytest.mark.parametrize('yaw', [0, 20, -20])
def test_seen_from_the_front_left_is_on_the_right_and_the_face_shows(monkeypatch, yaw):
    for seed in range(8):
        canvas, person, keypoints = seen_at(monkeypatch, yaw, seed)
        assert keypoints[LEFT_SHOULDER, 0] > keypoints[RIGHT_SHOULDER, 0]
        flags = dict(zip(KEYPOINT_NAMES, keypoint_flags(canvas, person, keypoints)))
        for name in ('hip', 'knee', 'ankle'):
            pair = [keypoints[KEYPOINT_NAMES.index(f'{side}_{name}'), 0]
                    for side in ('left', 'right')]
            assert pair[0] > pair[1]
        if abs(np.degrees(np.arctan2(person.head.frame[0, 2], person.head.frame[2, 2]))) < 30:
            assert flags['nose'] == flags['left_eye'] == flags['right_eye'] == 2


@pytest.mark.parametrize('yaw', [180, 160, -160])
def test_seen_from_the_back_left_is_on_the_left_and_the_face_has_no_labels(monkeypatch, yaw):
    for seed in range(8):
        canvas, person, keypoints = seen_at(monkeypatch, yaw, seed)
        assert keypoints[LEFT_SHOULDER, 0] < keypoints[RIGHT_SHOULDER, 0]
        if person.head.frame[2, 2] < -0.5:
            assert not keypoint_flags(canvas, person, keypoints)[:3].any()


def test_eyes_are_painted_where_they_are_annotated(monkeypatch):
    # A pupil is far darker than any skin, and its eyeball is brighter.
    found = []
    for seed in range(20):
        canvas, person, keypoints = seen_at(monkeypatch, 0, seed)
        flags = keypoint_flags(canvas, person, keypoints)
        for keypoint in (1, 2):
            if flags[keypoint] == 2:
                x, y = keypoints[keypoint].round().astype(int)
                assert canvas.owner[y, x] == HEAD
                pupil = canvas.image[y - 1:y + 2, x - 1:x + 2].sum(-1).min()
                found.append(pupil < 0.75 * person.head.skin.sum())
    assert len(found) > 25 and np.mean(found) > 0.9


@pytest.mark.parametrize(('yaw', 'near', 'far'), [(90, 'right', 'left'), (-90, 'left', 'right')])
def test_from_the_side_the_near_arm_covers_the_trunk(monkeypatch, yaw, near, far):
    for seed in range(6):
        canvas, person, keypoints = seen_at(monkeypatch, yaw, seed)
        flags = dict(zip(KEYPOINT_NAMES, keypoint_flags(canvas, person, keypoints)))
        assert flags[f'{near}_shoulder'] == flags[f'{near}_elbow'] == 2
        assert flags[f'{far}_shoulder'] == 1


def test_hands_behind_the_back_are_hidden_from_the_front(monkeypatch):
    hidden = {}
    for yaw in (0, 180):
        flags = []
        for seed in range(10):
            canvas, person, keypoints = seen_at(monkeypatch, yaw, seed, gesture='behind')
            flags.append(keypoint_flags(canvas, person, keypoints)[LEFT_WRIST])
        hidden[yaw] = flags.count(1)
    assert hidden[0] > hidden[180]


def test_occluder_turns_a_visible_keypoint_into_a_hidden_one(monkeypatch):
    canvas, person, keypoints = seen_at(monkeypatch, 0, 2)
    before = keypoint_flags(canvas, person, keypoints)
    assert before[LEFT_SHOULDER] == 2
    ball = np.array([(*keypoints[LEFT_SHOULDER], 6.0)] * 2)
    paint_hull(canvas, ball, Cloth(np.zeros(3, np.float32)))
    after = keypoint_flags(canvas, person, keypoints)
    assert after[LEFT_SHOULDER] == 1 and after[LEFT_WRIST] == before[LEFT_WRIST]


def test_keypoints_outside_the_image_have_flag_0():
    canvas, person, keypoints = whole_person(0)
    assert (keypoint_flags(canvas, person, keypoints + 1000) == 0).all()


def test_a_bystander_owns_no_pixel_and_hides_those_behind():
    canvas = blank()
    person = sample_person(np.random.default_rng(1))
    paint_person(canvas, person, 100, (120, 120))
    assert canvas.owner.any()
    paint_person(canvas, person, 100, (120, 120), own=False)
    assert not canvas.owner.any()
    assert canvas.image.std() > 1
