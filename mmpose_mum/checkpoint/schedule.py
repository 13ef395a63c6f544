"""Whether schedule and optimizer fit the training's length and, on a resume, the config."""
from collections import Counter
from inspect import signature
from itertools import chain
from logging import WARNING
from typing import Any, Dict, List, Optional, Set, Union

from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, OptimWrapperDict

# A Runner's schedulers: several, or a list for each of several optimizers.
Schedulers = Union[List[Any], Dict[str, List[Any]], None]
# Arguments of every scheduler that are no settings.
_STATE = {'self', 'optimizer', 'args', 'kwargs', 'last_step', 'verbose'}


def check_schedule(checkpoint: dict, schedulers: Schedulers,
                   optimizers: Union[OptimWrapper, OptimWrapperDict]) -> None:
    """Warn if a resume's schedulers or optimizer have other settings than in the config.

    MMEngine restores the checkpoint's settings with their state, without a word. A schedule that
    ends where the old training would have ended then leaves the learning rate there for good.

    Args:
        checkpoint (dict): As loaded, for a resume.
        schedulers (list | dict, optional): The Runner's, as built from the config.
        optimizers (OptimWrapper | OptimWrapperDict): Likewise.
    """
    changes = []
    saved = checkpoint.get('param_schedulers')
    for name, built in _by_name(schedulers).items() if saved and schedulers else ():
        states = _by_name(saved).get(name, [])
        if len(states) != len(built):
            changes.append(f'schedulers: {len(states)} in the checkpoint, {len(built)} in the '
                           'config')
        for scheduler, state in zip(built, states):
            found = _changes(scheduler, state)
            if found:
                changes.append(f'{type(scheduler).__name__}: {found}')
    # What a schedule moves differs from the config in any case.
    moved = {getattr(scheduler, 'param_name', 'lr')
             for scheduler in chain.from_iterable(_by_name(schedulers or []).values())}
    if 'momentum' in moved:
        moved.add('betas')  # where Adam has it
    changes += _changes_of_groups(checkpoint.get('optimizer', {}), optimizers, moved)
    if changes:
        print_log(
            "the config's param_scheduler or optimizer has changed since the checkpoint, and a "
            f'resume goes on with those of the checkpoint ({"; ".join(changes)}). For the new ones '
            'start another run with this checkpoint as load_from, without resume', 'current',
            WARNING)


def check_length(schedulers: Schedulers, max_iters: int) -> None:
    """Warn if a schedule was made for a training of another length.

    Args:
        schedulers (list | dict, optional): The Runner's, which count iterations.
        max_iters (int): The training's length.
    """
    told = []
    for scheduler in chain.from_iterable(_by_name(schedulers or []).values()):
        name, begin = type(scheduler).__name__, getattr(scheduler, 'begin', 0)
        if getattr(scheduler, 'by_epoch', True) or begin == max_iters:
            continue
        if begin > max_iters:
            told.append(f'{name} would begin only at {begin}')
            continue
        steps = sorted(getattr(scheduler, 'milestones', ()))
        if steps and steps[0] >= max_iters:
            told.append(f'the first milestone of {name}, {steps[0]}, is never reached')
        period = getattr(scheduler, 'T_max', None)
        # Rounded shares of the length may be a few steps off.
        if period is not None and period < scheduler.end - begin and (
                begin + period < .99 * max_iters):
            told.append(f'{name} ends at {begin + period}, and then rises again')
        elif period is not None and begin + period > 1.01 * max_iters:
            told.append(f'{name} would end only at {begin + period}')
    if told:
        print_log(
            f'the training has max_iters={max_iters}, but its param_scheduler was made for another '
            f'length: {"; ".join(told)}. Change them together', 'current', WARNING)


def _by_name(schedulers: Any) -> Dict[Optional[str], List[Any]]:
    return schedulers if isinstance(schedulers, dict) else {None: schedulers}


def _changes(scheduler: Any, state: dict) -> str:
    """Say which settings differ between a scheduler and its state in a checkpoint."""
    settings = {name for kind in type(scheduler).__mro__ if '__init__' in vars(kind)
                for name in signature(vars(kind)['__init__']).parameters} - _STATE
    built = scheduler.state_dict()
    return ', '.join(
        f'{name} was {_text(state[name])} and is {_text(built[name])}'
        for name in [*sorted(settings), 'base_values']
        if name in state and name in built and state[name] != built[name])


def _changes_of_groups(
        saved: dict, optimizers: Union[OptimWrapper, OptimWrapperDict],
        moved: Set[str]) -> List[str]:
    """Say which settings of groups of parameters differ from a checkpoint's, but for the moved."""
    if isinstance(optimizers, OptimWrapperDict):
        return [change for name, one in optimizers.items() if name in saved
                for change in _changes_of_groups(saved[name], one, moved)]
    groups = zip(saved.get('param_groups', ()), optimizers.optimizer.param_groups)
    found = dict.fromkeys(  # each once, as a backbone may have a group for each layer
        f'{name} was {_text(was[name])} and is {_text(now[name])}'
        for was, now in groups for name in sorted({*was} & {*now})
        if name != 'params' and name not in moved and not name.startswith('initial_')
        and was[name] != now[name])
    return [f'{type(optimizers.optimizer).__name__}: {", ".join(found)}'] if found else []


def _text(value: Any) -> str:
    """Return a setting as a config has it, shortened: milestones are kept as a Counter."""
    text = str(sorted(value.elements()) if isinstance(value, Counter) else value)
    return text if len(text) <= 60 else text[:57] + '…'
