"""Patch tokens are mixed as the map that they are of; tokens of no place stay."""
import pytest
import torch

from mmpose_mum.functional.tiles import mix_tiles, sample_tile_permutation, unmix_tiles
from mmpose_mum.models.mixing.tokens import Patches, on_patches, patches_of


def permutation_of(batch=4, grid=(3, 2)):
    return sample_tile_permutation(batch, grid, 4, generator=torch.Generator().manual_seed(0))


def tokens_of(maps, extra=0):
    """Returns the maps' pixels as tokens, with ``extra`` ones before them."""
    tokens = maps.flatten(2).transpose(1, 2)
    return torch.cat([torch.rand(len(maps), extra, maps.shape[1], dtype=maps.dtype), tokens], 1)


@pytest.mark.parametrize('length, size, expected', [
    (16 * 12, (192, 256), Patches(0, 16, 12)),
    (16 * 12 + 1, (192, 256), Patches(1, 16, 12)),  # a class token
    (16 * 12 + 5, (192, 256), Patches(5, 16, 12)),  # registers as well
    (16 * 16 + 2, (224, 224), Patches(2, 16, 16)),  # a stride of 14
    (64 * 48, (192, 256), Patches(0, 64, 48)),
    (25 * 18, (280, 400), Patches(0, 25, 18)),  # ⌈280 / 16⌉ = 18
    (25 * 17, (280, 400), Patches(0, 25, 17)),  # ⌊280 / 16⌋ = 17
    (16 * 12 + 11, (192, 256), None),
    (7 * 64, (192, 256), None),
    (1, (192, 256), Patches(0, 1, 1)),
])
def test_the_grid_is_found_by_the_inputs_aspect(length, size, expected):
    assert patches_of(length, size) == expected


@pytest.mark.parametrize('size', [(192, 256), (288, 384), (224, 224), (64, 96), (160, 256)])
def test_every_patch_embeddings_grid_is_found(size):
    for stride in (4, 8, 14, 16, 32):
        for pad in (0, 2, stride - 1):
            rows, cols = (size[1] + pad) // stride, (size[0] + pad) // stride
            for extra in range(min(rows, cols, 6)):
                assert patches_of(rows * cols + extra, size) == (extra, rows, cols)


def test_a_grid_that_came_along_counts_first():
    assert patches_of(24, (64, 96), [(4, 6)]) == Patches(0, 4, 6)
    assert patches_of(24, (64, 96), [(3, 3), (6, 4)]) == Patches(0, 6, 4)
    assert patches_of(24, (64, 96), [(3, 3)]) == Patches(0, 6, 4)  # another thing's size


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize('extra', [0, 1, 3])
@pytest.mark.parametrize('layout', ['tokens', 'map'])
def test_tokens_are_mixed_as_the_map_they_are_of(layout, extra, dtype):
    maps, permutation = torch.rand(4, 5, 7, 4).to(dtype), permutation_of()
    tokens = tokens_of(maps, extra)
    if layout == 'tokens':
        tokens = tokens.contiguous()
    patches = Patches(extra, 7, 4)
    mixed = on_patches(mix_tiles, tokens, permutation, patches)
    assert mixed.shape == tokens.shape and mixed.dtype == dtype
    assert torch.equal(mixed[:, extra:], tokens_of(mix_tiles(maps, permutation)))
    assert not torch.equal(mixed[:, extra:], tokens[:, extra:])
    assert torch.equal(mixed[:, :extra], tokens[:, :extra])
    assert torch.equal(on_patches(unmix_tiles, mixed, permutation, patches), tokens)


def test_maps_are_mixed_as_they_are():
    maps, permutation = torch.rand(4, 5, 6, 4), permutation_of()
    mixed = on_patches(mix_tiles, maps, permutation, None)
    assert torch.equal(mixed, mix_tiles(maps, permutation))


def test_patches_alone_are_not_copied_besides_the_exchange():
    tokens, seen = torch.rand(4, 28, 5), []

    def exchange(x, _permutation):
        seen.append(x)
        return x

    result = on_patches(exchange, tokens, permutation_of(), Patches(0, 7, 4))
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    assert seen[0].data_ptr() == result.data_ptr() == tokens.data_ptr()
    assert torch.equal(result, tokens)


@pytest.mark.parametrize('extra', [0, 2])
def test_gradients_go_back_to_the_tokens_they_came_from(extra):
    permutation, patches = permutation_of(), Patches(extra, 3, 2)
    tokens = torch.rand(4, 6 + extra, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(4, 6 + extra, 2, dtype=torch.float64)
    (on_patches(mix_tiles, tokens, permutation, patches) * weight).sum().backward()
    assert torch.equal(tokens.grad, on_patches(unmix_tiles, weight, permutation, patches))
    assert torch.autograd.gradcheck(
        lambda x: on_patches(unmix_tiles, x, permutation, patches), tokens)


@pytest.mark.parametrize('shape', [(4, 29, 5), (4, 27, 5), (4, 5, 7, 4), (4, 28)])
def test_tokens_of_another_input_size_are_refused(shape):
    with pytest.raises(RuntimeError, match='are not the 7×4 patches and 0 extra tokens of the inp'):
        on_patches(mix_tiles, torch.rand(shape), permutation_of(), Patches(0, 7, 4))
