"""What teacher and student start from, and what is stored and loaded, whatever the neck."""
import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.runner import load_checkpoint, save_checkpoint
from mmengine.runner.checkpoint import get_state_dict
from mmpose.registry import MODELS
from tiny_estimators import assert_same, randomized, states

from mmpose_mum.models import MixUnMix
from mmpose_mum.testing import tiny_batch, tiny_config, tiny_loader_batch


@pytest.fixture(params=['plain', 'inner neck', 'old style'])
def any_config(request):
    """Configs whose neck MixUnMix has to wrap, in the ways that MMPose writes them."""
    cfg = tiny_config('hrnet')
    estimator = cfg['estimator']
    if request.param == 'plain':
        return ConfigDict(tiny_config())
    estimator['backbone']['extra']['stage4']['multiscale_output'] = True
    if request.param == 'inner neck':
        estimator['neck'] = dict(type='FeatureMapProcessor', concat=True, scale_factor=1.)
        estimator['head']['in_channels'] = 60
    else:
        estimator['head'].update(
            in_channels=(4, 8, 16, 32), input_transform='resize_concat', input_index=(0, 1, 2, 3))
    return ConfigDict(cfg)  # as a Runner has it: its update() merges


def plain_of(cfg):
    return MODELS.build(copy.deepcopy(cfg['estimator']))


def test_init_weights_leaves_teacher_and_student_equal():
    model = MODELS.build(tiny_config())
    assert_same(states(model.teacher), states(model.student))
    before = states(model.student)
    torch.manual_seed(5)
    model.init_weights()
    assert_same(states(model.teacher), states(model.student))
    assert not torch.equal(before['backbone.conv1.weight'],
                           model.student.backbone.conv1.weight)


def test_every_kind_of_neck_trains(any_config):
    model = MODELS.build(any_config).train()
    losses = model.loss(**tiny_batch(model))
    assert losses['unsup_loss'] > 0 and isinstance(model.student.neck, MixUnMix)
    (losses['sup_loss_kpt'] + losses['unsup_loss']).backward()


def test_a_plain_checkpoint_loads_into_both(any_config, tmp_path):
    plain = randomized(plain_of(any_config), 3)
    save_checkpoint(dict(state_dict=get_state_dict(plain)), str(tmp_path / 'plain.pth'))
    model = MODELS.build(any_config)
    load_checkpoint(model, str(tmp_path / 'plain.pth'), map_location='cpu', strict=True)
    assert_same(states(plain), states(model.teacher))
    assert_same(states(plain), states(model.student))


def test_the_teacher_loads_into_the_plain_model_and_predicts_the_same(any_config, tmp_path):
    model = randomized(MODELS.build(any_config), 4).eval()
    state = {name[len('teacher.'):]: tensor for name, tensor in get_state_dict(model).items()
             if name.startswith('teacher.')}
    torch.save(dict(state_dict=state), tmp_path / 'teacher.pth')
    plain = plain_of(any_config).eval()
    load_checkpoint(plain, str(tmp_path / 'teacher.pth'), map_location='cpu', strict=True)

    batch = tiny_loader_batch(0, 2)
    data = dict(inputs=batch['inputs']['unsup_teacher'],
                data_samples=batch['data_samples']['unsup_teacher'])
    expected = model.test_step(copy.deepcopy(data))
    got = plain.test_step(copy.deepcopy(data))
    for a, b in zip(expected, got):
        assert (a.pred_instances.keypoints == b.pred_instances.keypoints).all()
        assert (a.pred_instances.keypoint_scores == b.pred_instances.keypoint_scores).all()


def test_the_wrappers_own_checkpoint_keeps_two_different_models(any_config, tmp_path):
    model = MODELS.build(any_config)
    randomized(model.student, 5)
    randomized(model.teacher, 6)
    save_checkpoint(dict(state_dict=get_state_dict(model)), str(tmp_path / 'both.pth'))
    other = MODELS.build(any_config)
    load_checkpoint(other, str(tmp_path / 'both.pth'), map_location='cpu', strict=True)
    assert_same(states(model), states(other))
    assert not torch.equal(other.teacher.backbone.conv1.weight, other.student.backbone.conv1.weight)
    assert not any('neck.neck' in name for name in states(model))


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    model = MODELS.build(tiny_config())
    torch.save(dict(state_dict={'teacher.nonsense': torch.zeros(1)}), tmp_path / 'other.pth')
    with pytest.raises(RuntimeError, match='teacher.nonsense'):
        load_checkpoint(model, str(tmp_path / 'other.pth'), strict=True)
