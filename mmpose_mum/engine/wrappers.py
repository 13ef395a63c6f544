"""A Runner's model without the wrapper that several processes need."""
from mmengine.model import is_model_wrapper
from torch import nn


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside MMEngine's or PyTorch's wrapper, or the model itself."""
    return model.module if is_model_wrapper(model) else model
