"""Images that one preprocessor has normalized become what another would have made of them."""
import pytest
import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

import mmpose_mum  # noqa: F401
from mmpose_mum.functional.normalization import RGB, Normalization


@pytest.mark.parametrize('turned', [False, True])
def test_another_normalization_gets_the_very_pixels(turned):
    images = torch.randint(0, 256, (2, 3, 8, 8)).float()
    first = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)
    others = dict(mean=[1., 2., 3.], std=[4., 5., 6.], bgr_to_rgb=turned)
    done, wanted = (MODELS.build(dict(type='PoseDataPreprocessor', **options))
                    for options in (first, others))
    made, expected = (x(dict(inputs=list(images), data_samples=[PoseDataSample()] * 2))['inputs']
                      for x in (done, wanted))
    done, wanted = map(Normalization.of, (done, wanted))
    assert done.into(wanted, made).equal(expected)
    assert wanted.into(RGB, expected).equal(images.flip(1))  # they were loaded as BGR
    assert done.same_as(done) and not done.same_as(wanted)
