"""The original model is student and teacher, mixed where its backbone can be."""
import pytest
import torch
from mmpose.models.backbones import ResNet

from helpers.conversions import RES50, VIT, convert, load
from mmpose_mum.convert.model import build_without_weights


def test_a_ViT_keeps_its_layer_decay_and_gets_the_class_that_is_installed():
    cfg = convert(VIT)
    assert cfg.optim_wrapper.constructor == 'StudentOptimWrapperConstructor'
    assert cfg.optim_wrapper.base_constructor == 'LayerDecayOptimWrapperConstructor'
    assert cfg.custom_imports.imports == [
        'mmpose.engine.optim_wrappers.layer_decay_optim_wrapper', 'mmpose_mum']
    backbone = cfg.model.estimator.backbone
    if backbone.type == 'mmpretrain.VisionTransformer':
        assert backbone.out_type == 'featmap' and 'output_cls_token' not in backbone


def test_sites_are_found_in_the_backbone():
    assert convert(RES50, sites=None).model.mix_unmix.sites == [
        'input', 'layer1', 'layer2', 'layer3', 'layer4']


def test_an_empty_backbone_is_there_for_mmposes_init_model():
    assert convert(RES50).model.backbone == {}


def test_a_look_at_a_model_loads_no_weights_and_takes_no_memory():
    config = dict(type='ResNet', depth=18, init_cfg=dict(
        type='Pretrained', checkpoint='https://nowhere.invalid/a.pth'))
    backbone = build_without_weights(config)
    assert isinstance(backbone, ResNet) and not backbone.init_cfg
    assert backbone.conv1.weight.device == torch.device('meta')
    assert config['init_cfg']['checkpoint'] == 'https://nowhere.invalid/a.pth'


@pytest.mark.parametrize('imports, expected', [
    ('mine', ['mine', 'mmpose_mum']), (['mine', 'yours'], ['mine', 'yours', 'mmpose_mum']),
    (['mmpose_mum', 'mine'], ['mmpose_mum', 'mine'])])  # as in a config of ours
def test_imports_of_ones_own_come_first_and_ours_is_there_once(imports, expected):
    cfg = load(RES50)
    cfg.custom_imports = dict(imports=imports, allow_failed_imports=True)
    assert convert(cfg).custom_imports == dict(imports=expected, allow_failed_imports=True)
    assert cfg.custom_imports.imports == imports
