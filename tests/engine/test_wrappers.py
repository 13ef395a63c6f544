"""A hook gets the model inside the wrapper, or says what the model lacks."""
import pytest
from mmengine.model import MMDistributedDataParallel
from torch import nn

from mmpose_mum.engine.wrappers import model_with, unwrapped


class Wrapped(MMDistributedDataParallel):
    """A wrapper by its type alone, as a real one needs several processes."""

    def __init__(self, module):
        nn.Module.__init__(self)
        self.module = module


def test_the_model_inside_a_wrapper_is_found():
    model = nn.Identity()
    assert unwrapped(Wrapped(model)) is unwrapped(model) is model
    assert model_with(Wrapped(model), 'A hook', 'a mode', 'training', 'forward') is model


@pytest.mark.parametrize('wrap', [Wrapped, lambda model: model])
def test_what_a_model_lacks_is_told(wrap):
    with pytest.raises(TypeError, match='A hook needs a model with a teacher, such as Semi.*, got '
                                        'Identity'):
        model_with(wrap(nn.Identity()), 'A hook', 'a teacher', 'training', 'teacher')
