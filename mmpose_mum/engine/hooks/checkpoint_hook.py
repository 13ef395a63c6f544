"""Checkpoints that survive a killed process and a full disk."""
import os.path as osp
from collections import deque
from logging import WARNING
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.runner import BaseLoop, Runner
from mmpose.registry import HOOKS
from torch import nn

from ...checkpoint.atomic_backend import AtomicLocalBackend  # registers itself as 'atomic_local'
from ...checkpoint.keypoints import check_keypoints
from ...checkpoint.last import LAST, read_last
from ...checkpoint.optimizer import steps_to_host
from ...checkpoint.plain import load_or_tell
from ...checkpoint.schedule import check_schedule
from ...checkpoint.work_dir_lock import lock_work_dir, unlock_work_dir
from ...files.whole import check_writable
from ..wrappers import unwrapped

_BEST_BY = 'metrics_of_the_best'  # in the checkpoint's message hub


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook`` that always leaves a checkpoint to resume from.

    * If ``out_dir`` is on a local disk, checkpoints (also the best ones) and ``last_checkpoint``
      are written under another name and renamed when complete.
    * An old checkpoint is deleted when the new one is complete and ``last_checkpoint`` names it.
      For a moment there are ``max_keep_ckpts + 1`` of them, which the disk must hold. One that a
      killed process had no time to delete is deleted after the resume.
    * If a checkpoint cannot be written (a full disk), the old one stays, the log says what was
      missing, and the training continues. Only the last one must succeed: it is tried again at the
      end of the training, and its failure is an error.
    * A ``save_best`` that the validation did not measure is an error that lists its metrics.
    * The directions of MMPose's metrics are known: AP and PCK rise, EPE and NME fall. ``rule`` can
      be left out for these, and with ``save_best='auto'``.
    * A second process that trains in the same work dir is an error, see :func:`lock_work_dir`.
    * A checkpoint of the same keypoints in another order is an error, see :func:`check_keypoints`.
    * A resume with another model is an error. MMEngine would go on with random weights. So is a
      resume from a checkpoint without an optimizer, such as the best one.
    * A resume with another schedule or optimizer, or without a checkpoint to resume from, is a
      warning. After a resume with another ``save_best``, the search for the best one starts over.
    * A moved or copied work dir resumes from its own checkpoint, which MMEngine would look for at
      the old place.

    Args:
        *args: As for MMEngine's ``CheckpointHook``.
        **kwargs: Likewise.
    """

    # The base class sets them.
    backend_args: Optional[Dict[str, Any]]
    keep_ckpt_ids: Any
    last_ckpt: Optional[str]

    # MMEngine looks for these in a metric's name, whatever the case. AUC it knows.
    _default_greater_keys = [*CheckpointHook._default_greater_keys, '/AP', 'PCK']
    _default_less_keys = [*CheckpointHook._default_less_keys, 'EPE', 'NME']

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._failed: Optional[OSError] = None  # of the last interval's checkpoint

    def before_run(self, runner) -> None:
        """Let a work dir that was moved or copied resume from the checkpoint that it holds."""
        work_dir = Path(runner.work_dir)
        if not (runner._resume and runner._load_from is None and (work_dir / LAST).is_file()
                and self.out_dir is None):  # else the checkpoints of the work dir are another run's
            return
        there, here = read_last(work_dir)
        if osp.realpath(here) != osp.realpath(there):
            print_log(f'{work_dir / LAST} names {there}, as before this work dir was moved or '
                      f'copied. The training is resumed from {here}', 'current', WARNING)
            runner._load_from = str(here)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Check that the checkpoint is of the data's keypoints and, on a resume, of the model.

        Warn of a resume with another schedule, see :func:`check_schedule`. Keep the optimizer's
        counters on the host, see :func:`steps_to_host`.

        Raises:
            ValueError: As :func:`check_keypoints`, or if a resume's weights do not fit, or if it
                has no optimizer to resume.
        """
        loops = (runner._train_loop, runner._val_loop, runner._test_loop)  # built, or a config
        dataset = next((loop.dataloader.dataset for loop in loops if isinstance(loop, BaseLoop)),
                       None)
        check_keypoints(checkpoint, getattr(dataset, 'metainfo', None), runner._resume)
        unfit = runner._resume and _unfit(
            unwrapped(runner.model), checkpoint.get('state_dict', checkpoint))
        if unfit:
            raise ValueError(
                f'a run cannot be resumed with another model: {unfit}. Take the config that it was '
                'started with, or start a new run with this checkpoint as load_from, without '
                'resume')
        if runner._resume and isinstance(runner._train_loop, BaseLoop):  # a test has no schedulers
            if 'optimizer' not in checkpoint and isinstance(runner, Runner):  # no DeepSpeed
                raise ValueError(
                    'the checkpoint has no optimizer, so a training cannot be resumed from it: the '
                    'learning rate would start over. A best checkpoint has weights alone. Resume '
                    'from an iter_….pth, or start a new run with this one as load_from, without '
                    'resume')
            check_schedule(checkpoint, runner.param_schedulers, runner.optim_wrapper)
            steps_to_host(checkpoint.get('optimizer', {}))

    def before_train(self, runner) -> None:
        """Lock the work dir, choose how files are written, delete what a killed process left.

        Raises:
            RuntimeError: If another process trains in the work dir, or writes its checkpoints into
                ``out_dir``.
            OSError: If no checkpoint could be written to ``out_dir``.
        """
        if is_main_process():
            lock_work_dir(runner.work_dir)
        if runner._resume and not runner._has_loaded:
            print_log(
                f'{runner.work_dir} has no checkpoint to resume from: the run starts over. '
                "MMPose's --resume also ignores the config's load_from: to use it, start without "
                '--resume', 'current', WARNING)
        where = self.out_dir or runner.work_dir
        if self.backend_args is None and self.file_client_args is None and isinstance(
                get_file_backend(where), LocalBackend):
            self.backend_args = dict(backend='atomic_local')
        if self.save_best:
            self._forget_another_best(runner.message_hub)
        super().before_train(runner)
        if is_main_process() and isinstance(self.file_backend, LocalBackend):
            folder = Path(self.out_dir)
            check_writable(folder / self.filename_tmpl)
            # MMEngine names it by the last part of the work dir's path alone.
            folder.mkdir(parents=True, exist_ok=True)
            lock_work_dir(self.out_dir)
            if not runner._resume and not runner.iter:
                _warn_of_others(folder)
        if self.save_best:
            self._best = {key: self._own(path) for key, path in self._best.items()}

    def after_train(self, runner) -> None:
        """Write the last checkpoint if it is not there: it failed, or a hook ended the training.

        Raises:
            OSError: As :meth:`AtomicLocalBackend.put`.
        """
        stopped = runner.train_loop.stop_training and not self.by_epoch and osp.basename(
            self.last_ckpt or '') != self.filename_tmpl.format(runner.iter)
        if self.save_last and (self._failed is not None or stopped):
            step = runner.epoch if self.by_epoch else runner.iter
            self._save_checkpoint_with_step(
                runner, step, dict(epoch=runner.epoch, iter=runner.iter))
            if self._failed is not None:
                raise self._failed
        super().after_train(runner)
        unlock_work_dir(runner.work_dir)
        unlock_work_dir(self.out_dir)

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        hub = runner.message_hub
        name = self.filename_tmpl.format(step)
        path = self.file_backend.join_path(self.out_dir, name)
        before = self.last_ckpt, hub.get_info('keep_ckpt_ids'), hub.get_info('last_ckpt')
        self.last_ckpt = path
        hub.update_info('last_ckpt', path)
        outdated = []
        if self.max_keep_ckpts > 0:
            # The checkpoint still counts those that go when it is there: a resume deletes them if
            # the process is killed in between.
            kept = [i for i in self.keep_ckpt_ids if i != step] + [step]
            outdated = kept[:-self.max_keep_ckpts]
            hub.update_info('keep_ckpt_ids', kept)

        def save() -> None:
            runner.save_checkpoint(
                self.out_dir, name, self.file_client_args, save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler, meta=meta, by_epoch=self.by_epoch,
                backend_args=self.backend_args, **self.args)
            if is_main_process():
                AtomicLocalBackend().put_text(path, osp.join(runner.work_dir, LAST))

        self._failed = self._try(runner, save, self._previous(before[0]))
        if self._failed is not None:
            self.last_ckpt = before[0]
            _restore(hub, dict(keep_ckpt_ids=before[1], last_ckpt=before[2]))
            return
        if self.max_keep_ckpts > 0:
            self.keep_ckpt_ids = deque(kept[len(outdated):], self.max_keep_ckpts)
        for old in outdated:
            self._delete(self.file_backend.join_path(
                self.out_dir, self.filename_tmpl.format(old)))

    def _save_best_checkpoint(self, runner, metrics) -> None:
        if not self.save_best or not hasattr(self, 'file_backend'):  # nothing trains: runner.val()
            return
        unknown = [key for key in self.key_indicators if key not in ('auto', *metrics)]
        if unknown and metrics:  # MMEngine warns of a validation without any
            raise ValueError(f'save_best={", ".join(unknown)!r} is no metric of this validation, '
                             f'which has {", ".join(metrics)}. Set default_hooks.checkpoint.'
                             'save_best to one of these, or add the metric to val_evaluator')
        hub, previous = runner.message_hub, self._best
        infos = _best_infos(hub)
        self._best = dict.fromkeys(previous)  # MMEngine deletes what it knows before it saves
        save = super()._save_best_checkpoint
        failed = self._try(runner, lambda: save(runner, metrics), self._previous(self.last_ckpt))
        if failed is not None:
            _restore(hub, {key: infos.get(key) for key in _best_infos(hub)})
            self._best = previous
            return
        best = {key: path or previous[key] for key, path in self._best.items()}
        self._best = best
        for path in previous.values():
            if path and path not in best.values():
                self._delete(path)
                runner.logger.info(f'Removed the previous best checkpoint {path}')

    def _forget_another_best(self, hub) -> None:
        """Start the search for the best checkpoint over if it was by another metric.

        MMEngine keeps the best score of one metric without its name, and would compare another one
        with it.
        """
        before, now = hub.get_info(_BEST_BY), list(self.key_indicators)
        if before is not None and before != now and 'auto' not in (*before, *now):
            print_log(
                f'save_best was {", ".join(before)} and is {", ".join(now)}: the search for the '
                'best checkpoint starts over, and those found before stay', 'current', WARNING)
            for key in _best_infos(hub):
                hub.runtime_info.pop(key)
        hub.update_info(_BEST_BY, now)

    def _own(self, path: Optional[str]) -> Optional[str]:
        """Return where this work dir has a best checkpoint, which a resume may know elsewhere.

        In a copy of a work dir, the path is that of the original, whose file must stay.
        """
        own = path and self.file_backend.join_path(self.out_dir, osp.basename(path))
        return own if own and self.file_backend.exists(own) else None

    @property
    def _best(self) -> Dict[str, Optional[str]]:
        """Path of the best checkpoint by each metric, under an empty name if there is but one."""
        if len(self.key_indicators) == 1:
            return {'': self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    @_best.setter
    def _best(self, paths: Dict[str, Optional[str]]) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths['']
        else:
            self.best_ckpt_path_dict = dict(paths)

    @staticmethod
    def _previous(path: Optional[str]) -> str:
        return f'The last one is {path}' if path else 'There is none yet'

    @staticmethod
    def _try(runner, save: Callable[[], None], left: str) -> Optional[OSError]:
        """Save; return the error if that is impossible, when it has been logged."""
        try:
            save()
        except OSError as error:
            runner.logger.error(f'A checkpoint could not be written: {error}. {left}. Make room, '
                                'or make the folder writable; the training goes on until its end')
            return error
        return None

    def _delete(self, path: str) -> None:
        if not is_main_process():
            return
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):  # as DeepSpeed writes them
            self.file_backend.rmtree(path)


def _warn_of_others(folder: Path) -> None:
    """Warn that a run that starts from the beginning will replace another one's checkpoints."""
    there = sorted(folder.glob('*.pth'), key=lambda path: path.stat().st_mtime)
    if there:
        print_log(
            f'{folder} holds checkpoints of another run, up to {there[-1].name}. This run '
            'starts over and replaces them. To continue the other one, stop this run and start '
            'with --resume. To keep it, give a --work-dir of another name', 'current', WARNING)


def _unfit(model: nn.Module, weights: Dict[str, Any]) -> str:
    """Say where a run's weights do not fit a model; '' if they do."""
    # A student and teacher would take a plain model's weights, but that is where a new run starts.
    if hasattr(model, 'teacher') and not any(key.startswith('teacher.') for key in weights):
        return 'the checkpoint has no teacher'
    return load_or_tell(model, weights)


def _best_infos(hub) -> Dict[str, Any]:
    return {key: value for key, value in hub.runtime_info.items()
            if key.startswith(('best_score', 'best_ckpt'))}


def _restore(hub, infos: dict) -> None:
    for key, value in infos.items():
        if value is not None:
            hub.update_info(key, value)
        else:
            hub.runtime_info.pop(key, None)
