"""A plain model from a checkpoint: its own, or one of the two in a semi-supervised training's."""
from typing import Any, Dict

from mmpose.registry import MODELS
from torch import Tensor, nn

from ..configs.scope import scope_of

MODELS_INSIDE = ('teacher', 'student')


def plain_state_dict(state_dict: Dict[str, Tensor], model: str = 'teacher') -> Dict[str, Tensor]:
    """Take one of the two models out of the weights of a semi-supervised one.

    Args:
        state_dict (dict[str, Tensor]): Weights of :class:`SemiSupervisedPoseEstimator` or of
            :class:`DualPoseEstimator`.
        model (str): ``'teacher'`` or ``'student'``.

    Returns:
        dict[str, Tensor]: The weights by the names that they have in the plain model.

    Raises:
        ValueError: If ``model`` is neither, or the weights hold no such model.
    """
    if model not in MODELS_INSIDE:
        raise ValueError(f'model must be one of {MODELS_INSIDE}, got {model!r}')
    prefix = model + '.'
    found = {key[len(prefix):]: value for key, value in state_dict.items()
             if key.startswith(prefix)}
    if not found:
        raise ValueError(f'the checkpoint has no weights of a {model}: its {len(state_dict)} keys '
                         f'begin with {sorted({key.split(".")[0] for key in state_dict})}. Give '
                         'a checkpoint of a semi-supervised training. This one may be a plain '
                         'model already')
    return found


def weights_of(state_dict: Dict[str, Tensor], model: str = 'teacher') -> Dict[str, Tensor]:
    """Return a plain model's weights: of a training's, those of one of the two, or else all.

    Args:
        state_dict (dict[str, Tensor]): Weights of a semi-supervised model or of a plain one.
        model (str): ``'teacher'`` or ``'student'``, of a semi-supervised one.
    """
    if any(key.startswith('teacher.') for key in state_dict):
        return plain_state_dict(state_dict, model)
    return state_dict


def build_plain(entries: Dict[str, Any], weights: Dict[str, Tensor]) -> nn.Module:
    """Build the plain model with its weights, in evaluation mode.

    Args:
        entries (dict): Of :func:`plain_config`.
        weights (dict[str, Tensor]): All of the model's weights, by name.

    Returns:
        nn.Module: The estimator, on the CPU.

    Raises:
        ValueError: If the weights are not exactly those of the model.
    """
    with scope_of(entries):
        model = MODELS.build(entries['model']).eval()
    unfit = load_or_tell(model, weights)
    if unfit:
        raise ValueError(f"the config is not the checkpoint's: {unfit}. Give the config in the "
                         "checkpoint's work dir")
    return model


def load_or_tell(model: nn.Module, weights: Dict[str, Tensor]) -> str:
    """Load a model's weights, all of them.

    Args:
        model (nn.Module): The model.
        weights (dict[str, Tensor]): Its weights, by name.

    Returns:
        str: Where they do not fit, in few words; empty if they do.
    """
    try:
        found = model.load_state_dict(weights, strict=False)
    except RuntimeError as error:  # of shapes
        lines = [line.strip() for line in str(error).split('\n') if 'size mismatch' in line]
        return f'weights of another shape: {len(lines)}, such as {(lines or [str(error)])[0]}'
    return '; '.join(
        f'{what} weights: {len(names)}, such as {names[0]}'
        for what, names in (('missing', found.missing_keys), ('unknown', found.unexpected_keys))
        if names)
