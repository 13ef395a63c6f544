"""Draw one image of the demo: a person in a cluttered scene, with keypoints and visibility.

Each image has its own random generator, seeded by (seed, split, index). So it does not depend on
the other images, nor on their number.
"""
from typing import NamedTuple, Tuple

import cv2
import numpy as np

from .painting import NOBODY, Canvas, Cloth, paint_hull, sample_cloth, sample_color
from .people import keypoint_flags, paint_person, sample_person

SPLITS = ('train', 'val')
MIN_KEYPOINTS = 7  # that lie in the image, and that an occluder leaves visible


class DemoSample(NamedTuple):
    """One image and what it shows."""

    image: np.ndarray  # uint8 BGR (H, W, 3)
    keypoints: np.ndarray  # (17, 3), rows (x, y, COCO's flag), in pixels
    silhouette: np.ndarray  # bool (H, W), the person's visible pixels


def _paint_background(canvas: Canvas, rng: np.random.Generator, light) -> None:
    """Fill the canvas with a kind of room or landscape, and with clutter that looks like limbs."""
    height, width = canvas.owner.shape
    size = np.array((width, height))
    image = canvas.image
    corners = np.array([[sample_color(rng) for _ in range(3)] for _ in range(rng.integers(2, 4))])
    mean = corners.mean((0, 1))  # one mood an image, or dull people would stand out
    corners = mean + (corners - mean) * rng.uniform(0.2, 0.8)
    corners += (corners.mean(2, keepdims=True) - corners) * rng.uniform(0.2, 0.8)
    image[:] = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.5:  # a textured wall or floor, tilted a little
        top, bottom = (0, rng.uniform(0.5, 1)) if rng.random() < 0.5 else (rng.uniform(0.4, 0.9), 1)
        cloth = sample_cloth(rng)
        rows = slice(int(top * height), int(bottom * height))
        if cloth.tile is None:
            image[rows] = cloth.color
        else:
            matrix = cv2.getRotationMatrix2D((0, 0), rng.uniform(-30, 30), rng.uniform(0.4, 2))
            texture = cv2.warpAffine(cloth.tile, matrix, (width, height),
                                     borderMode=cv2.BORDER_WRAP)
            image[rows] += (texture[rows] - image[rows]) * rng.uniform(0.3, 0.9)
    if rng.random() < 0.6:  # blotches: foliage, stains, a crowd far away
        grain = rng.uniform(4, 16, 2)
        blotch = rng.random((int(height / grain[0]), int(width / grain[1])), np.float32) - 0.5
        blotch = cv2.resize(blotch, (width, height), interpolation=cv2.INTER_CUBIC)
        tints = rng.uniform(15, 60) * rng.uniform(0.6, 1.0, 3)
        image += cv2.merge([blotch * float(tint) for tint in tints])

    for _ in range(rng.integers(0, 6)):
        center, angle = rng.uniform(-0.1, 1.1, 2) * size, rng.uniform(0, 2 * np.pi)
        direction = np.array((np.cos(angle), np.sin(angle)))
        cloth = Cloth(sample_color(rng)) if rng.random() < 0.7 else sample_cloth(rng)
        kind, spread = rng.integers(4), rng.uniform(0.05, 0.3) * height
        if kind == 0:  # a bar right across
            circles = [(*(center + t * direction * height * 2), spread * 0.15) for t in (-1, 1)]
        elif kind == 1:  # a tapering limb with a second one at its end
            joint = center + direction * spread * 1.5
            circles = [(*center, 0.2 * spread), (*joint, 0.13 * spread)]
            bent = direction @ np.array(((0.3, 0.95), (-0.95, 0.3))) * rng.choice((-1, 1))
            lower = [(*joint, 0.15 * spread), (*(joint + bent * spread * 1.3), 0.1 * spread)]
            paint_hull(canvas, np.array(lower), cloth, axis=bent, unit=height, light=light)
        elif kind == 2:  # a ball
            circles = [(*center, spread * 0.5), (*center, spread * 0.5)]
        else:  # a polygon with sharp corners
            corners = center + rng.normal(0, spread, (rng.integers(3, 7), 2))
            circles = [(*corner, 0.5) for corner in corners]
        paint_hull(canvas, np.array(circles), cloth, axis=direction, unit=height, light=light)


def _paint_bystanders(canvas: Canvas, rng: np.random.Generator, scale: float, light) -> None:
    """Put other people behind: much smaller ones, or ones at the image's border."""
    size = np.array(canvas.owner.shape[::-1])
    for _ in range(rng.choice((0, 0, 0, 0, 1))):
        if rng.random() < 0.7:
            ratio, place = rng.uniform(0.3, 0.6), rng.uniform((0, 0.2), (1, 0.8))
        else:
            ratio = rng.uniform(0.7, 1.0)
            place = np.array((rng.choice((-0.05, 1.05)), rng.uniform(0.2, 0.9)))
        paint_person(canvas, sample_person(rng), scale * ratio, place * size, light=light,
                     own=False)


def _paint_occluder(canvas: Canvas, rng: np.random.Generator, box: np.ndarray, light) -> None:
    """Put a thing in front of the person's box (4,): left, top, right, bottom, in pixels."""
    low, size = box[:2], box[2:] - box[:2]
    unit = size.max()
    x, y = low + rng.uniform(0.1, 0.9, 2) * size
    kind = rng.integers(4)
    if kind == 0:  # a pole
        tilt, radius = rng.normal(0, 0.2) * unit, rng.uniform(0.015, 0.05) * unit
        circles = [(x - tilt, y - 2 * unit, radius), (x + tilt, y + 2 * unit, radius)]
    elif kind == 1:  # a rail
        tilt, radius = rng.normal(0, 0.1) * unit, rng.uniform(0.015, 0.04) * unit
        circles = [(x - 2 * unit, y - tilt, radius), (x + 2 * unit, y + tilt, radius)]
    elif kind == 2:  # a table or a wall that covers one end
        reach = rng.uniform(0.12, 0.35)
        y = box[3] - reach * size[1]
        circles = [(x, y, 1), (x + rng.choice((-1, 1)) * 2 * unit, y, 1), (x, y + unit, 1)]
        circles.append((circles[1][0], y + unit, 1))
    else:  # a box or a ball
        half = rng.uniform(0.06, 0.16) * unit
        if rng.random() < 0.5:
            circles = [(x, y, half), (x, y, half)]
        else:
            tall = half * rng.uniform(0.5, 1.5)
            circles = [(x + sx * half, y + sy * tall, 1) for sx in (-1, 1) for sy in (-1, 1)]
    paint_hull(canvas, np.array(circles), sample_cloth(rng), unit=unit, light=light)


def _expose(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the float image as a camera would: uint8 (H, W, 3), with light, blur and noise."""
    gain = rng.uniform(0.85, 1.15) * rng.uniform(0.9, 1.1, 3)
    image = image * gain.astype(np.float32)
    if rng.random() < 0.4:  # light falls off across the image
        falloff = rng.uniform(0.5, 1.25, (2, 2)).astype(np.float32)
        image *= cv2.resize(falloff, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]
    sigma = rng.uniform(-0.5, 1.2)
    if sigma > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    noise = rng.integers(0, 256, image.shape, np.uint8).astype(np.float32) - 127.5
    image += noise * (rng.uniform(0, 12) / 74)  # 74 is the noise's own standard deviation
    return np.clip(image + rng.uniform(-15, 15), 0, 255).astype(np.uint8)


def render_demo_sample(seed: int, split: str, index: int,
                       image_size: Tuple[int, int] = (160, 192)) -> DemoSample:
    """Draw one image, without JPEG's compression.

    Args:
        seed (int): Seed of the whole data set.
        split (str): ``'train'`` or ``'val'``.
        index (int): Number of the image in its split.
        image_size (tuple[int, int]): Typical width and height in pixels. An image's size differs by
            up to 15 %. For a person who is wider than tall, width and height are exchanged.

    Returns:
        DemoSample: The image, its person's keypoints and visible pixels.
    """
    rng = np.random.default_rng((seed, SPLITS.index(split), index))
    person = sample_person(rng)
    left, top, right, bottom = person.extent()
    extent = np.array((right - left, bottom - top))
    width, height = (np.array(image_size) * rng.uniform(0.85, 1.15, 2)).astype(int)
    if (extent[0] > extent[1]) != (width > height):
        width, height = height, width
    size = np.array((width, height))

    while True:  # a few people are larger than the image
        fill = rng.uniform(1.05, 1.3) if rng.random() < 0.03 else rng.uniform(0.75, 0.97)
        scale = fill * (size / extent).min()
        corner = rng.uniform(0, 1, 2) * (size - extent * scale)
        offset = corner - np.array((left, top)) * scale
        keypoints = person.keypoints * scale + offset
        if ((keypoints >= 0) & (keypoints <= size - 1)).all(1).sum() >= MIN_KEYPOINTS:
            break

    angle = rng.uniform(0, 2 * np.pi)
    light = (np.cos(angle) * 0.8, np.sin(angle) * 0.8)
    canvas = Canvas(np.empty((height, width, 3), np.float32), np.zeros((height, width), np.uint8))
    _paint_background(canvas, rng, light)
    _paint_bystanders(canvas, rng, scale, light)
    if person.seat is not None and rng.random() < 0.7:
        x, y = person.seat * scale + offset + (0, 0.05 * scale)
        half = rng.uniform(0.1, 0.2) * scale
        legs = rng.uniform(0.1, 0.35) * scale
        seat = [(x + sx * half, y + dy, 2.0) for sx in (-1, 1) for dy in (0, legs)]
        paint_hull(canvas, np.array(seat), sample_cloth(rng), unit=scale, light=light)
    paint_person(canvas, person, scale, offset, light=light)
    flags = keypoint_flags(canvas, person, keypoints)
    if rng.random() < 0.1:
        covered = Canvas(canvas.image.copy(), canvas.owner.copy())
        box = np.concatenate([corner, corner + extent * scale])
        _paint_occluder(covered, rng, box, light)
        covered_flags = keypoint_flags(covered, person, keypoints)
        if (covered_flags == 2).sum() >= MIN_KEYPOINTS:  # otherwise nobody could tell the pose
            canvas, flags = covered, covered_flags

    keypoints = np.concatenate([keypoints.round(2), flags[:, None]], axis=1)
    keypoints[flags == 0] = 0
    return DemoSample(_expose(canvas.image, rng), keypoints, canvas.owner != NOBODY)
