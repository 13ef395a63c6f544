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


def test_modules_that_do_more_than_set_a_flag_do_it_at_the_end_too():
    class Merging(nn.Module):  # as adapters of low rank, whose weights are merged to evaluate
        merged = False

        def train(self, mode=True):
            self.merged = not mode
            return super().train(mode)

    model = nn.Sequential(Merging(), nn.Dropout().eval())
    with evaluating(model):
        assert model[0].merged
    assert not model[0].merged and model[0].training and not model[1].training
