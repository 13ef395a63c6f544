"""Sums of several batches give the spread that NumPy finds in all of them."""
import numpy as np
import pytest
import torch

from mmpose_mum.functional.spread import moments, spreads


@pytest.mark.parametrize('joints', [1, 5])
def test_spreads_against_numpy(joints):
    batches = [np.random.default_rng(i).normal(.5, .2, (3 + i, joints, 2)) for i in range(3)]
    sums = sum(moments(torch.from_numpy(batch)) for batch in batches)
    spread, apart = spreads(sums)
    together = np.concatenate(batches)
    assert spread == pytest.approx(np.median(np.sqrt(together.var(0).sum(-1))), rel=1e-3)
    expected = np.sqrt(together.var(1).sum(-1).mean()) if joints > 1 else np.inf
    assert apart == pytest.approx(expected, rel=1e-3)
