"""Turn a semi-supervised checkpoint into a plain MMPose one."""
from typing import Any, Dict

from torch import Tensor

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
                         f'begin with {sorted({key.split(".")[0] for key in state_dict})}. It is '
                         'no checkpoint of a semi-supervised training, or a plain one already')
    return found


def plain_checkpoint(checkpoint: Dict[str, Any], model: str = 'teacher') -> Dict[str, Any]:
    """Make the checkpoint of a plain MMPose model out of a semi-supervised one.

    Args:
        checkpoint (dict): As the Runner saves it.
        model (str): ``'teacher'`` or ``'student'``.

    Returns:
        dict: ``state_dict`` and ``meta`` with the joints' metainfo, which MMPose's ``init_model``
        reads; no optimiser.

    Raises:
        ValueError: See :func:`plain_state_dict`.
    """
    meta = {key: value for key, value in checkpoint.get('meta', {}).items()
            if key == 'dataset_meta'}
    return dict(meta=meta, state_dict=plain_state_dict(checkpoint['state_dict'], model))
