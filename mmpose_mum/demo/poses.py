"""Draw the poses of the demo's people: 3-D skeletons, bent at random angles and turned.

Lengths are in body heights. In the camera frame, x points to the right of the image, y up and z
towards the viewer. A person at rest stands along y and faces the viewer. So the person's left side
is at +x.
"""
from typing import Dict, Tuple

import numpy as np

from .._moved import old_names

__getattr__ = old_names(__name__)
KEYPOINT_NAMES = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
    'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
    'right_knee', 'left_ankle', 'right_ankle')
SIDES = (('left', 1.0, 0), ('right', -1.0, 1))  # name, sign of x, added to the number of a limb
# Places on the head's ellipsoid, in its own unit coordinates: left, up, front.
FACE = {'nose': (0, -0.12, 1.10), 'left_eye': (0.38, 0.14, 0.91), 'right_eye': (-0.38, 0.14, 0.91),
        'left_ear': (1.02, -0.02, -0.08), 'right_ear': (-1.02, -0.02, -0.08)}

# Ranges of angles in degrees. Arms: forward swing, lift to the side, inward twist, elbow.
_ARMS = {
    'down': ((-15, 20), (4, 20), (-10, 40), (0, 35)),
    'akimbo': ((-25, 0), (35, 60), (45, 80), (75, 110)),
    'up': ((-10, 15), (115, 172), (-30, 30), (0, 80)),
    'overhead': ((140, 180), (0, 25), (0, 40), (0, 70)),
    'wave': ((-10, 20), (60, 105), (-105, -65), (40, 115)),
    'forward': ((45, 110), (-8, 20), (0, 40), (0, 70)),
    'sideways': ((-10, 20), (50, 100), (-40, 20), (0, 50)),
    'folded': ((25, 50), (0, 15), (50, 80), (85, 120)),
    'to_face': ((40, 80), (5, 40), (10, 60), (110, 140)),
    'behind': ((-40, -15), (5, 20), (40, 80), (20, 75)),
}
_ARM_WEIGHTS = (6, 3, 2.5, 1, 2, 1, 3, 0.3, 0.5, 0.2)

# For one leg and the other: forward swing, spread, outward twist, knee. Then the forward bend of
# the trunk, and the weight with which the stance is drawn.
_STAND = ((-6, 12), (0, 14), (-5, 25), (0, 12))
_SIT = ((68, 100), (0, 22), (-10, 20), (55, 110))
_SQUAT = ((80, 120), (5, 35), (0, 35), (90, 140))
_BEND = ((-5, 15), (2, 20), (0, 20), (0, 30))
_STRADDLE = ((0, 25), (18, 45), (5, 40), (0, 50))
_LIE = ((-10, 55), (0, 15), (0, 20), (0, 90))
_STANCES = {
    'stand': (_STAND, _STAND, (-6, 12), 6),
    'walk': (((10, 38), (0, 6), (-5, 10), (0, 25)),
             ((-28, -5), (0, 6), (-5, 10), (5, 55)), (0, 12), 4),
    'run': (((30, 75), (0, 8), (-5, 10), (30, 100)),
            ((-40, -10), (0, 8), (-5, 10), (15, 95)), (5, 28), 0.7),
    'sit': (_SIT, _SIT, (-8, 25), 0.7),
    'squat': (_SQUAT, _SQUAT, (15, 50), 0.3),
    'bend': (_BEND, _BEND, (40, 100), 0.3),
    'lunge': (((55, 95), (0, 15), (0, 20), (50, 105)),
              ((-30, 5), (0, 12), (0, 15), (5, 70)), (-5, 30), 0.7),
    'kick': (((35, 105), (0, 40), (0, 30), (0, 60)), _STAND, (-20, 15), 0.7),
    'straddle': (_STRADDLE, _STRADDLE, (-5, 25), 2),
    'lie': (_LIE, _LIE, (-10, 25), 0.1),
}


def _rotation(axis: str, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if axis == 'x':
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if axis == 'y':
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _draw(rng: np.random.Generator, ranges) -> np.ndarray:
    ranges = np.asarray(ranges, float)
    return rng.uniform(ranges[..., 0], ranges[..., 1])


def _sample_view(rng: np.random.Generator, lying: bool) -> np.ndarray:
    """Return the rotation (3, 3) from the body's root to the camera frame."""
    yaw = rng.choice((0, 90, -90, 180), p=(0.84, 0.02, 0.02, 0.12)) + rng.normal(0, 18)
    elevation, roll = rng.uniform(-5, 12), rng.normal(0, 5)
    root = np.eye(3)
    if lying:  # on the back, the front or a side, across the image and seen from above
        root = _rotation('y', rng.uniform(0, 360))
        root = _rotation('z', rng.choice((-1, 1)) * rng.uniform(70, 100)) @ root
        yaw, elevation = rng.normal(0, 25), rng.uniform(5, 50)
    elif rng.random() < 0.03:  # leaning, falling, a cartwheel now and then
        roll = rng.uniform(-60, 60)
    return _rotation('z', roll) @ _rotation('x', elevation) @ _rotation('y', yaw) @ root


def _sample_limbs(rng: np.random.Generator) -> Tuple[str, np.ndarray, np.ndarray, float]:
    """Draw the stance; the arms' and the legs' angles, (2, 4) each, left first; and the bend.

    Angles are in degrees.
    """
    names = list(_STANCES)
    weights = np.array([_STANCES[name][3] for name in names], float)
    stance = names[rng.choice(len(names), p=weights / weights.sum())]
    first, second, bend, _ = _STANCES[stance]
    legs = np.stack([_draw(rng, first), _draw(rng, second)])

    weights = np.array(_ARM_WEIGHTS) / sum(_ARM_WEIGHTS)
    gestures = [list(_ARMS)[i] for i in rng.choice(len(_ARMS), 2, p=weights)]
    if rng.random() < 0.5:
        gestures[1] = gestures[0]
    arms = np.stack([_draw(rng, _ARMS[gesture]) for gesture in gestures])
    if stance in ('walk', 'run') and rng.random() < 0.7:  # arms swing against the legs
        elbow = (10, 50) if stance == 'walk' else (60, 110)
        arms = np.stack([_draw(rng, ((-45, -5), (3, 18), (0, 30), elbow)),
                         _draw(rng, ((5, 50), (3, 18), (0, 40), elbow))])
    if stance == 'bend' and rng.random() < 0.6:  # arms hang towards the ground
        arms[:, 0] += 60
    if rng.random() < 0.5:
        arms, legs = arms[::-1], legs[::-1]
    return stance, arms, legs, rng.uniform(*bend)


def sample_skeleton(rng: np.random.Generator) -> Tuple[Dict, Dict, str]:
    """Bend and turn a body at random.

    Args:
        rng (np.random.Generator): Draws every choice.

    Returns:
        tuple[dict, dict, str]: Named points (3,) in the camera frame, with the pelvis at the
        origin; the rotations (3, 3) of pelvis, chest and head into that frame; the stance's name.
    """
    stance, arms, legs, bend = _sample_limbs(rng)
    root = _sample_view(rng, stance == 'lie')
    sizes = rng.normal(1, (0.10, 0.06, 0.10, 0.06, 0.06)).clip(0.75, 1.25)
    hips, trunk, shoulders, arm, leg = sizes
    pelvis = root @ _rotation('x', bend * 0.6)
    chest = (pelvis @ _rotation('x', bend * 0.4) @ _rotation('z', rng.normal(0, 7))
             @ _rotation('y', rng.normal(0, 12)))
    turn, nod, tilt = rng.normal((0, 5 - 0.4 * bend, 0), (25, 12, 8))
    head = (chest @ _rotation('y', np.clip(turn, -65, 65)) @ _rotation('x', nod)
            @ _rotation('z', tilt))

    points = {'pelvis': np.zeros(3), 'waist': pelvis @ (0, 0.13 * trunk, 0)}
    points['neck'] = points['waist'] + chest @ (0, 0.185 * trunk, -0.005)
    points['chest'] = points['waist'] + chest @ (0, 0.10 * trunk, 0.01)
    points['throat'] = points['waist'] + chest @ (0, 0.155 * trunk, 0.075)
    points['skull'] = points['neck'] + chest @ (0, 0.025, 0.005)
    for (side, sign, _), arm_angles, leg_angles in zip(SIDES, arms, legs):
        swing, lift, twist, elbow = arm_angles
        upper = (chest @ _rotation('x', -swing) @ _rotation('z', sign * lift)
                 @ _rotation('y', -sign * twist))
        lower = upper @ _rotation('x', -elbow)
        shoulder = points['waist'] + chest @ (sign * 0.108 * shoulders, 0.155 * trunk, 0)
        points[f'{side}_shoulder'] = shoulder
        points[f'{side}_elbow'] = shoulder + upper @ (0, -0.165 * arm, 0)
        points[f'{side}_wrist'] = points[f'{side}_elbow'] + lower @ (0, -0.140 * arm, 0)
        points[f'{side}_hand'] = points[f'{side}_wrist'] + lower @ (0, -0.050 * arm, 0.01)

        swing, lift, twist, knee = leg_angles
        thigh = (root @ _rotation('x', -swing) @ _rotation('z', sign * lift)
                 @ _rotation('y', sign * twist))
        shin = thigh @ _rotation('x', knee)
        foot = shin @ _rotation('x', rng.uniform(-10, 20))
        hip = pelvis @ (sign * 0.062 * hips, -0.005, 0)
        points[f'{side}_hip'] = hip
        points[f'{side}_knee'] = hip + thigh @ (0, -0.24 * leg, 0)
        points[f'{side}_ankle'] = points[f'{side}_knee'] + shin @ (0, -0.23 * leg, 0)
        points[f'{side}_heel'] = points[f'{side}_ankle'] + foot @ (0, -0.03, -0.015)
        points[f'{side}_toe'] = points[f'{side}_ankle'] + foot @ (0, -0.035, 0.085)
    return points, {'pelvis': pelvis, 'chest': chest, 'head': head}, stance


def facing_keypoints(points: Dict, head_frame: np.ndarray, head_axes: np.ndarray,
                     long_hair: bool) -> np.ndarray:
    """Find the keypoints that the body itself does not hide from the viewer.

    Args:
        points (dict): Named points (3,) in the camera frame.
        head_frame (np.ndarray): (3, 3), rotation from the head to the camera frame.
        head_axes (np.ndarray): (3,), half axes of the head: left, up, front.
        long_hair (bool): Whether hair covers the ears.

    Returns:
        np.ndarray: bool (17,), in the order of `KEYPOINT_NAMES`.
    """
    facing = dict.fromkeys(KEYPOINT_NAMES, True)
    facing['nose'] = head_frame[2, 2] > -0.12
    for side, sign, _ in SIDES:
        normal = head_frame @ (np.array(FACE[f'{side}_eye']) / head_axes)
        facing[f'{side}_eye'] = normal[2] > 0.08 * np.linalg.norm(normal)
        facing[f'{side}_ear'] = not long_hair and sign * head_frame[2, 0] > -0.3
        other = 'right' if side == 'left' else 'left'
        for name in ('shoulder', 'hip'):  # the far one of a side view is behind the trunk
            across = points[f'{other}_{name}'] - points[f'{side}_{name}']
            facing[f'{side}_{name}'] = across[2] < 0.75 * np.linalg.norm(across)
    return np.array([facing[name] for name in KEYPOINT_NAMES])
