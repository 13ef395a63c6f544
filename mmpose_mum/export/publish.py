"""Turn a semi-supervised run into a plain MMPose model: checkpoint and config."""
import hashlib
import io
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import torch

from .._moved import old_names
from ..checkpoint.plain import build_plain, plain_state_dict
from ..checkpoint.safe_load import load_checkpoint
from ..configs.metainfo import keypoints_of, told_keypoints
from ..configs.plain import config_text, find_config, plain_config, read_config
from ..configs.portable import portable
from ..files.whole import write_whole

__getattr__ = old_names(__name__)


class Published(NamedTuple):
    """What :func:`publish` wrote.

    Attributes:
        checkpoint: Path of the weights.
        config: Path of the config.
        left_out: Types of the config's metrics that need the plugin.
        moved: Folder of this machine in the training's config → what replaces it.
    """
    checkpoint: Path
    config: Path
    left_out: List[str]
    moved: Dict[str, str]


def plain_checkpoint(checkpoint: Dict[str, Any], model: str = 'teacher') -> Dict[str, Any]:
    """Make the checkpoint of a plain MMPose model out of a semi-supervised one.

    Args:
        checkpoint (dict): As the Runner saves it.
        model (str): ``'teacher'`` or ``'student'``.

    Returns:
        dict: ``state_dict`` and ``meta`` with the keypoints' metainfo, which MMPose's
        ``init_model`` reads; no optimizer.

    Raises:
        ValueError: See :func:`plain_state_dict`.
    """
    meta = {key: value for key, value in checkpoint.get('meta', {}).items()
            if key == 'dataset_meta'}
    return dict(meta=meta, state_dict=plain_state_dict(checkpoint['state_dict'], model))


def publish(checkpoint: Path, out: Path, which: str = 'teacher',
            config: Optional[Path] = None) -> Published:
    """Write a plain model's checkpoint and config, named by the checkpoint's hash.

    Args:
        checkpoint (Path): Of a semi-supervised training. It is read safely.
        out (Path): ``NAME.pth`` becomes ``NAME-0123abcd.pth`` and ``NAME-0123abcd.py``.
        which (str): ``'teacher'`` or ``'student'``.
        config (Path, optional): The training's. Defaults to what is found in the work dir.

    Returns:
        Published: What was written.

    Raises:
        FileNotFoundError: If an input is missing.
        FileExistsError: If the output exists.
        ValueError: If an input is wrong.
        OSError: If the output cannot be written. No partial file is left.
    """
    if out.suffix != '.pth':
        raise ValueError(f'the checkpoint to write must end in .pth, got {str(out)!r}')
    content = load_checkpoint(checkpoint)
    # Copies: a tensor that is part of a larger storage would be saved with all of it.
    weights = {key: value.detach().clone()
               for key, value in plain_state_dict(content['state_dict'], which).items()}
    entries, left_out = plain_config(read_config(config or find_config(checkpoint)))
    build_plain(entries, weights)
    keypoints = keypoints_of(entries)
    check_keypoints(keypoints, content, entries['model'])
    buffer = io.BytesIO()
    torch.save(dict(meta=dict(dataset_meta=keypoints), state_dict=weights), buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]
    path = out.with_name(f'{out.stem}-{digest}.pth')
    entries, moved = portable(entries)
    text = config_text(entries, f'The {which} of {checkpoint.name}, a plain model: {path.name}')
    written = Published(path, path.with_suffix('.py'), left_out, moved)
    # It is written last. A checkpoint without it is what a killed process left, the same bytes.
    if written.config.exists():
        raise FileExistsError(f'{written.config} exists already: this model is published. To write '
                              'it again, remove that file or give another name')
    write_whole(buffer.getvalue(), written.checkpoint)
    try:
        write_whole(text, written.config)
    except BaseException:
        written.checkpoint.unlink()
        raise
    return written


def check_keypoints(keypoints: Dict[str, Any], checkpoint: Dict[str, Any],
                    model: Dict[str, Any]) -> None:
    """Compare a config's keypoints with those that a checkpoint was trained with.

    Args:
        keypoints (dict): The config's, of :func:`keypoints_of`.
        checkpoint (dict): As the Runner saves it. Without ``dataset_meta`` nothing is compared.
        model (dict): The estimator's config, which may tell only some of those.

    Raises:
        ValueError: If they differ, even if only in their order.
    """
    meta = checkpoint.get('meta')
    trained = meta.get('dataset_meta') if isinstance(meta, dict) else None
    names = trained.get('keypoint_id2name') if isinstance(trained, dict) else None
    # A published checkpoint has the names of what the model tells.
    if isinstance(names, dict) and names != keypoints['keypoint_id2name']:
        same_names('the config', keypoints['keypoint_id2name'], 'the checkpoint',
                   told_keypoints(names, model), 'give the config that it was trained with')


def same_names(one: str, names: Dict[int, str], other: str, expected: Dict[int, str],
               remedy: str) -> None:
    """Raise ValueError, with both lists, unless both have the same keypoint names by id."""
    if names == expected:
        return
    found, wanted = ([node.get(i) for i in range(len(node))] for node in (names, expected))
    same = set(map(str, found)) == set(map(str, wanted))
    raise ValueError(f'{one} has {"its keypoints in another order" if same else "other keypoints"} '
                     f'than {other}: {found} instead of {wanted}. A model knows keypoints '
                     f'by their order alone: {remedy}')
