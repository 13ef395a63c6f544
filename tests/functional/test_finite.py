"""NaN and infinity are found among gradients, of which some are None."""
import torch

from mmpose_mum.functional.finite import all_finite


def test_all_finite():
    good = torch.ones(3)
    assert all_finite([]) and all_finite([None, good])
    assert not all_finite([good, torch.tensor([1., float('inf')])])
    assert not all_finite([torch.tensor([float('nan')]), None])
