"""What is faster than MMPose's draws the same numbers and packs the same sample."""
import numpy as np
import torch
from mmpose.datasets.transforms import PackPoseInputs, RandomBBoxTransform

from mmpose_mum.datasets.faster import FastRandomBBoxTransform, PackView


def test_the_draws_are_mmposes():
    drawn = []
    for transform in (RandomBBoxTransform(), FastRandomBBoxTransform()):
        np.random.seed(0)
        drawn.append([transform._truncnorm(size=(3, 4)) for _ in range(50)] + [np.random.rand()])
    for first, second in zip(*drawn):
        np.testing.assert_allclose(first, second, rtol=1e-5)
    assert drawn[1][0].dtype == np.float32


def test_the_sample_is_mmposes():
    img = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    results = dict(img=img, img_shape=(70, 50), flip_indices=[1, 0], id=3, other=4,
                   bbox=np.ones((1, 4), np.float32), keypoints_visible=np.ones((1, 1, 1)))
    keys = ('id', 'img_shape', 'flip_indices', 'absent')
    expected, packed = (pack(dict(results)) for pack in (PackPoseInputs(keys), PackView(keys)))
    assert torch.equal(packed['inputs'], expected['inputs']) and packed['inputs'].is_contiguous()
    found, sample = packed['data_samples'], expected['data_samples']
    assert found.metainfo == sample.metainfo and len(found.metainfo) == 3
    assert found.gt_instances.keys() == sample.gt_instances.keys()
    assert found.gt_instances.bboxes.tolist() == sample.gt_instances.bboxes.tolist()
