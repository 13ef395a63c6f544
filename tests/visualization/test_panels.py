"""Panels show the images as they were, and each keypoint where it lies in its color."""
import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from mmpose_mum.models.step import UnlabeledStep
from mmpose_mum.models.targets.base import PseudoTargets, TargetMaker
from mmpose_mum.visualization import draw_panel, panels

HEIGHT, WIDTH = 96, 64  # of the input; a tile is twice as large
TOP, GAP = 58, panels.GAP
KEYPOINTS = torch.tensor([[16., 20.], [48., 20.], [16., 70.], [48., 70.]])


class Kind:
    """Reads a dict of keypoints and heatmaps as an output."""

    def keypoints(self, output):
        """Returns keypoints, and scores that nobody asks for."""
        return output['keypoints'], None

    def heatmaps(self, output):
        """Returns heatmaps, or None."""
        return output['heatmaps']

    target_heatmaps = TargetMaker.target_heatmaps


def preprocessor(**options):
    return MODELS.build(dict(
        type='PoseDataPreprocessor', **{**dict(mean=[90., 110., 130.], std=[50., 60., 70.],
                                               bgr_to_rgb=True), **options}))


def make_step(*, heatmaps=True, site='input', weights=(1, 1, 0, 1), number=3):
    """Makes a step whose images are of one color each, in the upper and lower half."""
    images = torch.zeros(number, 3, HEIGHT, WIDTH)
    images[:, 0, :48] = torch.linspace(-1, 1, number)[:, None, None]
    maps = torch.zeros(number, 4, 24, 16)
    maps[:, 0, 5, 4] = 1.
    weak, student = KEYPOINTS + 5, KEYPOINTS + torch.tensor([0., 12.])
    targets = PseudoTargets(
        KEYPOINTS.expand(number, 4, 2), torch.full((number, 4), .25),
        torch.tensor(weights).float().expand(number, 4), maps if heatmaps else None,
        torch.cat([torch.ones(number, 1, 12, 16), torch.zeros(number, 1, 12, 16)], 2))
    swap = torch.arange(number).roll(1)[:, None, None]
    permutation = torch.cat([torch.arange(number)[:, None, None], swap], 1)  # the lower half
    return UnlabeledStep(
        '', images, images, dict(keypoints=weak.expand(number, 4, 2)),
        dict(keypoints=student.expand(number, 4, 2), heatmaps=maps * .5 if heatmaps else None),
        targets, Kind(), site, None if site is None else permutation)


def tile(panel, row, column):
    top, left = TOP + row * (192 + GAP), GAP + column * (128 + GAP)
    return panel[top:top + 192, left:left + 128]


def at(image, keypoint):
    """Returns the color where a keypoint lies."""
    x, y = (int(round(float(v) * 2 + .5)) for v in keypoint)
    return tuple(image[y, x].tolist())


def columns_of(panel):
    width = panel.shape[1] - GAP
    assert width % (128 + GAP) == 0
    return width // (128 + GAP)


@pytest.mark.parametrize('options', [
    dict(), dict(bgr_to_rgb=False), dict(mean=None, std=None)], ids=str)
def test_the_image_is_the_one_that_was_loaded(options):
    bgr = torch.randint(0, 256, (3, 20, 16), dtype=torch.uint8)
    pre = preprocessor(**options)
    inputs = pre(dict(inputs=[bgr], data_samples=[]), training=True)['inputs']
    expected = bgr.flip(0).permute(1, 2, 0).numpy()[None]
    np.testing.assert_array_equal(panels.restore(pre, inputs), expected)


def test_keypoints_have_the_color_of_their_use_and_lie_where_they_are():
    panel = draw_panel(make_step(), preprocessor(), num_images=2)
    assert panel.dtype == np.uint8 and panel.shape[0] == TOP + 2 * (192 + GAP)
    assert columns_of(panel) == 6
    for row in range(2):
        weak, last = tile(panel, row, 0), tile(panel, row, 5)
        for keypoint in KEYPOINTS:
            assert at(weak, keypoint + 5) == panels.TEACHER
        for keypoint, weight in zip(KEYPOINTS, (1, 1, 0, 1)):
            answer = at(last, keypoint + torch.tensor([0., 12.]))
            assert at(last, keypoint) == (panels.USED if weight else panels.REJECTED)
            assert (answer == panels.STUDENT) == bool(weight)


def test_the_confidence_below_a_narrow_tile_is_not_cut_off():
    step = make_step()
    one, other = (draw_panel(step._replace(targets=step.targets._replace(
        scores=torch.full((3, 4), score))), preprocessor()) for score in (.11, .88))
    difference = (tile(one, 0, 5) != tile(other, 0, 5)).any(-1)
    assert difference[160:].any() and not difference[:160].any()
    assert not difference[:, -2:].any()  # the last digit ends before the edge


def test_the_strong_view_is_untouched_and_the_mixed_one_has_the_tiles_of_others():
    step = make_step()
    panel = draw_panel(step, preprocessor(), num_images=9)
    expected = panels.restore(preprocessor(), step.strong)
    expected = expected.repeat(2, 1).repeat(2, 2)
    for row in range(3):
        np.testing.assert_array_equal(tile(panel, row, 1), expected[row])
        mixed = tile(panel, row, 2)
        np.testing.assert_array_equal(mixed[:96], expected[row][:96])
        np.testing.assert_array_equal(mixed[96:], expected[row - 1][96:])


def test_what_is_mixed_inside_is_told_and_dimmed_and_no_mixing_has_no_column():
    inside = draw_panel(make_step(site='layer2'), preprocessor())
    at_input = draw_panel(make_step(), preprocessor())
    assert inside.shape == at_input.shape
    np.testing.assert_array_equal(tile(inside, 0, 2), tile(at_input, 0, 2) // 2 + 40)
    assert (inside[:TOP] != at_input[:TOP]).any()  # the site's name
    assert columns_of(draw_panel(make_step(site=None), preprocessor())) == 5


def test_heatmaps_share_their_colors_and_the_unseen_is_dark():
    panel = draw_panel(make_step(), preprocessor())
    target, student = tile(panel, 0, 3), tile(panel, 0, 4)
    peak = (5 * 8 + 4, 4 * 8 + 4)
    ramp = panels._heat(np.array([[0., .5, 1.]]))[0].astype(int)
    np.testing.assert_array_equal(target[peak], ramp[2])
    np.testing.assert_array_equal(student[peak], ramp[1])
    np.testing.assert_array_equal(target[150, 60], ramp[0] // 3)
    np.testing.assert_array_equal(student[150, 60], ramp[0])


def test_heads_without_heatmaps_get_keypoints_only():
    assert columns_of(draw_panel(make_step(heatmaps=False), preprocessor())) == 4


def test_keypoints_that_are_nowhere_are_no_error():
    step = make_step(weights=(1, 1, 1, 1))
    keypoints = KEYPOINTS.repeat(3, 1, 1)
    keypoints[0, 0], keypoints[0, 1] = float('nan'), 1e30
    panel = draw_panel(
        step._replace(targets=step.targets._replace(keypoints=keypoints)), preprocessor(), [(0, 1)])
    assert at(tile(panel, 0, 5), KEYPOINTS[3]) == panels.USED
