"""Keypoints are counted as a slow loop counts them."""
import numpy as np
import pytest
import torch

from mmpose_mum.functional.tally import tally


@pytest.mark.parametrize('bins', [1, 4, 10])
def test_counts_against_a_slow_reference(bins):
    generator = torch.Generator().manual_seed(bins)
    shape = (40, 5)
    scores = torch.rand(shape, generator=generator) * 1.4 - .2
    scores[0] = torch.tensor([0., .25, .5, 1., float('nan')])
    right = torch.rand(shape, generator=generator) < .6
    counts = torch.rand(shape, generator=generator) < .7
    expected = np.zeros((2, 5 + bins), int)
    for b, k in np.ndindex(shape):
        if not counts[b, k]:
            continue
        score = float(scores[b, k])
        index = 0
        while index < bins - 1 and score >= (index + 1) / bins:  # never true of NaN
            index += 1
        for place in (k, 5 + index):
            expected[1, place] += 1
            expected[0, place] += bool(right[b, k])
    found = tally(right, counts, scores, bins)
    np.testing.assert_array_equal(found.numpy(), expected)
    assert found[1, :5].sum() == found[1, 5:].sum() == counts.sum()
