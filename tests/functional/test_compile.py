"""torch.compile captures functions of the step in one graph: nothing leaves it for Python."""
import pytest
import torch

from mmpose_mum.functional.codecs import encode_coordinates, encode_gaussians
from mmpose_mum.functional.cutout import keypoint_cutout
from mmpose_mum.functional.ema import ema_update_
from mmpose_mum.functional.tiles import mix_tiles, sample_tile_permutation, unmix_tiles
from mmpose_mum.functional.warp import (
    compose_affine,
    heatmap_peaks,
    inside_view,
    invert_affine,
    swap_left_right,
    warp_distributions,
    warp_heatmaps,
    warp_keypoints,
)

MAPS = torch.rand(2, 4, 12, 8, generator=torch.Generator().manual_seed(0))
POINTS = torch.tensor([8., 12]) * MAPS[:, :, 0, :2]
MATRIX = torch.tensor([[.9, -.1, 1], [.1, .9, 0], [0, 0, 1]]).expand(2, 3, 3)
PERMUTATION = sample_tile_permutation(2, (3, 2), 2)
BINS = MAPS.flatten(2)[..., :16].softmax(-1)
CALLS = dict(
    mix_tiles=lambda x: mix_tiles(x, PERMUTATION),
    unmix_tiles=lambda x: unmix_tiles(x, PERMUTATION),
    compose_affine=lambda x: compose_affine(MATRIX, MATRIX),
    invert_affine=lambda x: invert_affine(MATRIX),
    warp_keypoints=lambda x: warp_keypoints(POINTS, MATRIX),
    warp_heatmaps=lambda x: warp_heatmaps(x, MATRIX, (12, 8)),
    warp_distributions=lambda x: warp_distributions(BINS, BINS, MATRIX, bins=1.),
    swap_left_right=lambda x: swap_left_right(x, [1, 0, 3, 2], torch.tensor([True, False])),
    inside_view=lambda x: inside_view(POINTS, (12, 8)),
    heatmap_peaks=heatmap_peaks,
    encode_gaussians=lambda x: encode_gaussians(POINTS, (12, 8), sigma=1.5, unbiased=False),
    encode_coordinates=lambda x: encode_coordinates(POINTS, (8, 12)),
    keypoint_cutout=lambda x: keypoint_cutout(
        x, POINTS, num_keypoints=1, half_size=(1, 1), jitter=0.).shape,
    ema_update_=lambda x: ema_update_([x.clone()], [x], .9))


# PyTorch 2.1 cannot unpack what these unpack.
BROKEN = () if tuple(map(int, torch.__version__.split('.')[:2])) > (2, 1) else (
    'mix_tiles', 'unmix_tiles', 'encode_gaussians')


@pytest.mark.parametrize('name', [name for name in CALLS if name not in BROKEN])
def test_a_function_is_one_graph(name):
    torch._dynamo.reset()
    found = torch.compile(CALLS[name], backend='eager', fullgraph=True)(MAPS)
    torch.testing.assert_close(found, CALLS[name](MAPS))
