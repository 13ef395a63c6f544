"""Turn the config of a top-down model into a semi-supervised one."""
import copy
from inspect import isclass
from typing import Any, Dict

from mmengine.config import Config
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS

from ..configs.components import has_estimator
from .data import data_overrides
from .model import model_overrides
from .options import Options
from .references import resolve
from .schedule import schedule_overrides
from .validation import validation_overrides


def semi_supervised(cfg: Config, **options) -> Config:
    """Turn the config of a top-down model into the config of its Pose-MUM training.

    The model becomes student and teacher. The labeled data keep their augmentation, and unlabeled
    data join them. The training counts iterations. Validation and test stay as they are, unless
    ``val`` gives other annotations. The only files that are read are the first bytes of a json in
    ``unlabeled`` and a labeler's config.

    Args:
        cfg (Config): The original, such as ``Config.fromfile('…/td-hm_res50_….py')``. It is not
            changed.
        **options: Arguments of :class:`mmpose_mum.convert.Options`. ``unlabeled`` is required.

    Returns:
        Config: A whole config, ready for MMEngine's Runner.

    Raises:
        ValueError: If the config has no top-down model or no training data, or if an option is out
            of its range.
    """
    converted = copy.deepcopy(cfg)
    converted.merge_from_dict(resolve(overrides(cfg, Options(**options)), cfg))
    if cfg.get('work_dir'):  # without one, MMEngine's Runner fails
        converted.work_dir = cfg.work_dir
    return converted


def overrides(cfg: Config, options: Options) -> Dict[str, Any]:
    """Make the entries by which a semi-supervised config differs from the original.

    Args:
        cfg (Config): The original.
        options (Options): The options.

    Returns:
        dict: Top-level name → value. Parts of the original are references, see :class:`Base`.

    Raises:
        ValueError: As for :func:`semi_supervised`.
    """
    _check(cfg)
    model = model_overrides(cfg, options)
    return dict(
        custom_imports=model.pop('custom_imports'),
        **_own_run(cfg),
        **schedule_overrides(cfg, options),
        **model,
        **data_overrides(cfg, options),
        **validation_overrides(cfg, options))


def _own_run(cfg: Config) -> Dict[str, Any]:
    """Leave out where the original writes, and what it resumes: MMEngine dumps both.

    An original that names the scope in each type may have no ``default_scope``. The new entries
    need one.
    """
    changes: Dict[str, Any] = dict(work_dir=None) if cfg.get('work_dir') else {}
    if not cfg.get('default_scope'):
        changes['default_scope'] = 'mmpose'
    if cfg.get('resume'):
        changes.update(resume=False, load_from=None)
    return changes


def _check(cfg: Config) -> None:
    """Raise ValueError unless the config trains a top-down model."""
    model = cfg.get('model')
    if not model or 'type' not in model:
        raise ValueError('the config has no model, so it is no training config of MMPose')
    if not isinstance(model['type'], str):
        raise ValueError('the config has the new style, which imports classes (`with '
                         'read_base():`). Convert the same config in the old style; MMPose has '
                         'one for each of its top-down models')
    if has_estimator(model):
        raise ValueError(f'the config is semi-supervised already: its model is {model["type"]}')
    kind = MODELS.get(model['type'])
    if not (isclass(kind) and issubclass(kind, TopdownPoseEstimator)):
        raise ValueError(f'the model {model["type"]} is not top-down: only TopdownPoseEstimator, '
                         'or a class that derives from it, sees one person per image, which mixing '
                         'and pseudo targets need')
    if not model.get('backbone'):
        raise ValueError(f'the model {model["type"]} has no `backbone` in its config, inside of '
                         'which tiles are exchanged')
    if not cfg.get('train_dataloader') or not cfg.get('train_cfg'):
        raise ValueError('the config has no training: train_dataloader or train_cfg is missing')
    if 'batch_size' not in cfg.train_dataloader:
        raise ValueError('train_dataloader has no batch_size, by which labeled and unlabeled '
                         'images are put together: give it instead of a batch_sampler')
