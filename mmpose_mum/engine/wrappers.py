"""A Runner's model without the wrapper that several processes need, and what it must have."""
from mmengine.model import is_model_wrapper
from torch import nn


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside MMEngine's or PyTorch's wrapper, or the model itself."""
    return model.module if is_model_wrapper(model) else model


def model_with(model: nn.Module, who: str, what: str, *names: str) -> nn.Module:
    """Return the model inside its wrapper, which must have what a hook works with.

    Args:
        model (nn.Module): The Runner's.
        who (str): Who needs it.
        what (str): What it needs of the model, in words.
        names (str): The attributes that this is.

    Raises:
        TypeError: If the model lacks one of them.
    """
    model = unwrapped(model)
    if not all(hasattr(model, name) for name in names):
        raise TypeError(f'{who} needs a model with {what}, such as SemiSupervisedPoseEstimator, '
                        f'got {type(model).__name__}')
    return model
