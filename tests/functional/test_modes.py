"""Evaluation mode for a while leaves no trace."""
import pytest
from torch import nn

from mmpose_mum.functional.modes import evaluating


def test_every_module_gets_its_own_mode_back_even_after_an_error():
    model = nn.Sequential(nn.BatchNorm2d(2), nn.Sequential(nn.Dropout(), nn.BatchNorm2d(2)))
    model[1][1].eval()  # frozen
    before = [module.training for module in model.modules()]
    assert before == [True, True, True, True, False]
    with pytest.raises(KeyError), evaluating(model):
        assert not any(module.training for module in model.modules())
        raise KeyError
    assert [module.training for module in model.modules()] == before
