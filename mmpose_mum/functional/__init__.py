"""Pure tensor functions: mixing, warping, cutout and averaging, without MMPose or state."""
from .._moved import old_names
from .codecs import encode_coordinates, encode_gaussians, encode_offsets, encode_simcc
from .cutout import keypoint_cutout
from .ema import ModelEma, ema_update_, paired_tensors, warmed_up_momentum
from .modes import evaluating
from .nested import map_tensors, tensors_of
from .seeding import preserved, seed_all, seed_host, seed_of, seeded
from .tiles import (
    check_mixing,
    invert_tile_permutation,
    mix_tiles,
    sample_tile_permutation,
    unmix_tiles,
)
from .warp import (
    compose_affine,
    heatmap_peaks,
    inside_view,
    invert_affine,
    longer_sides,
    swap_left_right,
    view_to_view,
    warp_distributions,
    warp_heatmaps,
    warp_keypoints,
)

__getattr__ = old_names(__name__)

__all__ = [
    'ModelEma', 'check_mixing', 'compose_affine', 'ema_update_', 'encode_coordinates',
    'encode_gaussians', 'encode_offsets', 'encode_simcc', 'evaluating', 'heatmap_peaks',
    'inside_view', 'invert_affine', 'invert_tile_permutation', 'keypoint_cutout', 'longer_sides',
    'map_tensors', 'mix_tiles', 'paired_tensors', 'preserved', 'sample_tile_permutation',
    'seed_all', 'seed_host', 'seed_of', 'seeded', 'swap_left_right', 'tensors_of', 'unmix_tiles',
    'view_to_view', 'warmed_up_momentum', 'warp_distributions', 'warp_heatmaps', 'warp_keypoints'
]
