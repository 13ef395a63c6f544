"""Draw one training step's unlabeled images as a panel, a row for each person."""
from typing import List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ..functional.normalization import RGB, Normalization
from .text import Color, write

# RGB. Used and rejected keypoints differ in their shape as well, for those who see no green and
# red.
BLACK, GRAY, WHITE = (0, 0, 0), (110, 110, 110), (255, 255, 255)
USED, REJECTED, STUDENT = (0, 205, 60), (240, 30, 30), (255, 215, 0)
TEACHER, LIMB = (60, 220, 255), (70, 140, 255)
GAP = 4  # between two tiles, in pixels of the panel


class Tiles(NamedTuple):
    """A column of the panel: its heading, two lines of colored words, and a tile for each row."""
    heading: Tuple[Sequence[Tuple[str, Color]], Sequence[Tuple[str, Color]]]
    tiles: List[np.ndarray]


@torch.no_grad()
def draw_panel(step, preprocessor: nn.Module, links: Sequence[Tuple[int, int]] = (), *,
               num_images: int = 4, height: int = 192, title: str = '') -> np.ndarray:
    """Draw what a step did with its first unlabeled images.

    The columns:

    * the weak view with the teacher's keypoints;
    * the strong view as the student got it;
    * the strong view with its tiles mixed, dimmed if features were mixed instead of the input;
    * the target's heatmaps, dark where the teacher has not looked;
    * the student's heatmaps in the same colors;
    * the target's keypoints, used or rejected, with lines to the student's.

    Columns that a model or a head does not have are left out.

    Args:
        step (UnlabeledStep): The step, handed out by a model's ``watchers``.
        preprocessor (nn.Module): The model's data preprocessor, whose normalization is undone.
        links (Sequence[tuple[int, int]]): Pairs of keypoints between which a limb is drawn.
        num_images (int): Rows, at most as many as there are images.
        height (int): Height of a tile, in pixels of the panel.
        title (str): What stands in front of the figures in the first line.

    Returns:
        np.ndarray: uint8 RGB, (H, W, 3).
    """
    number = min(num_images, len(step.strong))
    scale = height / step.strong.shape[2]
    size = (round(step.strong.shape[3] * scale), height)
    weak, strong = (restore(preprocessor, x[:number]) for x in (step.weak, step.strong))
    scale_of_weak = height / step.weak.shape[2]  # a labeler's view may have a size of its own
    size_of_weak = (round(step.weak.shape[3] * scale_of_weak), height)
    used = _numpy(step.targets.weights[:number]) > 0
    keypoints, of_teacher, of_student = (_numpy(x[:number]) for x in (
        step.targets.keypoints, step.teacher_keypoints(), step.student_keypoints()))
    shown = _numpy(step.targets.scores[:number])

    columns = [
        Tiles(([('weak view', BLACK)], [("teacher's keypoints", GRAY)]), [
            _skeleton(_resize(image, size_of_weak), points, scale_of_weak, links,
                      [TEACHER] * len(points))
            for image, points in zip(weak, of_teacher)]),
        Tiles(([('strong view', BLACK)], [('as the student got it', GRAY)]),
              [_resize(image, size) for image in strong])]
    mixed = step.mixed()
    if mixed is not None:
        images = restore(preprocessor, mixed[:number])
        at_input = step.site == 'input'
        columns.append(Tiles(
            ([(f'mixed at {step.site}', BLACK)],
             [('as the student got it' if at_input else 'shown on the image', GRAY)]),
            [_resize(image if at_input else image // 2 + 40, size) for image in images]))
    columns += _heatmap_columns(step, number, size)
    columns.append(Tiles(
        ([('keypoints ', BLACK), ('used ', USED), ('rejected', REJECTED)],
         [('tied to the ', GRAY), ("student's", (190, 150, 0))]),
        [_compared(_resize(image // 2 + 30, size), points, answers, counts, scores, scale, links)
         for image, points, answers, counts, scores in zip(
             strong, keypoints, of_student, used, shown)]))

    site = 'not mixed' if step.site is None else f'mixed at {step.site}'
    figures = (f'{site}; teacher\'s confidence {float(step.targets.scores.mean()):.2f}; '
               f'{float((step.targets.weights > 0).float().mean()):.0%} of keypoints used')
    return _compose(columns, f'{title}: {figures}' if title else figures)


def restore(preprocessor: nn.Module, images: Tensor) -> np.ndarray:
    """Undo the normalization of images.

    Args:
        preprocessor (nn.Module): MMPose's data preprocessor or one around it, for BGR images.
        images (Tensor): (N, 3, H, W), normalized.

    Returns:
        np.ndarray: uint8 RGB, (N, H, W, 3).
    """
    pixels = Normalization.of(preprocessor).into(RGB, images).clamp(0, 255).byte()
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).cpu().numpy())


def _heatmap_columns(step, number: int, size: Tuple[int, int]) -> List[Tiles]:
    """Draw the highest of all keypoints' heatmaps, the target's and the student's; those there
    are.
    """
    found = {name: _numpy(maps[:number].float().amax(1)) for name, maps in (
        ("target's heatmaps", step.target_heatmaps()),
        ("student's heatmaps", step.student_heatmaps())) if maps is not None}
    # One range for both, so that a faint answer to a sharp target looks faint.
    top = np.max([maps.max((1, 2)) for maps in found.values()], 0) if found else ()
    columns: List[Tiles] = []
    for name, maps in found.items():
        tiles = [_heat(x / max(y, 1e-6)) for x, y in zip(maps, top)]
        note = 'in the same colors' if columns else 'of all keypoints'
        if name.startswith('target') and step.targets.valid is not None:
            unseen = _numpy(step.targets.valid[:number, 0, ..., None]) == 0
            tiles = [tile // (1 + 2 * x.astype(np.uint8)) for tile, x in zip(tiles, unseen)]
            note = 'dark: not seen'
        columns.append(Tiles(
            ([(name, BLACK)], [(note, GRAY)]), [_resize(tile, size) for tile in tiles]))
    return columns


def _compared(image: np.ndarray, keypoints: np.ndarray, answers: np.ndarray, used: np.ndarray,
              scores: np.ndarray, scale: float, links) -> np.ndarray:
    """Draw the target's keypoints, and the student's answers to those that are used."""
    for keypoint, answer in zip(keypoints[used], answers[used]):
        cv2.line(image, _pixel(keypoint, scale), _pixel(answer, scale), STUDENT, 1, cv2.LINE_AA)
    image = _skeleton(image, keypoints, scale, links, [USED if x else REJECTED for x in used], used)
    for answer in answers[used]:  # smaller, so that one on top of its target hides nothing
        cv2.circle(image, _pixel(answer, scale), _radius(image) - 1, STUDENT, -1, cv2.LINE_AA)
    text = f'{used.sum()} of {len(used)} used, conf. {scores.mean():.2f}'
    image[-18:] //= 3  # white text is legible on any image then
    write(image, [(text, WHITE)], (4, len(image) - 6), image.shape[1] - 8, .4)
    return image


def _skeleton(image: np.ndarray, keypoints: np.ndarray, scale: float, links, colors: List[Color],
              used: Optional[np.ndarray] = None) -> np.ndarray:
    """Draw keypoints on a copy of a tile, and limbs between those that are used."""
    image = image.copy()
    used = np.ones(len(keypoints), bool) if used is None else used
    for a, b in links:
        if used[a] and used[b]:
            cv2.line(image, _pixel(keypoints[a], scale), _pixel(keypoints[b], scale), LIMB, 1,
                     cv2.LINE_AA)
    radius = _radius(image)
    for keypoint, color, is_used in zip(keypoints, colors, used):
        center = _pixel(keypoint, scale)
        if is_used:
            cv2.circle(image, center, radius + 1, BLACK, -1, cv2.LINE_AA)
            cv2.circle(image, center, radius, color, -1, cv2.LINE_AA)
        else:
            for line, width in ((BLACK, 4), (color, 2)):
                cv2.drawMarker(image, center, line, cv2.MARKER_TILTED_CROSS, 6 * radius, width)
    return image


def _radius(image: np.ndarray) -> int:
    return max(2, round(len(image) / 80))


def _pixel(keypoint: np.ndarray, scale: float) -> Tuple[int, int]:
    """Find the pixel of an enlarged image in which a keypoint (2,) lies; far ones are cut off."""
    place = np.nan_to_num((keypoint + .5) * scale - .5).clip(-1e4, 1e4)
    x, y = place.round().astype(int).tolist()
    return x, y


def _heat(values: np.ndarray) -> np.ndarray:
    """Color a map (h, w) with values from 0 to 1."""
    values = (np.nan_to_num(values).clip(0, 1) * 255).astype(np.uint8)
    return cv2.applyColorMap(values, cv2.COLORMAP_VIRIDIS)[..., ::-1]


def _resize(image: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Enlarge by repeating pixels, so that they remain seen, or shrink smoothly."""
    smaller = size[1] < image.shape[0]
    image = np.ascontiguousarray(image)
    return cv2.resize(
        image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_NEAREST)


def _compose(columns: List[Tiles], title: str) -> np.ndarray:
    """Put columns side by side, below their headings and the title."""
    height, widths = len(columns[0].tiles[0]), [column.tiles[0].shape[1] for column in columns]
    line = 18
    top = 3 * line + GAP
    panel = np.full((top + len(columns[0].tiles) * (height + GAP),
                     sum(widths) + (len(columns) + 1) * GAP, 3), 255, np.uint8)
    write(panel, [(title, BLACK)], (GAP, line - 5), panel.shape[1] - 2 * GAP, .45)
    left = GAP
    for column, width in zip(columns, widths):
        for j, words in enumerate(column.heading):
            write(panel, words, (left, (j + 2) * line - 5), width, .45)
        for j, tile in enumerate(column.tiles):
            y = top + j * (height + GAP)
            panel[y:y + height, left:left + width] = tile
        left += width + GAP
    return panel


def _numpy(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy()
