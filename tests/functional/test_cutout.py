"""Joint cutout hides patches at the keypoints, all over images that are not square, and only
there.
"""
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpose_mum.functional.cutout import keypoint_cutout

HEIGHT, WIDTH = 64, 48


def hidden_by(keypoints, halves, size=(HEIGHT, WIDTH)):
    """Returns the pixels that square patches cover, one after the other, pixel by pixel."""
    hidden = torch.zeros(size, dtype=torch.bool)
    for (x, y), half in zip(keypoints.tolist(), halves):
        for i in range(size[0]):
            for j in range(size[1]):
                if abs(j - x) <= half and abs(i - y) <= half:
                    hidden[i, j] = True
    return hidden


def cut(keypoints, usable=None, size=(HEIGHT, WIDTH), **options):
    """Returns which pixels of images of ones were cut, bool (B, H, W), the same in all channels."""
    images = torch.ones(len(keypoints), 3, *size)
    hidden = keypoint_cutout(images, keypoints, usable, **options) == 0
    assert (hidden == hidden[:, :1]).all()
    return hidden[:, 0]


@settings(max_examples=30)
@given(st.integers(1, 3), st.integers(1, 5), st.floats(0, 9), st.integers(0, 999),
       st.tuples(st.integers(4, 30), st.integers(4, 30)))
def test_all_keypoints_patches_are_where_a_slow_reference_has_them(batch, number, half, seed, size):
    generator = torch.Generator().manual_seed(seed)
    # In and around the image, between pixels as well.
    keypoints = torch.rand((batch, number, 2), generator=generator) * 40 - 5
    hidden = cut(keypoints, size=size, num_keypoints=number, half_size=(half, half), jitter=0.)
    for i in range(batch):
        assert torch.equal(hidden[i], hidden_by(keypoints[i], [half] * number, size))


@pytest.mark.parametrize('x, y', [(24, 60), (3, 63), (44, 55), (46, 20), (24, 2)])
def test_every_part_of_an_upright_image_can_be_cut(x, y):
    # With height and width swapped, the bottom quarter, the ankles, would never be cut.
    hidden = cut(torch.tensor([[[x, y]]]).float(), half_size=(2., 2.), jitter=0.)[0]
    rows, cols = hidden.nonzero().unbind(1)
    assert (rows.min(), rows.max()) == (y - 2, min(y + 2, HEIGHT - 1))
    assert (cols.min(), cols.max()) == (x - 2, min(x + 2, WIDTH - 1))


def test_the_chosen_keypoints_are_a_random_subset_of_the_asked_size():
    keypoints = torch.tensor([[[8., 8.], [40., 8.], [24., 32.], [8., 56.], [40., 56.]]])
    seen = set()
    torch.manual_seed(0)
    for _ in range(60):
        hidden = cut(keypoints, num_keypoints=2, half_size=(3., 3.), jitter=0.)[0]
        subset = [k for k, (x, y) in enumerate(keypoints[0].int().tolist()) if hidden[y, x]]
        assert torch.equal(hidden, hidden_by(keypoints[0][subset], [3] * 2))
        seen.add(tuple(subset))
    assert seen == set(combinations(range(5), 2))


def test_images_draw_independently():
    keypoints = torch.tensor([[[8., 8.], [40., 8.], [8., 56.], [40., 56.]]]).expand(8, 4, 2)
    torch.manual_seed(0)
    hidden = cut(keypoints, num_keypoints=2, jitter=0., half_size=(3., 8.))
    assert len({tuple(h.flatten().tolist()) for h in hidden}) > 4


def test_patch_sizes_span_their_range():
    torch.manual_seed(0)
    keypoints = torch.tensor([[[32., 32.]]]).expand(200, 1, 2)
    sides = cut(keypoints, size=(64, 64), half_size=(4., 9.), jitter=0.).sum((1, 2)).sqrt().long()
    # A half side of 4 to 9 pixels covers 4 to 8 whole ones each way: 9 to 17 in all.
    assert set(sides.tolist()) == {9, 11, 13, 15, 17}


def test_jitter_moves_the_patches_by_its_standard_deviation_in_both_directions():
    torch.manual_seed(0)
    keypoints = torch.tensor([[[60., 60.]]]).expand(300, 1, 2)
    hidden = cut(keypoints, size=(120, 120), half_size=(2., 2.), jitter=6.).double()
    position = torch.arange(120.).double()
    mass = hidden.sum((1, 2))
    for shifts in ((hidden.sum(2) @ position) / mass - 60, (hidden.sum(1) @ position) / mass - 60):
        assert abs(shifts.mean()) < 1.5 and 5 < shifts.std() < 7


def test_unusable_keypoints_are_never_cut():
    keypoints = torch.tensor([[[8., 8.], [40., 8.], [24., 32.], [8., 56.]]]).expand(3, 4, 2)
    usable = torch.tensor([[True, False, True, False], [False] * 4, [False, False, False, True]])
    for seed in range(10):
        torch.manual_seed(seed)
        hidden = cut(keypoints, usable, num_keypoints=3, half_size=(5., 5.), jitter=0.)
        for i in range(3):  # no more usable ones than patches: all of them are cut
            points = keypoints[i][usable[i]]
            assert torch.equal(hidden[i], hidden_by(points, [5] * len(points)))


def test_usable_keypoints_come_first():
    keypoints = torch.tensor([[[8., 8.], [40., 8.], [24., 32.], [8., 56.]]])
    usable = torch.tensor([[False, True, False, True]])
    for seed in range(10):
        torch.manual_seed(seed)
        hidden = cut(keypoints, usable, num_keypoints=1, half_size=(1., 1.), jitter=0.)[0]
        assert hidden.sum() == 9
        assert hidden[8, 40] or hidden[56, 8]


@pytest.mark.parametrize('num_keypoints', [3, 5, 100])
def test_more_patches_than_keypoints_cut_every_keypoint(num_keypoints):
    keypoints = torch.tensor([[[8., 8.], [40., 8.], [24., 60.]]])
    hidden = cut(keypoints, num_keypoints=num_keypoints, half_size=(2., 2.), jitter=0.)[0]
    assert torch.equal(hidden, hidden_by(keypoints[0], [2] * 3))


def test_no_patches_change_nothing():
    assert not cut(torch.zeros(2, 3, 2), num_keypoints=0).any()


def test_keypoints_outside_or_not_finite_cut_nothing_inside():
    keypoints = torch.tensor([[[-50., 20.], [20., 500.], [float('nan'), 20.]]])
    assert not cut(keypoints, half_size=(5., 5.), jitter=0.).any()


def test_the_same_seed_cuts_the_same():
    keypoints = torch.rand(4, 17, 2) * 48
    torch.manual_seed(5)
    first = cut(keypoints)
    torch.manual_seed(5)
    assert torch.equal(cut(keypoints), first)
    assert not torch.equal(cut(keypoints), first)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
def test_type_layout_and_the_argument_itself_are_kept(dtype, memory_format):
    images = torch.rand(2, 3, 16, 12).to(dtype).contiguous(memory_format=memory_format)
    before = images.clone()
    result = keypoint_cutout(images, torch.full((2, 4, 2), 6.), half_size=(2., 2.), jitter=0.)
    assert result.dtype == dtype and result.is_contiguous(memory_format=memory_format)
    assert torch.equal(images, before)
    kept = result != 0
    assert torch.equal(result[kept], images[kept])


def test_the_gradient_flows_to_the_uncut_pixels_only():
    images = torch.rand(2, 3, 16, 12).add(1).requires_grad_()
    result = keypoint_cutout(images, torch.full((2, 4, 2), 6.), half_size=(2., 2.), jitter=0.)
    result.sum().backward()
    assert torch.equal(images.grad, (result != 0).float())
    assert 0 < images.grad.sum() < images.grad.numel()


def test_on_the_meta_device():
    images = torch.rand((2, 3, 16, 12), device='meta')
    keypoints = torch.rand((2, 4, 2), device='meta')
    usable = torch.ones((2, 4), dtype=torch.bool, device='meta')
    assert keypoint_cutout(images, keypoints, usable).shape == images.shape


def test_jitter_moves_a_patch_in_each_direction_for_itself():
    torch.manual_seed(0)
    hidden = cut(torch.full((300, 1, 2), 60.), size=(120, 120), half_size=(2., 2.),
                 jitter=6.).double()
    places = torch.arange(120.).double()
    shifts = torch.stack([hidden.sum(dim) @ places for dim in (1, 2)])
    assert abs(torch.corrcoef(shifts)[0, 1]) < .2


@pytest.mark.parametrize('half_size', [10, (10, ), (20, 10), (-1, 5)])
def test_a_size_that_is_no_range_is_refused(half_size):
    with pytest.raises(ValueError, match='half_size must be the least and the greatest'):
        keypoint_cutout(torch.ones(1, 3, 8, 8), torch.ones(1, 2, 2), half_size=half_size)
