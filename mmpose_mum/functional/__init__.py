"""Pure tensor functions: mixing, warping, cutout and averaging, without MMPose or state."""
from .._moved import old_names
from .agreement import average_by_agreement
from .codecs import (
    encode_blurred,
    encode_coordinates,
    encode_gaussians,
    encode_offsets,
    encode_simcc,
)
from .cutout import keypoint_cutout
from .ema import ModelEma, ema_update_, momentum_for, paired_tensors, warmed_up_momentum
from .finite import all_finite
from .modes import evaluating
from .nested import map_tensors, tensors_of
from .seeding import preserved, seed_all, seed_host, seed_of, seeded
from .spread import moments, spreads
from .tally import bin_names, tally
from .tiles import (
    check_mixing,
    dividing_grid,
    invert_tile_permutation,
    misplaced_share,
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
    refine_peaks,
    swap_left_right,
    view_to_view,
    warp_distributions,
    warp_heatmaps,
    warp_keypoints,
)

__getattr__ = old_names(__name__)

__all__ = [
    'ModelEma', 'all_finite', 'average_by_agreement', 'bin_names', 'check_mixing', 'compose_affine',
    'dividing_grid', 'ema_update_', 'encode_blurred', 'encode_coordinates', 'encode_gaussians',
    'encode_offsets', 'encode_simcc', 'evaluating', 'heatmap_peaks', 'inside_view', 'invert_affine',
    'invert_tile_permutation', 'keypoint_cutout', 'longer_sides', 'map_tensors', 'misplaced_share',
    'mix_tiles', 'moments', 'momentum_for', 'paired_tensors', 'preserved', 'refine_peaks',
    'sample_tile_permutation', 'seed_all', 'seed_host', 'seed_of', 'seeded', 'spreads',
    'swap_left_right', 'tally', 'tensors_of', 'unmix_tiles', 'view_to_view', 'warmed_up_momentum',
    'warp_distributions', 'warp_heatmaps', 'warp_keypoints'
]
