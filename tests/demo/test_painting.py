"""The demo's paint: hulls are smooth at the edge and stay inside, heads show the side they turn."""
import numpy as np
import pytest

from mmpose_mum.demo.painting import Canvas, Cloth, Head, paint_head, paint_hull, sample_cloth


def blank(size):
    return Canvas(np.full((size, size, 3), 128, np.float32), np.zeros((size, size), np.uint8))


def test_painting_is_anti_aliased_and_clipped():
    canvas = blank(60)
    red = Cloth(np.array((0, 0, 255), np.float32))
    paint_hull(canvas, np.array([(20.3, 20.6, 7), (70, 50, 9)]), red, owner=7)
    paint_hull(canvas, np.array([(-50.0, 20, 7), (-90, 50, 9)]), red, owner=9)  # wholly outside
    assert set(np.unique(canvas.owner)) == {0, 7}
    edge = canvas.image[..., 1]
    assert ((edge > 20) & (edge < 110)).any()


def test_cloth_kinds_and_colors_are_in_range():
    rng = np.random.default_rng(0)
    cloths = [sample_cloth(rng) for _ in range(60)]
    assert {cloth.tile is None for cloth in cloths} == {True, False}
    for cloth in cloths:
        assert cloth.color.shape == (3,) and 0 <= cloth.color.min() <= cloth.color.max() <= 255
        if cloth.tile is not None:
            assert cloth.tile.shape == (64, 64, 3) and cloth.tile.dtype == np.uint8


@pytest.mark.parametrize(('towards', 'hidden'), [(1, 'hair'), (-1, 'face')])
def test_a_head_shows_the_side_it_turns_to_the_viewer(towards, hidden):
    canvas, gray = blank(60), np.full(3, 200, np.float32)
    frame = np.diag((towards, 1.0, towards))
    head = Head(np.zeros(3), np.array((0.05, 0.07, 0.06)), frame, 1.0, gray, 0 * gray, 0.2, None)
    paint_head(canvas, head, 300, np.array((30.0, 30.0)), (0.0, 0.0), 3)
    paint_head(canvas, head, 300, np.array((300.0, 30.0)), (0.0, 0.0), 4)  # wholly outside
    assert set(np.unique(canvas.owner)) == {0, 3}
    rows, columns = np.nonzero(canvas.owner)
    assert np.ptp(columns) + 1 == pytest.approx(30, abs=1)
    assert np.ptp(rows) + 1 == pytest.approx(42, abs=1)
    middle = canvas.image[30, 30].mean()  # no feature of the face is there
    assert middle > 150 if hidden == 'hair' else middle < 50
