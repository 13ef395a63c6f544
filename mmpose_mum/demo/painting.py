"""Paint the demo's images piece by piece: hulls of circles in random materials, and heads.

Colors are BGR, as in OpenCV.
"""
import colorsys
from typing import NamedTuple, Optional

import cv2
import numpy as np

from .poses import FACE

NOBODY = 0  # in `Canvas.owner`, where no part of the person is on top
_PHASE = np.arange(64, dtype=np.float32) * (2 * np.pi / 64)  # once around a cloth's tile
_CIRCLE = np.stack([(np.cos(t), np.sin(t)) for t in np.arange(20) * np.pi / 10])


class Canvas(NamedTuple):
    """An image while it is painted."""

    image: np.ndarray  # float32 (H, W, 3), 0 to 255
    owner: np.ndarray  # uint8 (H, W), the part of the person that is on top, or NOBODY


class Cloth(NamedTuple):
    """A material: one color, or a tile that repeats."""

    color: np.ndarray  # (3,), the mean one
    tile: Optional[np.ndarray] = None  # uint8 (64, 64, 3)
    size: float = 1.0  # of a tile, in heights


class Head(NamedTuple):
    """An ellipsoid with a face, in the camera frame and heights."""

    center: np.ndarray  # (3,)
    axes: np.ndarray  # (3,), half axes: left, up, front
    frame: np.ndarray  # (3, 3), head → camera
    zoom: float  # magnification by perspective
    skin: np.ndarray  # (3,)
    hair: np.ndarray  # (3,)
    hairline: float  # the larger, the less hair
    hat: Optional[np.ndarray]  # (3,)


def sample_color(rng: np.random.Generator) -> np.ndarray:
    """Return a random color, float32 (3,), BGR from 0 to 255. 40 % of the colors are dull."""
    saturation = rng.uniform(0, 0.25) if rng.random() < 0.4 else rng.uniform(0.25, 0.95)
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), saturation, rng.uniform(0.12, 1.0))
    return np.array([blue, green, red], np.float32) * 255


def sample_cloth(rng: np.random.Generator) -> Cloth:
    """Return a random material: plain, stripes, checks, dots, noise or a gradient."""
    color = sample_color(rng)
    kind = rng.integers(9) if rng.random() < 0.4 else 0
    if kind < 3:
        return Cloth(color)
    other = sample_color(rng)
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
    tile = np.clip(color + (other - color) * blend, 0, 255).astype(np.uint8)
    return Cloth(tile.mean((0, 1)), tile, rng.uniform(0.2, 0.5))


def paint_hull(canvas: Canvas, circles: np.ndarray, cloth: Cloth, *, axis=(0.0, 1.0),
               unit: float = 100.0, light=(0.0, 0.0), owner: int = NOBODY) -> None:
    """Paint the hull of circles onto the canvas, anti-aliased, textured and softly shaded.

    Args:
        canvas (Canvas): The canvas, which is changed.
        circles (np.ndarray): (n, 3), rows (x, y, radius) in pixels.
        cloth (Cloth): The material.
        axis (Sequence[float]): (2,), direction of the cloth's y axis in the image.
        unit (float): Pixels of a body height; sets the size of the cloth's pattern.
        light (Sequence[float]): (2,), direction of the light in the image, of length 1 or less.
        owner (int): Number to write into the pixels that the hull covers.
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

    # A shifted blur of the mask looks round: it is darkest at the edge away from the light.
    size = max(3, int(circles[:, 2].max() * 1.4) | 1)
    anchor = tuple(int(size // 2 - round(toward * size * 0.3)) for toward in light)
    shade = 0.58 + 0.47 * cv2.boxFilter(alpha, -1, (size, size), anchor=anchor,
                                        borderType=cv2.BORDER_REPLICATE)
    if cloth.tile is None:
        color = cv2.merge([shade * float(channel) for channel in cloth.color])
    else:
        scale = 64 / (cloth.size * unit)
        along = np.asarray(axis, float) / max(np.hypot(*axis), 1e-6) * scale
        start = circles[0, :2] - (x0, y0)
        matrix = np.array([[along[1], -along[0], 0], [along[0], along[1], 0]])
        matrix[:, 2] = -matrix[:, :2] @ start
        texture = cv2.warpAffine(cloth.tile, matrix, (x1 - x0, y1 - y0),
                                 flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                                 borderMode=cv2.BORDER_WRAP)
        color = cv2.merge((shade,) * 3) * texture
    patch = canvas.image[y0:y1, x0:x1]
    patch += cv2.merge((alpha,) * 3) * (color - patch)  # merge: faster than broadcasting over 3
    canvas.owner[y0:y1, x0:x1][mask > 127] = owner


def paint_head(canvas: Canvas, head: Head, scale: float, offset: np.ndarray, light,
               owner: int) -> None:
    """Paint the head, by a ray per sub-pixel to its ellipsoid. So the face turns with the head.

    Args:
        canvas (Canvas): The canvas, which is changed.
        head (Head): The head.
        scale (float): Pixels of a body height.
        offset (np.ndarray): (2,), pixel of the camera frame's origin.
        light (Sequence[float]): (2,), direction of the light in the image, of length 1 or less.
        owner (int): Number to write into the pixels that the head covers.
    """
    scale = scale * head.zoom
    x, y = head.center[0] * scale + offset[0], -head.center[1] * scale + offset[1]
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

    color = np.empty(z.shape + (3,), np.float32)
    color[:] = head.skin
    face = front > 0
    mouth = face & (np.abs(side) < 0.32) & (np.abs(up + 0.52) < 0.07)
    color[mouth] = head.skin * (0.6, 0.5, 0.8)
    _, eye_up, _ = FACE['left_eye']
    beside = np.abs(np.abs(side) - FACE['left_eye'][0])
    color[face & (beside < 0.22) & (np.abs(up - 0.40) < 0.05)] = head.hair * 0.8  # brows
    color[face & ((beside / 0.22) ** 2 + ((up - eye_up) / 0.16) ** 2 < 1)] = 245  # eyeball
    color[face & (beside < 0.11) & (np.abs(up - eye_up) < 0.14)] = (30, 25, 20)  # pupil
    color[0.75 * up - 0.66 * front > head.hairline] = head.hair  # the top and the back
    if head.hat is not None:
        color[up - 0.15 * front > 0.38] = head.hat
    normal = 1.0 + 0.35 * (light[0] * u - light[1] * v) / head.axes[0]
    color *= ((0.70 + 0.30 * z / head.axes[2]) * normal)[..., None]

    alpha = (inside > 0).astype(np.float32)
    color *= alpha[..., None]  # premultiplied, or the average would mix in what lies outside
    size = (x1 - x0, y1 - y0)
    alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    patch = canvas.image[y0:y1, x0:x1]
    patch *= 1 - alpha[..., None]
    patch += cv2.resize(color, size, interpolation=cv2.INTER_AREA)
    canvas.owner[y0:y1, x0:x1][alpha > 0.5] = owner
