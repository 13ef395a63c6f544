"""Codecs and heads of heatmaps, and what MMPose encodes for them, for tests of their targets."""
from types import SimpleNamespace

import numpy as np
import torch
from mmpose.registry import KEYPOINT_CODECS, MODELS

from helpers.target_views import HEATMAP_SIZE, INPUT_SIZE
from mmpose_mum.models.targets.heatmap import HeatmapTargetMaker

CODECS = {
    'msra': dict(type='MSRAHeatmap', sigma=2),
    'msra unbiased': dict(type='MSRAHeatmap', sigma=2, unbiased=True),
    'udp': dict(type='UDPHeatmap', sigma=2),
    'megvii': dict(type='MegviiHeatmap', kernel_size=7),
}
PEAKS = [(10, 10), (40, 12), (12, 60), (47, 63), (0, 0), (30, 30)]


def codec_of(name, input_size=(192, 256), heatmap_size=(48, 64)):
    return KEYPOINT_CODECS.build(
        dict(CODECS[name], input_size=input_size, heatmap_size=heatmap_size))


def targets_of(name='udp', confidence=None, **sizes):
    return HeatmapTargetMaker(SimpleNamespace(decoder=codec_of(name, **sizes)), confidence)


def encode(codec, keypoints):
    """Encodes (K, 2) pixels of the input."""
    keypoints = np.asarray(keypoints, dtype=np.float32)[None]
    visible = np.ones(keypoints.shape[:2], dtype=np.float32)
    return torch.from_numpy(codec.encode(keypoints, visible)['heatmaps'])


def heatmaps_with(peaks, values, size=(64, 48)):
    """Makes the heatmaps of one image: a single pixel (x, y) in each, of that value."""
    heatmaps = torch.zeros(1, len(peaks), *size)
    for k, ((x, y), value) in enumerate(zip(peaks, values)):
        heatmaps[0, k, y, x] = value
    return heatmaps


# Heads, of one or several heatmaps a keypoint

COMBINED = dict(
    type='UDPHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, heatmap_type='combined')
MSRA = dict(type='MSRAHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, sigma=2)
LEVELS = [dict(type='MegviiHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE,
               kernel_size=size) for size in (11, 9, 7)]
MSE = dict(type='KeypointMSELoss', use_target_weight=False)
HEADS = {
    'vipnas': dict(type='ViPNASHead', in_channels=4, out_channels=6, deconv_out_channels=None,
                   loss=MSE, decoder=MSRA),
    'offsets': dict(type='HeatmapHead', in_channels=4, out_channels=18, deconv_out_channels=None,
                    loss=dict(type='CombinedTargetMSELoss', use_target_weight=False),
                    decoder=COMBINED),
    'cpm': dict(type='CPMHead', in_channels=4, out_channels=6, num_stages=3, loss=MSE,
                decoder=MSRA),
    'cpm losses': dict(type='CPMHead', in_channels=4, out_channels=6, num_stages=3, decoder=MSRA,
                       loss=[dict(MSE, loss_weight=w) for w in (1., 2., 4.)]),
    'mspn': dict(type='MSPNHead', out_shape=HEATMAP_SIZE[::-1], unit_channels=4, out_channels=6,
                 num_stages=2, num_units=2, level_indices=[0, 1, 1, 2], loss=MSE,
                 decoder=LEVELS[-1]),
}


def build(name):
    torch.manual_seed(0)
    return MODELS.build(HEADS[name])


def whole(name, keypoints):
    """Returns what MMPose encodes, with noise in what is not to be taught."""
    def encoded(codec):
        codec = KEYPOINT_CODECS.build(codec)
        return torch.stack([torch.from_numpy(codec.encode(
            k[None], np.ones((1, len(k)), np.float32))['heatmaps']) for k in keypoints])

    if name.startswith('cpm'):
        last = encoded(MSRA)
        return [torch.rand_like(last), torch.rand_like(last), last]
    if name == 'mspn':
        maps = [encoded(codec) for codec in LEVELS]
        return [maps[0], torch.rand_like(maps[1]), maps[1], maps[2]]
    return [encoded(COMBINED if name == 'offsets' else MSRA)]


def as_output(name, found):
    """Gives the parts of an output the form in which that head returns them."""
    return list(found) if name.startswith(('cpm', 'mspn')) else found[0]
