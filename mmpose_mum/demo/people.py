"""Make the demo's people: dress a pose, project and paint it, and find the visible keypoints.

Lengths are in body heights until a person is placed in an image. The camera frame is that of
``poses``. Colors are BGR.
"""
from typing import Dict, List, NamedTuple, Optional

import numpy as np

from .painting import (
    NOBODY,
    Canvas,
    Cloth,
    Head,
    paint_head,
    paint_hull,
    sample_cloth,
    sample_color,
)
from .poses import FACE, KEYPOINT_NAMES, SIDES, facing_keypoints, sample_skeleton

_SKIN = ((196, 224, 255), (165, 200, 240), (125, 172, 224), (90, 134, 198), (50, 85, 141),
         (36, 56, 90))
_HAIR = ((14, 16, 20), (22, 38, 60), (35, 70, 110), (80, 150, 190), (140, 205, 230), (25, 55, 140),
         (150, 150, 150))

# What a pixel of `Canvas.owner` shows, besides NOBODY. Limbs of the body's right side add 1.
HEAD, TORSO, PELVIS, SKIRT, NECK, HAIR = range(1, 7)
UPPER_ARM, FOREARM, THIGH, SHIN, FOOT = 10, 12, 14, 16, 18


class Part(NamedTuple):
    """A convex piece of a body: the hull of circles, in image axes (y down) and body heights."""

    depth: float  # larger is nearer to the viewer
    owner: int
    circles: np.ndarray  # (n, 3), rows (x, y, radius)
    cloth: Cloth
    axis: np.ndarray  # (2,), direction in the image of the cloth's y axis


class Person(NamedTuple):
    """A person to place in an image, in image axes (y down) and heights, pelvis at the origin."""

    keypoints: np.ndarray  # (17, 2)
    facing: np.ndarray  # (17,) bool, False where the body itself hides the keypoint
    parts: List[Part]  # back to front; the head is the one with a single circle
    head: Head
    seat: Optional[np.ndarray]  # (2,), where a sitting person's seat is

    def extent(self) -> np.ndarray:
        """Return (4,): left, top, right, bottom of the whole figure in heights."""
        circles = np.concatenate([part.circles for part in self.parts])
        low = (circles[:, :2] - circles[:, 2:]).min(0)
        high = (circles[:, :2] + circles[:, 2:]).max(0)
        return np.concatenate([low, high])


class _Figure:
    """Collect the parts of a body in perspective.

    Args:
        points (dict): Named points (3,) in the camera frame, in heights.
        frames (dict): Named rotations (3, 3) into the camera frame.
        girth (float): Width of the body, 1 for the average.
        distance (float): Distance of the camera, in heights.
    """

    def __init__(self, points: Dict, frames: Dict, girth: float, distance: float) -> None:
        self.points, self.frames, self.girth, self.distance = points, frames, girth, distance
        self.parts: List[Part] = []

    def at(self, point) -> np.ndarray:
        """Return a point (3,), given by its name, by (start, end, share of the way), or itself."""
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
        """Add the hull of balls (point, radius). The cloth runs from the first to the last."""
        circles = np.array([(*self.project(p), radius * self.zoom(p)) for p, radius in balls])
        axis = circles[-1, :2] - circles[0, :2]
        self.parts.append(Part(depth, owner, circles, cloth, axis))

    def limb(self, depth: float, owner: int, cloth: Cloth, *balls) -> None:
        """Add the hull of balls. Their radii are for a girth of 1, and are scaled to this one."""
        self.add(depth, owner, cloth, *((point, radius * self.girth) for point, radius in balls))


def _dress(figure: _Figure, rng: np.random.Generator, skin: np.ndarray, skirts: bool) -> None:
    """Add the trunk and the limbs, in clothes. Later parts of a limb cover earlier ones."""
    bare, shirt, trousers = Cloth(skin), sample_cloth(rng), sample_cloth(rng)
    shoe = Cloth(sample_color(rng) * 0.7)
    # How much of a limb the cloth covers: up to 1 is a share of the upper half, 2 is all of it.
    sleeve = rng.choice((0.0, 0.5, 0.6, 2.0, 2.0))
    skirt = skirts and rng.random() < 0.15
    trouser = 0.0 if skirt else rng.choice((0.45, 0.8, 2.0, 2.0, 2.0))
    loose = rng.uniform(1.0, 1.3)  # how much wider than the limb the cloth is

    for side, _, right in SIDES:
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
        ends = [((f'{side}_hip', f'{side}_knee', hem), 0.06 * loose) for side, _, _ in SIDES]
        depth = max(figure.depth((f'{side}_hip', f'{side}_knee', 0.6)) for side, _, _ in SIDES)
        figure.limb(depth + 0.002, SKIRT, trousers, ('waist', 0.06), *hips, *ends)


def _add_head(figure: _Figure, rng: np.random.Generator, axes: np.ndarray, skin: np.ndarray,
              long_hair: bool) -> Head:
    """Add the head, and what sticks out of its ellipsoid: nose, ears and long hair."""
    center, frame = figure.points['head'], figure.frames['head']
    depth = center[2]
    hair = np.array(_HAIR[rng.integers(len(_HAIR))], np.float32) * rng.uniform(0.8, 1.2)
    hairline = -0.12 if long_hair else rng.choice((0.1, 0.1, 0.2, 0.4, 2.0))
    hat = sample_color(rng) if rng.random() < 0.12 else None

    def on(*place) -> np.ndarray:
        return center + frame @ (np.array(place) * axes)

    if long_hair:  # seen from the back it covers the neck, from the front the neck covers it
        figure.add(figure.depth('neck') + (0.03 if frame[2, 2] < 0 else -0.02), HAIR, Cloth(hair),
                   *((on(x, 0, -0.45), axes[0] * 0.62) for x in (0.5, -0.5)),
                   *((on(x, -1.25, -0.75), axes[0] * 0.4) for x in (0.4, -0.4)))
    else:
        for side, sign, _ in SIDES:
            x, y, z = FACE[f'{side}_ear']
            figure.add(depth + (0.001 if frame[2, 0] * sign >= 0 else -0.001), HEAD,
                       Cloth(skin * 0.9), (on(x, y + 0.12, z), axes[1] * 0.14),
                       (on(x, y - 0.12, z), axes[1] * 0.14))
    if frame[2, 2] > -0.3:
        figure.add(depth + (0.002 if frame[2, 2] >= 0 else -0.002), HEAD, Cloth(skin * 0.86),
                   (on(0, 0.05, 0.95), axes[0] * 0.07), ('nose', axes[0] * 0.13))
    figure.add(depth, HEAD, Cloth(skin), ('head', axes.max() * 1.05))
    return Head(center, axes, frame, figure.zoom('head'), skin, hair, hairline, hat)


def sample_person(rng: np.random.Generator) -> Person:
    """Pose, dress and project a random person.

    Args:
        rng (np.random.Generator): Draws every choice.

    Returns:
        Person: The person, in heights, with the pelvis at the origin.
    """
    points, frames, stance = sample_skeleton(rng)
    skin = np.array(_SKIN[rng.integers(len(_SKIN))], np.float32) * rng.uniform(0.85, 1.05)
    axes = np.array([0.055, 0.072, 0.064]) * rng.uniform(1.05, 1.45)
    points['head'] = points['skull'] + frames['head'] @ (0, axes[1] * 0.9, 0.01)
    for name, place in FACE.items():
        points[name] = points['head'] + frames['head'] @ (np.array(place) * axes)
    figure = _Figure(points, frames, rng.uniform(0.85, 1.25), rng.uniform(3.0, 8.0))
    long_hair = rng.random() < 0.3
    _dress(figure, rng, skin, skirts=stance != 'run')
    head = _add_head(figure, rng, axes, skin, long_hair)
    return Person(
        keypoints=np.array([figure.project(name) for name in KEYPOINT_NAMES]),
        facing=facing_keypoints(points, frames['head'], axes, long_hair),
        parts=sorted(figure.parts, key=lambda part: part.depth),
        head=head,
        seat=figure.project('pelvis') if stance == 'sit' else None)


def paint_person(canvas: Canvas, person: Person, scale: float, offset, *, light=(0.0, 0.0),
                 own: bool = True) -> None:
    """Paint a person onto the canvas, far parts first.

    Args:
        canvas (Canvas): The canvas, which is changed.
        person (Person): The person.
        scale (float): Pixels of a body height.
        offset (Sequence[float]): (2,), pixel of the pelvis.
        light (Sequence[float]): (2,), direction of the light in the image, of length 1 or less.
        own (bool): Whether this is the image's person. A bystander's pixels count as background.
    """
    offset = np.asarray(offset, float)
    for part in person.parts:
        owner = part.owner if own else NOBODY
        if len(part.circles) == 1:
            paint_head(canvas, person.head, scale, offset, light, owner)
            continue
        circles = part.circles * scale
        circles[:, :2] += offset
        paint_hull(canvas, circles, part.cloth, axis=part.axis, unit=scale, light=light,
                   owner=owner)


# The parts that may cover a visible keypoint. Limbs of the right side add 1.
_SHOWN_BY = {
    'nose': (HEAD,), 'eye': (HEAD,), 'ear': (HEAD,), 'shoulder': (UPPER_ARM, TORSO),
    'elbow': (UPPER_ARM, FOREARM), 'wrist': (FOREARM,), 'hip': (THIGH, PELVIS, TORSO, SKIRT),
    'knee': (THIGH, SHIN), 'ankle': (SHIN, FOOT)}
_FACE_KINDS = ('nose', 'eye', 'ear')


def keypoint_flags(canvas: Canvas, person: Person, keypoints: np.ndarray) -> np.ndarray:
    """Find which keypoints can be seen.

    Args:
        canvas (Canvas): The finished image.
        person (Person): The person on it.
        keypoints (np.ndarray): (17, 2), the person's keypoints in pixels.

    Returns:
        np.ndarray: int (17,), COCO's flags: 0 not labeled, 1 hidden, 2 visible. As in COCO, a
        keypoint outside the image has no label, nor has one of a face that is turned away.
    """
    height, width = canvas.owner.shape
    flags = np.zeros(17, int)
    for i, (name, (x, y)) in enumerate(zip(KEYPOINT_NAMES, keypoints)):
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
