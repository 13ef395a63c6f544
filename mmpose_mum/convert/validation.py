"""Make the validation and test of a converted config, if they use other annotations."""
from typing import Any, Dict

from mmengine.config import Config

from ..configs.components import name_of
from ..configs.datasets import image_folder
from .data import owner_of, replaced
from .options import Options
from .references import Base, Changed, shortest


def validation_overrides(cfg: Config, options: Options) -> Dict[str, Any]:
    """Make the overrides that validate and test on ``options.val``.

    Args:
        cfg (Config): The original config.
        options (Options): The options.

    Returns:
        dict: Top-level name → value with references; empty without ``options.val``. If the
        original's test equals its validation, both are the same object here.

    Raises:
        ValueError: If the original has no validation, or several datasets with a metric each.
    """
    if options.val is None:
        return {}
    if not cfg.get('val_dataloader'):
        raise ValueError('val is given, but the config has no val_dataloader that could use it')
    overrides: Dict[str, Any] = {}
    for phase in ('val', 'test'):
        for part, make in dict(dataloader=_dataloader, evaluator=_evaluator).items():
            name, twin = f'{phase}_{part}', f'val_{part}'
            if twin in overrides and cfg.get(name) == cfg[twin]:
                overrides[name] = overrides[twin]
            elif cfg.get(name):
                changed = make(cfg, Base(name), options)
                overrides.update({name: changed} if changed else {})
    return overrides


def _dataloader(cfg: Config, base: Base, options: Options) -> dict:
    assert options.val is not None  # else there is nothing to change
    whole = base / 'dataset'
    images = options.val_images or options.labeled_images or image_folder(whole.of(cfg))
    owner = owner_of(cfg, whole)
    changes: Dict[str, Any] = dict(bbox_file=None) if owner.of(cfg).get('bbox_file') else {}
    if 'datasets' in owner.of(cfg):
        changes = dict(test_mode=True, pipeline=shortest(owner / 'pipeline', cfg))
    # A wrapper's or a combination's other arguments are dropped.
    return dict(dataset=replaced(cfg, owner, options.val, images, _delete_=True, **changes))


def _evaluator(cfg: Config, base: Base, options: Options) -> Any:
    """Return the changed metrics: some read the annotations themselves, as CocoMetric does."""
    evaluator = base.of(cfg)
    if isinstance(evaluator, (list, tuple)):
        metrics = [
            Changed(base / i, ann_file=options.val) if metric.get('ann_file') else base / i
            for i, metric in enumerate(evaluator)]
        return metrics if any(isinstance(metric, Changed) for metric in metrics) else None
    if 'metrics' in evaluator:
        raise ValueError(f'val is one set, but {base.path[0]} is a {name_of(evaluator)} with '
                         'metrics for several: give the original a single set and its metric')
    return dict(ann_file=options.val) if evaluator.get('ann_file') else None
