"""The helpers of mmpose_mum.testing give models and batches that train, the same ones each time."""
import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from mmpose_mum.testing import CODEC, INPUT_SIZE, tiny_batch, tiny_config, tiny_loader_batch


def test_loader_batch_is_what_the_loader_yields():
    batch = tiny_loader_batch(2, 3, num_keypoints=5)
    assert [x is None for x in batch['inputs']['sup']] == [False] * 2 + [True] * 3
    for branch in ('unsup_teacher', 'unsup_student'):
        assert [x is None for x in batch['inputs'][branch]] == [True] * 2 + [False] * 3
        for sample in batch['data_samples'][branch][2:]:
            assert sample.metainfo['warp_mat'].shape == (3, 3)
            assert sample.metainfo['flip_indices'] == [1, 0, 3, 2, 4]
    image = batch['inputs']['sup'][0]
    assert image.dtype == torch.uint8 and image.shape == (3, *INPUT_SIZE[::-1])
    heatmaps = batch['data_samples']['sup'][0].gt_fields.heatmaps
    assert heatmaps.shape == (5, *CODEC['heatmap_size'][::-1]) and heatmaps.amax((1, 2)).min() > .5


def test_seed_decides_and_the_global_generator_stays():
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    first, again, other = (tiny_loader_batch(seed=seed)['inputs']['unsup_student'][-1]
                           for seed in (0, 0, 1))
    assert np.random.rand() == expected
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize('name', ['resnet', 'hrnet', 'mobilenet_v2'])
def test_every_model_takes_a_batch(name):
    model = MODELS.build(tiny_config(name))
    batch = tiny_batch(model, 2, 3)
    assert {k: len(v) for k, v in batch['inputs'].items()} == dict(
        sup=2, unsup_teacher=3, unsup_student=3)
    losses = model.loss(**batch)
    assert losses['sup_loss_kpt'] > 0 and losses['unsup_loss'] > 0


def test_a_batch_lies_on_the_models_device():
    model = MODELS.build(tiny_config()).to('meta')
    batch = tiny_batch(model)
    assert all(x.is_meta for x in batch['inputs'].values())
    assert batch['data_samples']['sup'][0].gt_fields.heatmaps.is_meta
