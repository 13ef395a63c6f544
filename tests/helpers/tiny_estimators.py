"""Tiny semi-supervised estimators, with any kind of head, for the tests of them."""
import copy

import torch
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS
from torch import nn

from mmpose_mum.testing import INPUT_SIZE, tiny, tiny_batch, tiny_config


def build(*args, seed=0, **kwargs):
    """Builds a tiny model in training mode, whose teacher equals its student and is not near 0."""
    torch.manual_seed(seed)
    model = MODELS.build(tiny_config(*args, **kwargs))
    model.init_weights()
    # A fresh head's output is near 0 everywhere, which hides scales and orders.
    model.student.head.final_layer.weight.data.mul_(100)
    norms = [m for m in model.student.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.
    model.student.train()(torch.randn(4, 3, 96, 64), None)
    for norm in norms:
        norm.momentum = .1
    model.teacher.load_state_dict(model.student.state_dict())
    return model.train()


def optimizer_of(model):
    return OptimWrapper(torch.optim.Adam(model.student.parameters(), lr=1e-3))


def randomized(model, seed):
    """Gives every weight and statistic of a model another value."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.mul_(.8 + .4 * torch.rand(tensor.shape, generator=generator))
    return model


def states(model):
    """Returns a copy of the state dict, which later steps leave alone."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


# Other heads

REGRESSION = dict(type='RegressionLabel', input_size=INPUT_SIZE)
INTEGRAL = dict(
    type='IntegralRegressionLabel', input_size=INPUT_SIZE, heatmap_size=(16, 24), sigma=2.)
SIMCC = dict(type='SimCCLabel', input_size=INPUT_SIZE, sigma=6.)
FEATURES = dict(in_channels=32, in_featuremap_size=(2, 3))
POOLED = dict(in_channels=32, num_joints=4, decoder=REGRESSION)
OFFSETS = dict(
    type='UDPHeatmap', input_size=INPUT_SIZE, heatmap_size=(16, 24), heatmap_type='combined')
DECONVS = dict(deconv_out_channels=(8, 8, 8))
HEADS = {
    'simcc': dict(type='SimCCHead', out_channels=4, input_size=INPUT_SIZE,
                  deconv_out_channels=None, decoder=SIMCC, **FEATURES),
    'rtmcc': dict(type='RTMCCHead', out_channels=4, input_size=INPUT_SIZE, decoder=SIMCC,
                  loss=dict(type='KLDiscretLoss', beta=10., label_softmax=True), **FEATURES),
    'regression': dict(type='RegressionHead', **POOLED),
    'rle': dict(type='RLEHead', **POOLED),
    'integral': dict(type='IntegralRegressionHead', num_joints=4, decoder=INTEGRAL, **FEATURES,
                     **DECONVS),
    'dsnt': dict(type='DSNTHead', num_joints=4, decoder=INTEGRAL, **FEATURES, **DECONVS),
    'offsets': dict(type='HeatmapHead', in_channels=32, out_channels=12, decoder=OFFSETS,
                    loss=dict(type='CombinedTargetMSELoss', use_target_weight=True), **DECONVS),
    'visibility': dict(
        type='VisPredictHead', loss=dict(type='BCELoss', use_target_weight=True, use_sigmoid=True),
        pose_cfg=dict(type='HeatmapHead', in_channels=32, out_channels=4, decoder=tiny.CODEC,
                      **DECONVS)),
}


def other_config(name, **options):
    """Makes a ``tiny_config`` with one of ``HEADS``."""
    cfg = tiny_config(**options)
    cfg['estimator']['head'] = copy.deepcopy(HEADS[name])
    if HEADS[name].get('decoder') is REGRESSION:
        cfg['estimator']['neck'] = dict(type='GlobalAveragePooling')
    return cfg


def other_batch(name, model, monkeypatch):
    """Makes a batch whose labels are encoded for one of ``HEADS``."""
    monkeypatch.setattr(tiny, 'CODEC', HEADS[name].get('decoder', tiny.CODEC))
    return tiny_batch(model)


def in_the_middle(model):
    """Makes fresh heads that regress coordinates answer the middle, not a corner."""
    for network in (model.student, model.teacher):
        if hasattr(network.head, 'fc'):
            network.head.fc.bias.data.fill_(.5)
