"""Draws the demo's people: a posed 3-D skeleton, dressed, projected and painted back to front.

Lengths are in body heights until a person is placed in an image. The camera frame has x to the
right of the image, y up and z towards the viewer; a person at rest stands along y and faces the
viewer, so that the person's left is at +x. Colours are BGR, as in OpenCV.
"""
import colorsys
from typing import Dict, List, NamedTuple, Optional, Tuple

import cv2
import numpy as np

JOINT_NAMES = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
    'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
    'right_knee', 'left_ankle', 'right_ankle')

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

# Legs: forward swing, spread, outward twist, knee, for one leg and the other; then the forward bend
# of the trunk, and how often the stance is drawn.
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

_SKIN = ((196, 224, 255), (165, 200, 240), (125, 172, 224), (90, 134, 198), (50, 85, 141),
         (36, 56, 90))
_HAIR = ((14, 16, 20), (22, 38, 60), (35, 70, 110), (80, 150, 190), (140, 205, 230), (25, 55, 140),
         (150, 150, 150))
# Places on the head's ellipsoid, in its own unit coordinates: left, up, front.
_FACE = {'nose': (0, -0.12, 1.10), 'left_eye': (0.38, 0.14, 0.91), 'right_eye': (-0.38, 0.14, 0.91),
         'left_ear': (1.02, -0.02, -0.08), 'right_ear': (-1.02, -0.02, -0.08)}

# What a pixel shows, in `Canvas.owner`. Limbs add 1 on the right side of the body.
NOBODY, HEAD, TORSO, PELVIS, SKIRT, NECK, HAIR = range(7)
UPPER_ARM, FOREARM, THIGH, SHIN, FOOT = 10, 12, 14, 16, 18
_SIDES = (('left', 1.0, 0), ('right', -1.0, 1))  # name, sign of x, added to a limb's number
_PHASE = np.arange(64, dtype=np.float32) * (2 * np.pi / 64)  # once around a cloth's tile
_CIRCLE = np.stack([(np.cos(t), np.sin(t)) for t in np.arange(20) * np.pi / 10])


class Canvas(NamedTuple):
    """A picture being painted."""

    image: np.ndarray  # float32 (H, W, 3), 0 to 255
    owner: np.ndarray  # uint8 (H, W), the part of the person that is on top, or NOBODY


class Cloth(NamedTuple):
    """A material: a colour, or a tile that repeats."""

    colour: np.ndarray  # (3,), the mean one
    tile: Optional[np.ndarray] = None  # uint8 (64, 64, 3)
    size: float = 1.0  # of a tile, in heights


class Part(NamedTuple):
    """A convex piece of a body: the hull of circles in image axes (y down), in heights."""

    depth: float  # larger is nearer to the viewer
    owner: int
    circles: np.ndarray  # (n, 3), rows (x, y, radius)
    cloth: Cloth
    axis: np.ndarray  # (2,), direction in the image of the cloth's y axis


class Head(NamedTuple):
    """An ellipsoid with a face, in the camera frame and heights."""

    centre: np.ndarray  # (3,)
    axes: np.ndarray  # (3,), half axes: left, up, front
    frame: np.ndarray  # (3, 3), head → camera
    zoom: float  # magnification by perspective
    skin: np.ndarray  # (3,)
    hair: np.ndarray  # (3,)
    hairline: float  # the larger, the less hair
    hat: Optional[np.ndarray]  # (3,)


class Person(NamedTuple):
    """A person ready to be placed, in image axes (y down) and heights, the pelvis at the origin."""

    joints: np.ndarray  # (17, 2)
    facing: np.ndarray  # (17,) bool, False where the body itself turns the joint away
    parts: List[Part]  # back to front; the one of a single circle stands for the head
    head: Head
    seat: Optional[np.ndarray]  # (2,), where a sitting person's seat is

    def extent(self) -> np.ndarray:
        """Return (4,): left, top, right, bottom of the whole figure in heights."""
        circles = np.concatenate([part.circles for part in self.parts])
        low = (circles[:, :2] - circles[:, 2:]).min(0)
        high = (circles[:, :2] + circles[:, 2:]).max(0)
        return np.concatenate([low, high])


def _rotation(axis: str, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if axis == 'x':
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if axis == 'y':
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def sample_colour(rng: np.random.Generator) -> np.ndarray:
    """Return a random BGR colour (3,), 0 to 255; dull ones are as likely as bright ones."""
    saturation = rng.uniform(0, 0.25) if rng.random() < 0.4 else rng.uniform(0.25, 0.95)
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), saturation, rng.uniform(0.12, 1.0))
    return np.array([blue, green, red], np.float32) * 255


def sample_cloth(rng: np.random.Generator) -> Cloth:
    """Return a random material: plain, stripes, checks, dots, noise or a gradient."""
    colour = sample_colour(rng)
    kind = rng.integers(9) if rng.random() < 0.4 else 0
    if kind < 3:
        return Cloth(colour)
    other = sample_colour(rng)
    waves = int(rng.choice((2, 4, 8)))
    y, x = _PHASE[:, None], _PHASE
    if kind == 3:
        blend = np.sin(waves * y) + 0 * x
    elif kind == 4:
        blend = np.sin(waves * x) + 0 * y
    elif kind == 5:
        blend = np.sin(waves * x) * np.sin(waves * y)
    elif kind == 6:
        blend = np.cos(waves * x) + np.cos(waves * y) - 1.0
    elif kind == 7:
        noise = rng.random((16, 16), np.float32)
        blend = (cv2.resize(noise, (64, 64), interpolation=cv2.INTER_CUBIC) - 0.5) / 2
    else:
        blend = np.cos(y) / 8 + 0 * x
    blend = np.clip(0.5 + 4 * blend, 0, 1)[..., None]
    tile = np.clip(colour + (other - colour) * blend, 0, 255).astype(np.uint8)
    return Cloth(tile.mean((0, 1)), tile, rng.uniform(0.2, 0.5))


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
    """Return the stance, the angles of the arms and of the legs (2, 4), left first, and the bend.

    All angles are in degrees.
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


def _build_skeleton(rng: np.random.Generator) -> Tuple[Dict, Dict, str]:
    """Return named points (3,) and frames (3, 3) in the camera frame, and the stance."""
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
    for (side, sign, _), arm_angles, leg_angles in zip(_SIDES, arms, legs):
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


class _Figure:
    """Collects the parts of a body in perspective.

    Args:
        points: Named points (3,) in the camera frame, in heights.
        frames: Named rotations (3, 3) into the camera frame.
        girth: How stout the body is, 1 for the average.
        distance: Of the camera, in heights.
    """

    def __init__(self, points: Dict, frames: Dict, girth: float, distance: float) -> None:
        self.points, self.frames, self.girth, self.distance = points, frames, girth, distance
        self.parts: List[Part] = []

    def at(self, point) -> np.ndarray:
        """Return (3,): a point given by name, by (start, end, share of the way), or as it is."""
        if isinstance(point, str):
            return self.points[point]
        if isinstance(point, tuple):
            start, end, share = point
            return self.points[start] * (1 - share) + self.points[end] * share
        return point

    def depth(self, point) -> float:
        """Return how far a point is from the pelvis towards the viewer, in heights."""
        return self.at(point)[2]

    def zoom(self, point) -> float:
        """Return the magnification at a point."""
        return self.distance / (self.distance - self.depth(point))

    def project(self, point) -> np.ndarray:
        """Return (2,): a point in image axes."""
        return self.at(point)[:2] * (1, -1) * self.zoom(point)

    def add(self, depth: float, owner: int, cloth: Cloth, *balls) -> None:
        """Add the hull of balls, pairs of a point and a radius, along the first to the last."""
        circles = np.array([(*self.project(p), radius * self.zoom(p)) for p, radius in balls])
        axis = circles[-1, :2] - circles[0, :2]
        self.parts.append(Part(depth, owner, circles, cloth, axis))

    def limb(self, depth: float, owner: int, cloth: Cloth, *balls) -> None:
        """Add the hull of balls whose radii are those of a body of girth 1."""
        self.add(depth, owner, cloth, *((point, radius * self.girth) for point, radius in balls))


def _dress(figure: _Figure, rng: np.random.Generator, skin: np.ndarray, skirts: bool) -> None:
    """Add the trunk and the limbs, in clothes; later parts of a limb lie over earlier ones."""
    bare, shirt, trousers = Cloth(skin), sample_cloth(rng), sample_cloth(rng)
    shoe = Cloth(sample_colour(rng) * 0.7)
    # Which share of a limb is covered: up to 1 of its upper half only, 2 is all of it.
    sleeve = rng.choice((0.0, 0.5, 0.6, 2.0, 2.0))
    skirt = skirts and rng.random() < 0.15
    trouser = 0.0 if skirt else rng.choice((0.45, 0.8, 2.0, 2.0, 2.0))
    loose = rng.uniform(1.0, 1.3)  # how much wider than the limb the cloth is

    for side, _, right in _SIDES:
        shoulder, elbow, wrist, hand, hip, knee, ankle, heel, toe = (
            f'{side}_{name}' for name in ('shoulder', 'elbow', 'wrist', 'hand', 'hip', 'knee',
                                          'ankle', 'heel', 'toe'))
        depth, part = figure.depth((shoulder, elbow, 0.65)), UPPER_ARM + right
        if sleeve <= 1:
            figure.limb(depth, part, bare, (shoulder, 0.034), (elbow, 0.025))
        if sleeve > 0:
            figure.limb(depth, part, shirt, (shoulder, 0.036 * loose),
                        ((shoulder, elbow, min(sleeve, 1)), 0.028 * loose))
        # A forearm is nearer than the trunk unless it is clearly behind.
        depth, part = figure.depth((elbow, wrist, 0.6)) + 0.012, FOREARM + right
        figure.add(depth, part, bare, (wrist, 0.015), ((wrist, hand, 0.8), 0.023))
        figure.limb(depth, part, bare, (elbow, 0.025), ((elbow, wrist, 0.3), 0.026), (wrist, 0.017))
        if sleeve > 1:
            figure.limb(depth, part, shirt, (elbow, 0.027 * loose),
                        ((elbow, wrist, 0.92), 0.021 * loose))

        depth, part = figure.depth((hip, knee, 0.6)), THIGH + right
        if trouser <= 1:
            figure.limb(depth, part, bare, (hip, 0.052), (knee, 0.036))
        if trouser > 0:
            width = (0.038 if trouser > 1 else 0.044) * loose
            figure.limb(depth, part, trousers, (hip, 0.056), ((hip, knee, min(trouser, 1)), width))
        depth, part = figure.depth((knee, ankle, 0.5)), SHIN + right
        figure.limb(depth, part, bare, (knee, 0.036), ((knee, ankle, 0.3), 0.036), (ankle, 0.019))
        if trouser > 1:
            figure.limb(depth, part, trousers, (knee, 0.038 * loose),
                        ((knee, ankle, 0.92), 0.027 * loose))
        figure.add(figure.depth((heel, toe, 0.5)) + 0.01, FOOT + right, shoe, (heel, 0.022),
                   (toe, 0.017))

    # The trunk is brought forward a little: its clothes cover the roots of hanging limbs.
    hips = [('left_hip', 0.052), ('right_hip', 0.052)]
    figure.limb(0.005, PELVIS, trousers, ('waist', 0.062), *hips)
    depth = figure.depth(('waist', 'chest', 0.6))
    tail = rng.uniform(0.5, 1.0)  # how far down the shirt hangs
    figure.limb(depth + 0.005, TORSO, shirt, ('waist', 0.068), (('waist', 'left_hip', tail), 0.054),
                (('waist', 'right_hip', tail), 0.054))
    figure.limb(depth + 0.006, TORSO, shirt, ('chest', 0.078), ('left_shoulder', 0.034),
                ('right_shoulder', 0.034), ('waist', 0.066))
    seen_from_front = figure.frames['chest'][2, 2]
    if seen_from_front > 0.1:  # a neckline
        figure.add(depth + 0.007, TORSO, bare, ('neck', 0.028), ('throat', 0.012))
    figure.limb(figure.depth('neck') + (-0.01 if seen_from_front > 0 else 0.008), NECK, bare,
                ('neck', 0.030), ('skull', 0.032), ('head', 0.028))
    if skirt:
        hem = rng.uniform(0.55, 0.95)
        ends = [((f'{side}_hip', f'{side}_knee', hem), 0.06 * loose) for side, _, _ in _SIDES]
        depth = max(figure.depth((f'{side}_hip', f'{side}_knee', 0.6)) for side, _, _ in _SIDES)
        figure.limb(depth + 0.002, SKIRT, trousers, ('waist', 0.06), *hips, *ends)


def _add_head(figure: _Figure, rng: np.random.Generator, axes: np.ndarray, skin: np.ndarray,
              long_hair: bool) -> Head:
    """Add the head, with what stands out of its ellipsoid: nose, ears and long hair."""
    centre, frame = figure.points['head'], figure.frames['head']
    depth = centre[2]
    hair = np.array(_HAIR[rng.integers(len(_HAIR))], np.float32) * rng.uniform(0.8, 1.2)
    hairline = -0.12 if long_hair else rng.choice((0.1, 0.1, 0.2, 0.4, 2.0))
    hat = sample_colour(rng) if rng.random() < 0.12 else None

    def on(*place) -> np.ndarray:
        return centre + frame @ (np.array(place) * axes)

    if long_hair:  # seen from the back it covers the neck, from the front the neck covers it
        figure.add(figure.depth('neck') + (0.03 if frame[2, 2] < 0 else -0.02), HAIR, Cloth(hair),
                   *((on(x, 0, -0.45), axes[0] * 0.62) for x in (0.5, -0.5)),
                   *((on(x, -1.25, -0.75), axes[0] * 0.4) for x in (0.4, -0.4)))
    else:
        for side, sign, _ in _SIDES:
            x, y, z = _FACE[f'{side}_ear']
            figure.add(depth + (0.001 if frame[2, 0] * sign >= 0 else -0.001), HEAD,
                       Cloth(skin * 0.9), (on(x, y + 0.12, z), axes[1] * 0.14),
                       (on(x, y - 0.12, z), axes[1] * 0.14))
    if frame[2, 2] > -0.3:
        figure.add(depth + (0.002 if frame[2, 2] >= 0 else -0.002), HEAD, Cloth(skin * 0.86),
                   (on(0, 0.05, 0.95), axes[0] * 0.07), ('nose', axes[0] * 0.13))
    figure.add(depth, HEAD, Cloth(skin), ('head', axes.max() * 1.05))
    return Head(centre, axes, frame, figure.zoom('head'), skin, hair, hairline, hat)


def _facing(figure: _Figure, axes: np.ndarray, long_hair: bool) -> np.ndarray:
    """Return (17,) bool: False where the body itself turns the joint away from the viewer."""
    frame, points = figure.frames['head'], figure.points
    facing = dict.fromkeys(JOINT_NAMES, True)
    facing['nose'] = frame[2, 2] > -0.12
    for side, sign, _ in _SIDES:
        normal = frame @ (np.array(_FACE[f'{side}_eye']) / axes)
        facing[f'{side}_eye'] = normal[2] > 0.08 * np.linalg.norm(normal)
        facing[f'{side}_ear'] = not long_hair and sign * frame[2, 0] > -0.3
        other = 'right' if side == 'left' else 'left'
        for name in ('shoulder', 'hip'):  # the far one of a side view is behind the trunk
            across = points[f'{other}_{name}'] - points[f'{side}_{name}']
            facing[f'{side}_{name}'] = across[2] < 0.75 * np.linalg.norm(across)
    return np.array([facing[name] for name in JOINT_NAMES])


def sample_person(rng: np.random.Generator) -> Person:
    """Pose, dress and project a random person.

    Args:
        rng: Source of every choice.

    Returns:
        The person, in heights, the pelvis at the origin.
    """
    points, frames, stance = _build_skeleton(rng)
    skin = np.array(_SKIN[rng.integers(len(_SKIN))], np.float32) * rng.uniform(0.85, 1.05)
    axes = np.array([0.055, 0.072, 0.064]) * rng.uniform(1.05, 1.45)
    points['head'] = points['skull'] + frames['head'] @ (0, axes[1] * 0.9, 0.01)
    for name, place in _FACE.items():
        points[name] = points['head'] + frames['head'] @ (np.array(place) * axes)
    figure = _Figure(points, frames, rng.uniform(0.85, 1.25), rng.uniform(3.0, 8.0))
    long_hair = rng.random() < 0.3
    _dress(figure, rng, skin, skirts=stance != 'run')
    head = _add_head(figure, rng, axes, skin, long_hair)
    return Person(
        joints=np.array([figure.project(name) for name in JOINT_NAMES]),
        facing=_facing(figure, axes, long_hair),
        parts=sorted(figure.parts, key=lambda part: part.depth),
        head=head,
        seat=figure.project('pelvis') if stance == 'sit' else None)


def paint_hull(canvas: Canvas, circles: np.ndarray, cloth: Cloth, *, axis=(0.0, 1.0),
               unit: float = 100.0, light=(0.0, 0.0), owner: int = NOBODY) -> None:
    """Paint the hull of circles, anti-aliased, textured and softly shaded, onto the canvas.

    Args:
        canvas: What to paint on.
        circles: (n, 3) rows (x, y, radius) in pixels.
        cloth: The material.
        axis: (2,) image direction along which the cloth's y axis runs.
        unit: Pixels to the height, for the size of the cloth's pattern.
        light: (2,) image direction towards the light, at most of length 1.
        owner: The number written where the hull covers the picture.
    """
    ring = circles[:, None, :2] + circles[:, None, 2:] * _CIRCLE
    hull = cv2.convexHull(ring.reshape(-1, 2).astype(np.float32))[:, 0]
    height, width = canvas.owner.shape
    x0, y0 = np.maximum(np.floor(hull.min(0)).astype(int) - 2, 0)
    x1, y1 = np.minimum(np.ceil(hull.max(0)).astype(int) + 3, (width, height))
    if x0 >= x1 or y0 >= y1:
        return
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    corners = np.round((hull - (x0, y0)) * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, corners, 255, cv2.LINE_AA, shift=4)
    alpha = mask.astype(np.float32) * (1 / 255)

    # A blur of the mask, shifted, is dark at the edges and darkest away from the light: round.
    size = max(3, int(circles[:, 2].max() * 1.4) | 1)
    anchor = tuple(int(size // 2 - round(toward * size * 0.3)) for toward in light)
    shade = 0.58 + 0.47 * cv2.boxFilter(alpha, -1, (size, size), anchor=anchor,
                                        borderType=cv2.BORDER_REPLICATE)
    if cloth.tile is None:
        colour = cv2.merge([shade * float(channel) for channel in cloth.colour])
    else:
        scale = 64 / (cloth.size * unit)
        along = np.asarray(axis, float) / max(np.hypot(*axis), 1e-6) * scale
        start = circles[0, :2] - (x0, y0)
        matrix = np.array([[along[1], -along[0], 0], [along[0], along[1], 0]])
        matrix[:, 2] = -matrix[:, :2] @ start
        texture = cv2.warpAffine(cloth.tile, matrix, (x1 - x0, y1 - y0),
                                 flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                                 borderMode=cv2.BORDER_WRAP)
        colour = cv2.merge((shade,) * 3) * texture
    patch = canvas.image[y0:y1, x0:x1]
    patch += cv2.merge((alpha,) * 3) * (colour - patch)  # merge: faster than broadcasting over 3
    canvas.owner[y0:y1, x0:x1][mask > 127] = owner


def _paint_head(canvas: Canvas, head: Head, scale: float, offset: np.ndarray, light,
                owner: int) -> None:
    """Paint the head by casting a ray per sub-pixel at its ellipsoid: the face turns with it."""
    scale = scale * head.zoom
    x, y = head.centre[0] * scale + offset[0], -head.centre[1] * scale + offset[1]
    reach = head.axes.max() * scale + 2
    height, width = canvas.owner.shape
    x0, y0 = max(int(x - reach), 0), max(int(y - reach), 0)
    x1, y1 = min(int(x + reach) + 2, width), min(int(y + reach) + 2, height)
    if x0 >= x1 or y0 >= y1:
        return
    fine = 3 if reach < 30 else 2
    columns = (np.arange((x1 - x0) * fine, dtype=np.float32) + 0.5) / fine - 0.5 + x0
    rows = (np.arange((y1 - y0) * fine, dtype=np.float32) + 0.5) / fine - 0.5 + y0
    u, v = (columns - x) / scale, (y - rows)[:, None] / scale

    # The quadric p' Q p = 1, solved for the depth z nearest to the viewer.
    q = (head.frame / head.axes ** 2 @ head.frame.T).astype(np.float32)
    linear = q[0, 2] * u + q[1, 2] * v
    rest = q[0, 0] * u ** 2 + 2 * q[0, 1] * u * v + q[1, 1] * v ** 2 - 1
    inside = linear ** 2 - q[2, 2] * rest
    z = (np.sqrt(np.maximum(inside, 0)) - linear) / q[2, 2]
    across, along, towards = (head.frame / head.axes).astype(np.float32)
    side, up, front = (across[i] * u + along[i] * v + towards[i] * z for i in range(3))

    colour = np.empty(z.shape + (3,), np.float32)
    colour[:] = head.skin
    face = front > 0
    mouth = face & (np.abs(side) < 0.32) & (np.abs(up + 0.52) < 0.07)
    colour[mouth] = head.skin * (0.6, 0.5, 0.8)
    _, eye_up, _ = _FACE['left_eye']
    beside = np.abs(np.abs(side) - _FACE['left_eye'][0])
    colour[face & (beside < 0.22) & (np.abs(up - 0.40) < 0.05)] = head.hair * 0.8  # brows
    colour[face & ((beside / 0.22) ** 2 + ((up - eye_up) / 0.16) ** 2 < 1)] = 245  # eyeball
    colour[face & (beside < 0.11) & (np.abs(up - eye_up) < 0.14)] = (30, 25, 20)  # pupil
    colour[0.75 * up - 0.66 * front > head.hairline] = head.hair  # the top and the back
    if head.hat is not None:
        colour[up - 0.15 * front > 0.38] = head.hat
    normal = 1.0 + 0.35 * (light[0] * u - light[1] * v) / head.axes[0]
    colour *= ((0.70 + 0.30 * z / head.axes[2]) * normal)[..., None]

    alpha = (inside > 0).astype(np.float32)
    colour *= alpha[..., None]  # premultiplied, or the average would mix in what lies outside
    size = (x1 - x0, y1 - y0)
    alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    patch = canvas.image[y0:y1, x0:x1]
    patch *= 1 - alpha[..., None]
    patch += cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    canvas.owner[y0:y1, x0:x1][alpha > 0.5] = owner


def paint_person(canvas: Canvas, person: Person, scale: float, offset, *, light=(0.0, 0.0),
                 own: bool = True) -> None:
    """Paint a person onto the canvas, far parts first.

    Args:
        canvas: What to paint on.
        person: The person.
        scale: Pixels to the body height.
        offset: (2,) pixel of the pelvis.
        light: (2,) image direction towards the light, at most of length 1.
        own: False paints a bystander, whose pixels count as background.
    """
    offset = np.asarray(offset, float)
    for part in person.parts:
        owner = part.owner if own else NOBODY
        if len(part.circles) == 1:
            _paint_head(canvas, person.head, scale, offset, light, owner)
            continue
        circles = part.circles * scale
        circles[:, :2] += offset
        paint_hull(canvas, circles, part.cloth, axis=part.axis, unit=scale, light=light,
                   owner=owner)


# The parts that may lie on top where a joint is visible; limbs of the right side are one further.
_SHOWN_BY = {
    'nose': (HEAD,), 'eye': (HEAD,), 'ear': (HEAD,), 'shoulder': (UPPER_ARM, TORSO),
    'elbow': (UPPER_ARM, FOREARM), 'wrist': (FOREARM,), 'hip': (THIGH, PELVIS, TORSO, SKIRT),
    'knee': (THIGH, SHIN), 'ankle': (SHIN, FOOT)}
_FACE_KINDS = ('nose', 'eye', 'ear')


def keypoint_flags(canvas: Canvas, person: Person, joints: np.ndarray) -> np.ndarray:
    """Tell which joints can be seen.

    Args:
        canvas: The finished picture.
        person: The person painted on it.
        joints: (17, 2) the person's joints in pixels.

    Returns:
        (17,) COCO's flags: 0 outside the image, 1 hidden, 2 visible. As in COCO, a joint of a face
        that is turned away has no label, and a covered one is labelled by guess.
    """
    height, width = canvas.owner.shape
    flags = np.zeros(17, int)
    for i, (name, (x, y)) in enumerate(zip(JOINT_NAMES, joints)):
        if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
            continue
        side, _, kind = name.rpartition('_')
        shown_by = [part + (part >= UPPER_ARM and side == 'right') for part in _SHOWN_BY[kind]]
        on_top = canvas.owner[int(round(y)), int(round(x))]
        if on_top in shown_by and person.facing[i]:
            flags[i] = 2
        elif person.facing[i] or kind not in _FACE_KINDS:
            flags[i] = 1
    return flags
