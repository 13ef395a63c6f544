"""The optimizer holds the student alone, under the plain model's parameter names."""
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmpose.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from mmpose_mum.testing import tiny_config


def build(model, optimizer=None, **kwargs):
    return build_optim_wrapper(model, dict(
        constructor='mmpose.StudentOptimWrapperConstructor', type='OptimWrapper',
        optimizer=optimizer or dict(type='SGD', lr=.1), **kwargs))


@pytest.fixture
def model():
    return MODELS.build(tiny_config())


def parameters_of(optim_wrapper):
    return {id(p) for group in optim_wrapper.optimizer.param_groups for p in group['params']}


def test_no_teacher_parameter_and_every_student_one(model):
    optimized = parameters_of(build(model))
    assert optimized == {id(p) for p in model.student.parameters()}
    assert not optimized & {id(p) for p in model.teacher.parameters()}


def test_a_wrapped_model_is_unwrapped(model):
    wrapped = nn.DataParallel(model)
    assert parameters_of(build(wrapped)) == {id(p) for p in model.student.parameters()}


def test_names_are_those_of_the_plain_model(model):
    optim_wrapper = build(model, paramwise_cfg=dict(
        norm_decay_mult=0., custom_keys={'backbone.layer1': dict(lr_mult=.1)}),
        optimizer=dict(type='SGD', lr=1., weight_decay=.5))
    rates = {id(p): (group['lr'], group['weight_decay'])
             for group in optim_wrapper.optimizer.param_groups for p in group['params']}
    student = dict(model.student.named_parameters())
    assert rates[id(student['backbone.layer1.0.conv1.weight'])] == (.1, .5)
    assert rates[id(student['backbone.layer2.0.conv1.weight'])] == (1., .5)
    assert rates[id(student['backbone.bn1.weight'])] == (1., 0.)


@pytest.mark.parametrize('rates', [dict(layer_decay_rate=.75), dict(num_layers=12)])
def test_rates_by_layer_need_the_constructor_that_knows_them(model, rates):
    with pytest.raises(ValueError, match=f'{list(rates)[0]}.*base_constructor='):
        build(model, paramwise_cfg=rates)


def test_base_constructor_does_the_work_and_gets_the_student(model):
    seen = {}

    @OPTIM_WRAPPER_CONSTRUCTORS.register_module(name='_Recording', force=True)
    class Recording:

        def __init__(self, optim_wrapper_cfg, paramwise_cfg=None):
            seen.update(cfg=optim_wrapper_cfg, paramwise=paramwise_cfg)

        def __call__(self, model):
            seen['names'] = [name for name, _ in model.named_parameters()]
            return 'built'

    try:
        assert build(model, base_constructor='_Recording', paramwise_cfg=dict(a=1)) == 'built'
    finally:
        OPTIM_WRAPPER_CONSTRUCTORS.module_dict.pop('_Recording')
    assert seen['paramwise'] == dict(a=1) and 'base_constructor' not in seen['cfg']
    assert seen['names'][0].startswith('backbone.')


def test_layer_decay_of_mmpose_finds_its_layers():
    backbone = nn.Module()
    backbone.patch_embed = nn.Linear(2, 2)
    backbone.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(2))
    model = nn.Module()
    model.student = nn.ModuleDict(dict(backbone=backbone))
    optim_wrapper = build(
        model, base_constructor='LayerDecayOptimWrapperConstructor',
        optimizer=dict(type='SGD', lr=1., weight_decay=.1),
        paramwise_cfg=dict(num_layers=2, layer_decay_rate=.5))
    rates = {id(p): group['lr'] for group in optim_wrapper.optimizer.param_groups
             for p in group['params']}
    assert rates[id(backbone.patch_embed.weight)] == .125
    assert [rates[id(layer.weight)] for layer in backbone.layers] == [.25, .5]


def test_the_config_is_left_as_it_was(model):
    cfg = dict(type='OptimWrapper', base_constructor='DefaultOptimWrapperConstructor',
               optimizer=dict(type='SGD', lr=.1))
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.build(
        dict(type='StudentOptimWrapperConstructor', optim_wrapper_cfg=cfg))
    assert isinstance(constructor(model).optimizer, torch.optim.SGD)
    assert cfg['base_constructor'] == 'DefaultOptimWrapperConstructor'


def test_a_plain_model_is_an_error():
    with pytest.raises(TypeError, match='Linear, which has no student'):
        build(nn.Linear(1, 1))


def test_two_networks_that_are_both_trained_are_an_error():
    model = MODELS.build(dict(tiny_config(), type='DualPoseEstimator'))
    with pytest.raises(ValueError, match="DualPoseEstimator without .*'DefaultOptimWrapperConstr"):
        build(model)
