"""InterNet heads with a codec of hands in depth, and their outputs."""
import numpy as np
import torch
from mmpose.registry import MODELS

import mmpose_mum  # noqa: F401
from helpers.target_views import HEATMAP_SIZE, INPUT_SIZE

DEPTH = 8
HANDS = dict(
    type='Hand3DHeatmap', image_size=INPUT_SIZE, root_heatmap_size=64, sigma=2.5, max_bound=255,
    heatmap_size=[*HEATMAP_SIZE, DEPTH], depth_size=DEPTH)


def hand_head(**changes):
    torch.manual_seed(0)
    heatmaps = dict(in_channels=4, out_channels=3 * DEPTH, depth_size=DEPTH,
                    deconv_out_channels=None)
    return MODELS.build(dict(
        type='InternetHead', keypoint_head_cfg=heatmaps,
        root_head_cfg=dict(in_channels=4, hidden_dims=(4, )),
        hand_type_head_cfg=dict(in_channels=4, hidden_dims=(4, )), **{'decoder': HANDS, **changes}))


DEPTHS = np.linspace(-150, 150, 6, dtype=np.float32)
ROOT, TYPE = 30., (4., -3.)  # relative depth; logits of the right and of the left hand


def hand_output(head, keypoints, depths):
    """Encodes keypoints and their depths (B, 6) by MMPose; the root and the hands are the same."""
    heatmaps, roots = [], []
    for k, depth in zip(keypoints, depths):
        encoded = head.decoder.encode(
            np.concatenate([k, depth[:, None]], 1)[None], np.ones((1, 6), np.float32), None,
            np.float32(ROOT), np.float32(1), np.array([[1., 0.]], np.float32),
            np.ones(1, np.float32), None, None)
        heatmaps.append(torch.from_numpy(encoded['heatmaps']).view(
            6, DEPTH, *HEATMAP_SIZE[::-1]))
        roots.append(torch.from_numpy(encoded['root_depth']))
    return [torch.stack(heatmaps), torch.stack(roots).float(),
            torch.tensor([TYPE]).expand(len(keypoints), -1)]
