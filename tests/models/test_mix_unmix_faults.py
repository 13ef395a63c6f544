"""MixUnMix refuses sites, batches and arguments that do not fit, and says what does."""
import pytest
from backbones import RESNET
from mixing_models import CPU, Recorder, attached, images, neck_of
from mmengine.runner.activation_checkpointing import turn_on_activation_checkpointing
from mmpose.registry import MODELS
from torch import nn


def test_mixing_needs_a_backbone_first():
    with pytest.raises(RuntimeError, match=r'call attach\(backbone, input_size\) first'):
        with neck_of().mixing(4, CPU):
            pass


def test_a_batch_of_another_size_than_announced_is_refused():
    backbone = Recorder()
    neck = attached(backbone)
    with neck.mixing(6, CPU), pytest.raises(ValueError, match=r'must be \(4, rows, cols\)'):
        backbone(images(4))


def test_a_changed_number_of_outputs_is_refused():
    backbone, x = Recorder(), images()
    neck = attached(backbone)
    with neck.mixing(len(x), CPU):
        outputs = backbone(x)
        for wrong in (outputs[:1], (*outputs, x)):
            with pytest.raises(RuntimeError, match=f'has {len(wrong)} outputs now, and had 2'):
                neck(wrong)


def test_attach_refuses_bad_sites_by_name():
    backbone = MODELS.build(RESNET)
    with pytest.raises(ValueError, match="no stage 'layer9' to mix at. Valid sites are 'input'"):
        attached(backbone, sites=['layer2', 'layer9'])
    with pytest.raises(ValueError, match=r"at 'layer3': a grid of \(8, 8\) .* does not fit"):
        attached(backbone, sites=['layer3'], grid=(8, 8))


@pytest.mark.parametrize('module, site', [('', 'layer2.1'), ('layer2', 'layer2.1')])
def test_a_site_inside_what_the_runner_recomputes_is_refused(module, site):
    backbone = MODELS.build(RESNET)
    neck = attached(backbone, sites=[site])
    turn_on_activation_checkpointing(nn.ModuleDict(dict(a=backbone)), f'a.{module}'.strip('.'))
    with pytest.raises(RuntimeError, match=f"at '{site}'.*inside .*activation_checkpointing"):
        with neck.mixing(4, CPU):
            pass


def test_a_site_at_the_entrance_of_what_the_runner_recomputes_is_mixed():
    backbone = MODELS.build(RESNET)
    neck = attached(backbone, sites=['layer2'])
    turn_on_activation_checkpointing(backbone, ['layer1', 'layer2', 'layer3'])
    with neck.mixing(4, CPU) as site:
        assert site == 'layer2'


@pytest.mark.parametrize('arguments, message', [
    (dict(sites='input'), "sites must be a list of different names, got 'input'"),
    (dict(sites=[]), 'sites must be a list'),
    (dict(sites=None), 'sites must be a list'),
    (dict(sites=['input', 'input']), 'sites must be a list of different names'),
    (dict(prob=-.1), r'prob must lie in \[0, 1\], got -0.1'),
    (dict(prob=1.5), r'prob must lie in \[0, 1\], got 1.5'),
    (dict(site_probs=[1., 2.]), 'one number of at least 0 for each of the 1 sites'),
    (dict(sites=['input', 'first'], site_probs=[1., -1.]), 'site_probs must be'),
    (dict(site_probs=[0.]), 'not all 0'),
    (dict(grid=(0, 4)), r'grid must be \(rows, cols\)'),
    (dict(grid=4), r'grid must be \(rows, cols\)'),
    (dict(group_size=1), 'group_size must be at least 2'),
])
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        neck_of(**arguments)
