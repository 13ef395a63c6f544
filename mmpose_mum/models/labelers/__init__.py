"""Labelers, which make the targets in place of the teacher."""
from typing import Any, Sequence, Union

from mmpose.utils.typing import ConfigType

from .base import Labeler, Seen, remember, student_names
from .file import FileLabeler
from .model import ModelLabeler
from .several import SeveralLabelers

__all__ = ['FileLabeler', 'Labeler', 'ModelLabeler', 'Seen', 'SeveralLabelers', 'build_labeler',
           'remember', 'student_names']


def build_labeler(config: Union[ConfigType, Sequence[ConfigType]]) -> Labeler:
    """Make a labeler of its config.

    Args:
        config (dict | list): Arguments of :class:`ModelLabeler` or of :class:`FileLabeler`; or
            those of several.

    Raises:
        ValueError: If they are not.
    """
    if isinstance(config, (list, tuple)) and len(config) > 1:
        return SeveralLabelers([_build_one(one) for one in config])
    return _build_one(config[0] if isinstance(config, (list, tuple)) and config else config)


def _build_one(config: Any) -> Labeler:
    keys = set(config) if isinstance(config, dict) else set()
    if keys == {'file'}:
        return FileLabeler(config['file'])
    if not {'config', 'checkpoint'} <= keys <= {'config', 'checkpoint', 'dtype'}:
        raise ValueError('the labeler must be a dict(config=…, checkpoint=…), with a dtype if it '
                         'is to run in another precision than the training, or a dict(file=…), or '
                         f'a list of these, got {config}')
    return ModelLabeler(**config)
