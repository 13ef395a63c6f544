"""Mixing exchanges grid cells between images, and unmixing is its exact inverse at every size."""
import shutil

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mmpose_mum.functional.tiles import (
    check_mixing,
    dividing_grid,
    invert_tile_permutation,
    misplaced_share,
    mix_tiles,
    sample_tile_permutation,
    unmix_tiles,
)

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.bool)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def permutation_of(batch, grid, group_size, seed=0):
    return sample_tile_permutation(batch, grid, group_size, generator=seeded(seed))


def source_images(permutation, height, width):
    """Returns which image every pixel of every mixed image comes from, pixel by pixel."""
    batch, rows, cols = permutation.shape
    source = torch.empty((batch, height, width), dtype=torch.int64)
    for n in range(batch):
        for i in range(height):
            for j in range(width):
                # ⌊(i + ½)·R / H⌋ in whole numbers
                row, col = (2 * i + 1) * rows // (2 * height), (2 * j + 1) * cols // (2 * width)
                source[n, i, j] = permutation[n, row, col]
    return source


def slow_mix(x, permutation):
    """Mixes by plain indexing: what mix_tiles must agree with, in values and in gradients."""
    height, width = x.shape[2:]
    source = source_images(permutation, height, width)
    rows, cols = torch.arange(height)[:, None], torch.arange(width)
    return x.permute(0, 2, 3, 1)[source, rows, cols].permute(0, 3, 1, 2)


@st.composite
def mixings(draw, max_size=14):
    """Draws sizes, with grids that divide them and grids that do not."""
    height, width = draw(st.integers(1, max_size)), draw(st.integers(1, max_size))
    grid = draw(st.integers(1, height)), draw(st.integers(1, width))
    batch, channels = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    group_size, seed = draw(st.integers(2, 5)), draw(st.integers(0, 999))
    return (batch, channels, height, width), permutation_of(batch, grid, group_size, seed)


def random_values(shape, dtype, seed=0):
    values = torch.randint(-1000, 1000, shape, generator=seeded(seed))
    return values > 0 if dtype == torch.bool else values.to(dtype)


def laid_out(x, layout):
    if layout == 'channels_last':
        return x.contiguous(memory_format=torch.channels_last)
    if layout == 'strided':  # every other column of a wider map
        wide = x.new_zeros((*x.shape[:3], 2 * x.shape[3]))
        wide[..., ::2] = x
        return wide[..., ::2]
    if layout == 'transposed':
        return x.transpose(2, 3).contiguous().transpose(2, 3)
    return x


@settings(max_examples=120)
@given(mixings(), st.sampled_from(DTYPES),
       st.sampled_from(['contiguous', 'channels_last', 'strided', 'transposed']))
def test_mixing_agrees_with_the_rule_and_unmixing_undoes_it(mixing, dtype, layout):
    shape, permutation = mixing
    x = laid_out(random_values(shape, dtype), layout)
    mixed = mix_tiles(x, permutation)
    assert mixed.dtype == dtype
    assert torch.equal(mixed, slow_mix(x, permutation))
    assert torch.equal(unmix_tiles(mixed, permutation), x)
    assert torch.equal(mix_tiles(unmix_tiles(x, permutation), permutation), x)


@settings(max_examples=60)
@given(mixings(), st.booleans())
def test_the_memory_format_is_kept(mixing, channels_last):
    shape, permutation = mixing
    assume(shape[1] > 1 and shape[2] * shape[3] > 1)  # else the formats are one and the same
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    x = torch.zeros(shape).contiguous(memory_format=memory_format)
    for mixed in (mix_tiles(x, permutation), unmix_tiles(x, permutation)):
        assert mixed.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize('shape', [(4, 1, 6, 8), (4, 3, 1, 1), (4, 1, 1, 1)])
def test_maps_of_one_channel_or_pixel_keep_their_strides(shape):
    # Such maps count as channels_last as well, but later convolutions go by the strides.
    x = torch.zeros(shape)
    assert mix_tiles(x, permutation_of(4, (1, 1), 2)).stride() == x.stride()


@settings(max_examples=60)
@given(st.integers(1, 11), st.integers(1, 4), st.integers(1, 4), st.integers(2, 6),
       st.integers(0, 999))
def test_each_cell_permutes_the_images_of_a_group(batch, rows, cols, group_size, seed):
    permutation = permutation_of(batch, (rows, cols), group_size, seed)
    assert permutation.shape == (batch, rows, cols)
    assert permutation.dtype == torch.int64
    image = torch.arange(batch)[:, None, None]
    assert torch.equal(permutation // group_size, (image // group_size).expand_as(permutation))
    assert torch.equal(permutation.sort(dim=0).values, image.expand_as(permutation))
    inverse = invert_tile_permutation(permutation)
    assert torch.equal(permutation.gather(0, inverse), image.expand_as(permutation))


def test_one_image_stays_as_it_is_alone_or_as_the_rest():
    assert torch.equal(permutation_of(1, (3, 2), 4), torch.zeros(1, 3, 2, dtype=torch.int64))
    for seed in range(5):
        assert (permutation_of(5, (3, 2), 2, seed)[4] == 4).all()


def test_the_same_seed_draws_the_same_permutations_and_goes_on():
    generator, again = seeded(7), seeded(7)
    first, second = (sample_tile_permutation(8, (4, 4), 4, generator=generator) for _ in range(2))
    assert torch.equal(sample_tile_permutation(8, (4, 4), 4, generator=again), first)
    assert torch.equal(sample_tile_permutation(8, (4, 4), 4, generator=again), second)
    assert not torch.equal(first, second)
    assert not torch.equal(permutation_of(8, (4, 4), 4, seed=8), first)


def test_without_a_generator_the_global_one_draws():
    torch.manual_seed(3)
    first = sample_tile_permutation(8, (4, 4), 4)
    torch.manual_seed(3)
    assert torch.equal(sample_tile_permutation(8, (4, 4), 4), first)


def test_cells_are_independent_and_every_order_is_equally_likely():
    # 3,600 cells of a group of three: 600 of each of the 6 orders, and, pairing each cell with its
    # neighbor, 50 of each of the 36 pairs. The bounds are 6 standard deviations.
    orders = permutation_of(3, (60, 60), 3, seed=1).flatten(1).t()
    code = orders[:, 0] * 2 + (orders[:, 1] > orders[:, 2])
    assert ((code.bincount(minlength=6) - 600).abs() < 6 * 600 ** .5).all()
    pairs = code[::2] * 6 + code[1::2]
    assert ((pairs.bincount(minlength=36) - 50).abs() < 6 * 50 ** .5).all()


def test_groups_are_independent():
    permutation = permutation_of(8, (10, 10), 4)
    assert not torch.equal(permutation[:4], permutation[4:] - 4)


def test_an_element_names_the_image_that_a_cell_comes_from():
    x = torch.arange(2.).view(2, 1, 1, 1).expand(2, 1, 4, 6)  # image n is all n
    permutation = torch.tensor([[[0, 1, 0], [1, 0, 0]], [[1, 0, 1], [0, 1, 1]]])
    mixed = mix_tiles(x, permutation)
    assert mixed[0, 0].tolist() == [[0, 0, 1, 1, 0, 0]] * 2 + [[1, 1, 0, 0, 0, 0]] * 2
    assert mixed[1, 0].tolist() == [[1, 1, 0, 0, 1, 1]] * 2 + [[0, 0, 1, 1, 1, 1]] * 2


@settings(max_examples=40)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3),
       st.integers(2, 4), st.integers(0, 99))
def test_cells_agree_between_resolutions(rows, cols, cell_height, cell_width, factor, seed):
    permutation = permutation_of(5, (rows, cols), 3, seed)
    small = torch.rand((5, 2, rows * cell_height, cols * cell_width), generator=seeded(seed))

    def upsample(x):
        return x.repeat_interleave(factor, 2).repeat_interleave(factor, 3)

    mixed_large = mix_tiles(upsample(small), permutation)
    assert torch.equal(mixed_large, upsample(mix_tiles(small, permutation)))
    downsampled = mixed_large[..., ::factor, ::factor]
    assert torch.equal(unmix_tiles(downsampled, permutation), small)


@pytest.mark.parametrize('height, width', [(7, 11), (16, 12), (5, 3)])
def test_image_numbers_mixed_at_one_size_are_unmixed_at_another(height, width):
    # Images of one value each: what they become depends on the cell alone, at every size. A map of
    # the grid's own size tells the cells' values.
    permutation = permutation_of(6, (5, 3), 3)
    numbers = torch.arange(6.).view(6, 1, 1, 1)
    cells = mix_tiles(numbers.expand(6, 1, 5, 3), permutation)
    assert torch.equal(cells.long().squeeze(1), permutation)
    row = (torch.arange(height) * 2 + 1) * 5 // (2 * height)
    col = (torch.arange(width) * 2 + 1) * 3 // (2 * width)
    large = cells[:, :, row][..., col]
    assert torch.equal(unmix_tiles(large, permutation), numbers.expand(6, 1, height, width))


@settings(max_examples=40)
@given(mixings(max_size=9), st.sampled_from(['contiguous', 'channels_last', 'strided']))
def test_gradients_are_those_of_plain_indexing(mixing, layout):
    shape, permutation = mixing
    gradients = []
    upstream = random_values(shape, torch.float32, seed=1)
    for mix in (mix_tiles, slow_mix):
        x = laid_out(random_values(shape, torch.float32), layout).requires_grad_()
        mix(x, permutation).backward(laid_out(upstream, layout))
        gradients.append(x.grad)
    assert torch.equal(*gradients)
    assert torch.equal(gradients[0], unmix_tiles(upstream, permutation))


@pytest.mark.parametrize('mix', [mix_tiles, unmix_tiles])
@pytest.mark.parametrize('layout', ['contiguous', 'channels_last'])
def test_first_and_second_derivatives_in_float64(mix, layout):
    permutation = permutation_of(3, (2, 3), 3)
    x = laid_out(torch.rand((3, 2, 3, 5), dtype=torch.float64, generator=seeded()), layout)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: mix(x, permutation), x)
    assert torch.autograd.gradgradcheck(lambda x: mix(x, permutation) ** 3, x)


def test_an_expanded_gradient_is_handled():
    x = torch.rand((4, 3, 6, 6), requires_grad=True)
    mix_tiles(x, permutation_of(4, (2, 2), 2)).sum().backward()  # a gradient of stride 0
    assert torch.equal(x.grad, torch.ones_like(x))


def test_the_argument_is_left_alone_and_not_aliased():
    x = torch.rand((1, 2, 4, 4))  # a batch of one is the identity, and still a copy
    before = x.clone()
    mix_tiles(x, permutation_of(1, (2, 2), 2)).zero_()
    assert torch.equal(x, before)


def test_autocast_changes_neither_type_nor_values():
    permutation = permutation_of(4, (2, 2), 2)
    x = torch.rand((4, 3, 5, 7), requires_grad=True)
    with torch.autocast('cpu', torch.bfloat16):
        mixed = mix_tiles(x, permutation)
        features = torch.nn.functional.conv2d(mixed, torch.ones(2, 3, 1, 1))
        unmixed = unmix_tiles(features, permutation)
    assert mixed.dtype == torch.float32 and unmixed.dtype == torch.bfloat16
    assert torch.equal(mixed, slow_mix(x, permutation))
    unmixed.float().sum().backward()
    assert torch.equal(x.grad, torch.full_like(x, 2))


def test_on_the_meta_device():
    permutation = sample_tile_permutation(4, (2, 3), 2, device=torch.device('meta'))
    assert permutation.is_meta and permutation.shape == (4, 2, 3)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        x = torch.rand((4, 3, 5, 7), device='meta', requires_grad=True)
        mixed = mix_tiles(x.contiguous(memory_format=memory_format), permutation)
        assert mixed.is_meta and mixed.is_contiguous(memory_format=memory_format)
        unmix_tiles(mixed, permutation).sum().backward()
        assert x.grad.shape == x.shape


def test_the_generator_says_where_the_draw_happens_and_device_where_it_goes():
    assert permutation_of(4, (2, 2), 2).device.type == 'cpu'
    drawn = sample_tile_permutation(4, (2, 2), 2, generator=seeded(), device=torch.device('cpu'))
    assert torch.equal(drawn, permutation_of(4, (2, 2), 2))


@pytest.mark.filterwarnings('ignore:.*should not be instantiated:DeprecationWarning')  # its own
@pytest.mark.parametrize('backend', [
    'aot_eager',  # needs no C++ compiler
    pytest.param('inductor', marks=[
        pytest.mark.slow,
        pytest.mark.skipif(not shutil.which('g++'), reason='inductor needs a C++ compiler')])])
def test_under_torch_compile(backend):
    torch._dynamo.reset()
    permutation = permutation_of(4, (2, 3), 2)
    x = torch.rand((4, 3, 5, 7), requires_grad=True)

    @torch.compile(backend=backend)
    def mix_and_back(x):
        return unmix_tiles(mix_tiles(x, permutation) * 2, permutation) + 1

    y = mix_and_back(x)
    y.sum().backward()
    assert torch.equal(y, x * 2 + 1)
    assert torch.equal(x.grad, torch.full_like(x, 2))


@pytest.mark.parametrize('grid', [(0, 2), (2, -1), (2, ), (1, 2, 3), 4, (2., 2), '44', None])
def test_a_grid_that_is_not_two_positive_integers_is_refused(grid):
    with pytest.raises(ValueError, match=r'grid must be \(rows, cols\)'):
        check_mixing(grid, 2)
    with pytest.raises(ValueError, match=r'grid must be \(rows, cols\)'):
        sample_tile_permutation(4, grid, 2)


@pytest.mark.parametrize('group_size', [1, 0, -2])
def test_a_group_of_one_is_refused_and_the_message_says_how_not_to_mix(group_size):
    with pytest.raises(ValueError, match=rf'at least 2 .* got {group_size}; .* set mix_unmix=None'):
        sample_tile_permutation(4, (2, 2), group_size)


def test_other_bad_arguments_are_refused():
    with pytest.raises(ValueError, match='group_size must be an integer, got 2.5'):
        check_mixing((2, 2), 2.5)
    with pytest.raises(ValueError, match='a batch of 0 images'):
        sample_tile_permutation(0, (2, 2), 2)


@pytest.mark.parametrize('mix', [mix_tiles, unmix_tiles])
def test_shapes_that_do_not_fit_are_refused(mix):
    permutation = permutation_of(4, (2, 3), 2)
    with pytest.raises(ValueError, match=r'\(B, C, H, W\) maps, got shape \(4, 3, 8\)'):
        mix(torch.zeros(4, 3, 8), permutation)
    with pytest.raises(ValueError, match=r'\(5, rows, cols\) for a batch of 5, got .*\(4, 2, 3\)'):
        mix(torch.zeros(5, 3, 8, 8), permutation)
    with pytest.raises(ValueError, match=r'rows, cols\) for a batch of 4, got shape \(4, 2\)'):
        mix(torch.zeros(4, 3, 8, 8), permutation[..., 0])


@pytest.mark.parametrize('mix', [mix_tiles, unmix_tiles])
@pytest.mark.parametrize('size', [(1, 8), (8, 2)])
def test_a_grid_finer_than_the_map_is_refused_with_both_sizes(mix, size):
    message = rf'\(2, 3\) \(rows, cols\) does not fit a feature map of \({size[0]}, {size[1]}\)'
    with pytest.raises(ValueError, match=message):
        mix(torch.zeros(4, 3, *size), permutation_of(4, (2, 3), 2))


@pytest.mark.parametrize('height, width', [(h, w) for h in range(1, 25) for w in range(1, 25)])
def test_the_chosen_grid_divides_the_map_and_misplaces_nothing(height, width):
    grid = dividing_grid(height, width)
    assert height % grid[0] == width % grid[1] == 0
    assert grid[0] > 1 or height == 1
    assert misplaced_share(grid, (height * 32, width * 32), (height, width)) == pytest.approx(0)


@pytest.mark.parametrize('grid, large, small', [
    ((4, 4), (256, 192), (8, 6)), ((4, 4), (96, 96), (6, 6)), ((2, 2), (96, 64), (3, 2)),
    ((3, 2), (40, 56), (5, 7))])
def test_the_misplaced_share_is_what_mixing_really_misplaces(grid, large, small):
    """Image numbers mixed on the large map, and unmixed as a network of the small one sees them."""
    batch = 64
    numbers = torch.arange(batch).view(-1, 1, 1, 1)
    permutation = permutation_of(batch, grid, group_size=batch)
    factor = [a // b for a, b in zip(large, small)]
    mixed = mix_tiles(numbers.expand(batch, 1, *large).contiguous(), permutation)
    # Each pixel of the large map is carried back by the permutation of its pixel on the small one.
    inverse = invert_tile_permutation(permutation)
    sources = source_images(inverse, *small).repeat_interleave(factor[0], 1)
    sources = sources.repeat_interleave(factor[1], 2)
    rows, cols = torch.arange(large[0])[:, None], torch.arange(large[1])
    wrong = mixed[:, 0][sources, rows, cols] != numbers[:, 0]
    # By chance, one image in 64 gets the right one's tile all the same.
    assert wrong.float().mean() == pytest.approx(
        misplaced_share(grid, large, small) * (1 - 1 / batch), abs=.01)
