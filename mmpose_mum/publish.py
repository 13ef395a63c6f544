"""Turn a semi-supervised run into a plain MMPose model: checkpoint and config."""
import hashlib
import io
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.registry import MODELS
from torch import Tensor, nn

from .plain_config import config_text, find_config, plain_config, read_config
from .safe_load import load_checkpoint

MODELS_INSIDE = ('teacher', 'student')


class Published(NamedTuple):
    """What :func:`publish` wrote.

    Attributes:
        checkpoint: Path of the weights.
        config: Path of the config.
        left_out: Types of the config's components that need the plugin.
    """
    checkpoint: Path
    config: Path
    left_out: List[str]


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


def build_plain(entries: Dict[str, Any], weights: Dict[str, Tensor]) -> nn.Module:
    """Build the plain model with its weights, in evaluation mode.

    Args:
        entries (dict): Of :func:`plain_config`.
        weights (dict[str, Tensor]): All of the model's weights, by name.

    Returns:
        nn.Module: The estimator, on the CPU.

    Raises:
        ValueError: If the weights are not just those that the model has.
    """
    with DefaultScope.overwrite_default_scope(entries.get('default_scope', 'mmpose')):
        model = MODELS.build(entries['model']).eval()
    try:
        model.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ValueError(f"the config is not the checkpoint's: {str(error)[:1000]}") from error
    return model


def publish(checkpoint: Path, out: Path, which: str = 'teacher',
            config: Optional[Path] = None) -> Published:
    """Write a plain model's checkpoint and config, named by the checkpoint's hash.

    Args:
        checkpoint (Path): Of a semi-supervised training; may come from a stranger.
        out (Path): ``NAME.pth`` becomes ``NAME-0123abcd.pth`` and ``NAME-0123abcd.py``.
        which (str): ``'teacher'`` or ``'student'``.
        config (Path, optional): The training's. Defaults to what is found in the work dir.

    Returns:
        Published: What was written.

    Raises:
        FileNotFoundError: If an input is missing.
        FileExistsError: If the output exists.
        ValueError: If an input is not what it should be.
    """
    if out.suffix != '.pth':
        raise ValueError(f'the checkpoint to write must end in .pth, got {str(out)!r}')
    content = load_checkpoint(checkpoint)
    # Copies: a tensor that is part of a larger storage would be saved with all of it.
    weights = {key: value.detach().clone()
               for key, value in plain_state_dict(content['state_dict'], which).items()}
    entries, left_out = plain_config(read_config(config or find_config(checkpoint)))
    build_plain(entries, weights)
    joints = joints_of(entries)
    _check_joints(joints, content.get('meta'))
    buffer = io.BytesIO()
    torch.save(dict(meta=dict(dataset_meta=joints), state_dict=weights), buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]
    path = out.with_name(f'{out.stem}-{digest}.pth')
    text = config_text(entries, f'The {which} of {checkpoint.name}, a plain model: {path.name}')
    written = Published(path, path.with_suffix('.py'), left_out)
    for file in written[:2]:
        if file.exists():
            raise FileExistsError(f'{file} exists already')
    out.parent.mkdir(parents=True, exist_ok=True)
    written.config.write_text(text, encoding='utf-8')
    part = path.with_name(path.name + '.part')
    part.write_bytes(buffer.getvalue())
    part.replace(path)  # at once: never a checkpoint that lacks its end
    return written


def joints_of(entries: Dict[str, Any]) -> Dict[str, Any]:
    """Return the joints' metainfo as MMPose parses it, in lists: arrays are no ``weights_only``.

    Args:
        entries (dict): Of :func:`plain_config`.

    Returns:
        dict: ``dataset_meta`` for a checkpoint.

    Raises:
        ValueError: If the test data have none, or it is inconsistent.
    """
    try:
        with DefaultScope.overwrite_default_scope(entries.get('default_scope', 'mmpose')):
            meta = dataset_meta_from_config(Config(dict(entries)), 'test')
    except (AssertionError, KeyError) as error:  # as MMPose puts it
        raise ValueError(f"the metainfo of the config's test data is not right: {error!r}"
                         ) from error
    if meta is None:
        raise ValueError("the config's test data do not say which joints there are")
    return _builtin(meta)


def _check_joints(joints: Dict[str, Any], meta: Any) -> None:
    """Raise ValueError if the training had other joints; their order may have been the dump's."""
    trained = meta.get('dataset_meta') if isinstance(meta, dict) else None
    names = trained.get('keypoint_id2name') if isinstance(trained, dict) else None
    if isinstance(names, dict) and names != joints['keypoint_id2name']:
        raise ValueError(f'the config has other joints than the checkpoint: '
                         f'{list(joints["keypoint_id2name"].values())} instead of '
                         f'{[names[key] for key in sorted(names)]}')


def _builtin(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _builtin(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_builtin(item) for item in node]
    return node.tolist() if isinstance(node, (np.ndarray, np.generic)) else node
