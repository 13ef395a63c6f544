"""Make the schedule of a converted config: loop, learning rate, hooks and logs."""
import math
from typing import Any, Dict, List

from mmengine.config import Config

from ..configs.components import name_of
from .options import Options
from .references import Base, Changed, shortest, unscoped

_SHORTEST = 2  # steps of MMEngine's LinearLR: with one, it stays at its first factor
# Arguments of MMEngine's schedulers in epochs or iterations, one number or several.
_TIMES = ('begin', 'end', 'T_max', 'step_size', 'total_steps', 'total_iters', 'milestones',
          'periods')


def schedule_overrides(cfg: Config, options: Options) -> Dict[str, Any]:
    """Make the overrides that turn a training by epochs into a semi-supervised one by iterations.

    Args:
        cfg (Config): The original config.
        options (Options): The options.

    Returns:
        dict: Top-level name → value with references.
    """
    overrides: Dict[str, Any] = dict(train_cfg=dict(
        _delete_=True, type='ResumableTrainLoop', max_iters=options.max_iters,
        val_interval=options.interval))
    if cfg.get('val_dataloader'):
        overrides['val_cfg'] = dict(type='TeacherStudentOnePassValLoop')
    overrides['log_processor'] = dict(by_epoch=False)
    overrides['default_hooks'] = dict(
        _instead_of_none(cfg, 'default_hooks'), **_more_default_hooks(cfg), **_logger(cfg),
        checkpoint=_checkpoint(cfg, options))
    overrides['custom_hooks'] = _custom_hooks(cfg, options)
    overrides['optim_wrapper'] = dict(constructor='StudentOptimWrapperConstructor')
    base_constructor = (cfg.get('optim_wrapper') or {}).get('constructor')
    if base_constructor:
        overrides['optim_wrapper']['base_constructor'] = base_constructor
    if cfg.get('param_scheduler'):
        overrides['param_scheduler'] = _param_scheduler(cfg, options)
    if (cfg.get('auto_scale_lr') or {}).get('base_batch_size'):
        labeled, unlabeled = options.batch(cfg.train_dataloader['batch_size'])
        overrides['auto_scale_lr'] = dict(base_batch_size=round(
            cfg.auto_scale_lr.base_batch_size * (labeled + unlabeled) / labeled))
    return overrides


def _instead_of_none(entries: Any, name: str) -> Dict[str, Any]:
    """Return what makes a dict replace an original's None: it cannot be merged into that."""
    return dict(_delete_=True) if name in entries and entries[name] is None else {}


def _logger(cfg: Config) -> Dict[str, dict]:
    original = (cfg.get('default_hooks') or {}).get('logger', {})
    if original is None:  # the original wants none
        return {}
    # MMEngine takes a hook's dict in place of its own, so that it needs a type.
    kind = {} if original.get('type') else dict(type='LoggerHook')
    return dict(logger=dict(kind, log_metric_by_epoch=False))


def _checkpoint(cfg: Config, options: Options) -> dict:
    hooks = cfg.get('default_hooks') or {}
    original = hooks.get('checkpoint') or {}
    changes = dict(
        _instead_of_none(hooks, 'checkpoint'), type='SafeCheckpointHook', by_epoch=False,
        interval=options.interval, max_keep_ckpts=original.get('max_keep_ckpts', 2))
    best = original.get('save_best')
    if isinstance(best, (list, tuple)):
        changes['save_best'] = [f'teacher/{key}' for key in best]
    elif best and best != 'auto':
        changes['save_best'] = f'teacher/{best}'
    return changes


def _more_default_hooks(cfg: Config) -> Dict[str, Any]:
    """Treat hooks that were put into ``default_hooks`` as those of ``custom_hooks``."""
    hooks: Dict[str, Any] = {}
    for name, hook in (cfg.get('default_hooks') or {}).items():
        kind = name_of(hook)
        if kind == 'EMAHook':
            # One that does nothing: MMEngine takes None under its own names alone.
            hooks[name] = dict(_delete_=True, type='EmptyCacheHook', after_epoch=False)
        elif kind == 'EarlyStoppingHook' and 'monitor' in hook:
            hooks[name] = dict(monitor=f'teacher/{hook["monitor"]}')
    return hooks


def _custom_hooks(cfg: Config, options: Options) -> List[Any]:
    hooks: List[Any] = []
    for i, hook in enumerate(cfg.get('custom_hooks') or []):
        base = Base('custom_hooks', i)
        if name_of(hook) == 'PipelineSwitchHook':
            hooks.append(dict(
                type='LabeledPipelineSwitchHook',
                switch_iter=round(hook['switch_epoch'] * _iters_per_epoch(cfg, options)),
                switch_pipeline=shortest(base / 'switch_pipeline', cfg)))
        elif name_of(hook) == 'EarlyStoppingHook' and 'monitor' in hook:
            hooks.append(Changed(base, monitor=f'teacher/{hook["monitor"]}'))
        elif name_of(hook) != 'EMAHook':
            hooks.append(base)
    return [*hooks, dict(type='LossGuardHook'), dict(type='PseudoLabelMonitorHook'),
            dict(type='EMANHook', momentum=options.momentum)]


def _iters_per_epoch(cfg: Config, options: Options) -> float:
    epochs = cfg.train_cfg.get('max_epochs')
    if not epochs:
        raise ValueError('the config counts in epochs (by_epoch=True in its param_scheduler, or a '
                         f'PipelineSwitchHook), but its train_cfg has no max_epochs: '
                         f'{dict(cfg.train_cfg)}')
    return options.max_iters / epochs


def _param_scheduler(cfg: Config, options: Options) -> List[Any]:
    schedulers = cfg.param_scheduler
    if isinstance(schedulers, dict):
        return [_rescaled(schedulers, Base('param_scheduler'), cfg, options)]
    return [_rescaled(scheduler, Base('param_scheduler', i), cfg, options)
            for i, scheduler in enumerate(schedulers)]


def _warms_up(scheduler: dict) -> bool:
    """Tell whether a scheduler raises the learning rate at the start of the training."""
    start = {'LinearLR': 'start_factor', 'ConstantLR': 'factor'}.get(name_of(scheduler))
    # Both are a third by default.
    return start is not None and not scheduler.get('begin') and (
        scheduler.get(start, 1 / 3) < scheduler.get('end_factor', 1.))


def _rescaled(scheduler: dict, base: Base, cfg: Config, options: Options) -> Any:
    """Return a scheduler in iterations of the new training."""
    if name_of(scheduler).startswith('ReduceOnPlateau'):
        raise ValueError(f'{name_of(scheduler)} depends on validated epochs, and a training '
                         'by iterations has none: give the original another scheduler, '
                         'such as MultiStepLR')
    if scheduler.get('by_epoch', True):
        factor = _iters_per_epoch(cfg, options)
    elif _warms_up(scheduler):
        # It keeps its number of steps, unless the whole training is short.
        longest = max(_SHORTEST, options.max_iters // 10)
        return Changed(base, end=longest) if scheduler.get('end', 0) > longest else base
    elif cfg.train_cfg.get('max_iters'):
        factor = options.max_iters / cfg.train_cfg['max_iters']
    else:
        raise ValueError(
            f'{name_of(scheduler)} in param_scheduler counts iterations (by_epoch=False), and '
            'train_cfg counts epochs. The length of an epoch is not known here. Give the scheduler '
            'in epochs. With convert_to_iter_based=True it still changes at each iteration')
    # A copy, not a reference: `convert_to_iter_based` has to go.
    scaled = unscoped(scheduler)
    scaled.pop('convert_to_iter_based', None)
    for key in _TIMES:
        value = scaled.get(key)
        if value == math.inf:  # the default: without an end
            del scaled[key]
        elif isinstance(value, (list, tuple)):
            scaled[key] = [round(time * factor) for time in value]
        elif value is not None:
            scaled[key] = round(value * factor)
    if name_of(scheduler) == 'LinearLR' and scaled.get('end') is not None:
        scaled['end'] = max(scaled['end'], scaled.get('begin', 0) + _SHORTEST)
    if name_of(scheduler) == 'ExponentialLR':
        scaled['gamma'] **= 1 / factor
    return dict(scaled, by_epoch=False)
