"""A plain model comes out of a semi-supervised checkpoint, or a message that says why not."""
import pytest
import torch
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS

from mmpose_mum.publish import plain_checkpoint, plain_state_dict
from mmpose_mum.testing import tiny_config

INNER_NECK = dict(type='FeatureMapProcessor', scale_factor=1.0, apply_relu=True)


@pytest.mark.parametrize('which', ['teacher', 'student'])
def test_the_plain_config_loads_either_model_strictly_and_predicts_the_same(tmp_path, which):
    config = tiny_config()
    config['estimator']['neck'] = INNER_NECK
    model = MODELS.build(config).eval()
    with torch.no_grad():  # so that teacher and student differ
        for parameter in model.student.parameters():
            parameter.mul_(1.1)
    path = tmp_path / 'plain.pth'
    checkpoint = dict(state_dict=model.state_dict(), optimizer={}, message_hub={},
                      meta=dict(dataset_meta=dict(num_keypoints=4), iter=3))
    torch.save(plain_checkpoint(checkpoint, which), path)
    plain = MODELS.build(config['estimator']).eval()
    loaded = load_checkpoint(plain, str(path), strict=True)
    images = torch.randn(2, 3, 96, 64)
    assert torch.equal(plain(images, None), getattr(model, which)(images, None))
    assert loaded.keys() == {'meta', 'state_dict'}
    assert loaded['meta'] == dict(dataset_meta=dict(num_keypoints=4))


def test_a_plain_checkpoint_and_a_wrong_name_are_refused():
    with pytest.raises(ValueError, match=r"no weights of a teacher.*begin with \['backbone'\]"):
        plain_state_dict({'backbone.conv1.weight': torch.zeros(1)})
    with pytest.raises(ValueError, match="'teacher', 'student'.*got 'ema'"):
        plain_state_dict({}, 'ema')
