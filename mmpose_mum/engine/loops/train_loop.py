"""The training loop that continues after a resume as if it had never stopped."""
from contextlib import contextmanager
from logging import WARNING
from typing import Any, Callable, Iterator, Optional, Sequence, Union

import torch
from mmdet.engine.hooks import MeanTeacherHook, PipelineSwitchHook
from mmdet.engine.runner import TeacherStudentValLoop
from mmengine.dist import get_rank
from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.logging import print_log
from mmengine.runner import BaseLoop, IterBasedTrainLoop
from mmpose.registry import LOOPS
from torch import nn
from torch.utils.data import DataLoader

from ...checkpoint.schedule import check_length
from ...functional.seeding import seed_all, seed_of
from ..hooks.eman_hook import EMANHook
from ..wrappers import unwrapped
from .rehearsal import first_update, rehearse
from .val_loop import TeacherStudentOnePassValLoop

# In the checkpoint's message hub. What begins with 'val' or 'test' there, MMEngine logs.
_STREAM, _VALIDATED = 'data_stream', 'iter_of_last_validation'
# What the sampler calls its stream's properties, in words.
_WORDS = dict(
    sizes='the numbers of labeled and unlabeled people',
    contents='the checksums of their entries, order and folder',
    per_batch='the samples of each in a batch, per_batch,',
    world_size='the number of processes')


@LOOPS.register_module()
class ResumableTrainLoop(IterBasedTrainLoop):
    """MMEngine's ``IterBasedTrainLoop`` with a bit-exact and immediate resume.

    k iterations, a resume and n − k more give the weights of n iterations, bit for bit on one CPU,
    for every k. The checkpoint stores only the iteration for this, as all random numbers depend on
    a place:

    * The sampler starts at the first batch that no step has used. Batches that were only prefetched
      do not count. MMEngine would read all earlier batches again.
    * Each sample is drawn by the place that :class:`SemiSupervisedSampler` gives it, see
      :class:`SemiSupervisedDataset`: workers have no history, and their number does not matter.
    * Before each iteration Python, NumPy, PyTorch and every ``generator`` of a module, such as
      :class:`MixUnMix`'s, are seeded by the run's seed, the iteration and the process.

    In a burn-in, the loop tries one step of the kind that follows it, see :func:`rehearse`. It does
    so after the first update, also of a resume.

    With several processes this holds in each of them if :class:`EMANHook` averages BatchNorm's
    statistics, as only the first process writes them into the checkpoint.

    The checkpoint has the seeds of the run and of the sampler, so the config need not. A validation
    that was due at the checkpoint's iteration, but had not run, runs after the resume.

    With gradient accumulation, the checkpoints' interval must be a multiple of
    ``accumulative_counts``, as gradients are not stored. A sampler without a ``start_batch`` is
    replayed as in MMEngine, without these guarantees.

    Args:
        runner (Runner): The Runner.
        dataloader (DataLoader | dict): Endless batches; built if it is a config.
        **kwargs: As for ``IterBasedTrainLoop``: ``max_iters``, ``val_begin``, ``val_interval``
            and ``dynamic_intervals``, all in iterations.

    Raises:
        ValueError: If the dataloader's batch size differs from its sampler's, or, when the training
            starts, if a hook or a scheduler waits for epochs, or a hook for a metric of another
            name.
    """

    dataloader: Any  # built by the base class

    def __init__(self, runner, dataloader: Union[DataLoader, dict], **kwargs) -> None:
        BaseLoop.__init__(self, runner, dataloader)
        dataloader = self.dataloader
        self._resumable = hasattr(dataloader.sampler, 'start_batch')
        if not self._resumable:
            super().__init__(runner, dataloader, **kwargs)
            return
        _share_batch_size(dataloader)
        # The base class would begin to read at once, and does not know yet from where.
        super().__init__(runner, _Unread(dataloader), **kwargs)
        self.dataloader = dataloader
        self.dataloader_iterator = _Batches(dataloader)

    def run(self) -> nn.Module:
        """Train from the current iteration on; return the model."""
        runner = self.runner
        _check_epochs(runner)
        _check_monitors(runner)
        check_length(runner.param_schedulers, self._max_iters)
        if not self._resumable:
            return super().run()
        model = unwrapped(runner.model)
        if hasattr(model, 'run_name'):
            model.run_name = runner.message_hub.instance_name
        if getattr(model, 'trains_teacher', None) is False and not any(
                isinstance(hook, (EMANHook, MeanTeacherHook)) for hook in runner.hooks):
            print_log('custom_hooks has no EMANHook, so the teacher stays as it is, and so do its '
                      "targets. A config's own custom_hooks replace those that it inherits: write "
                      'custom_hooks = _base_.custom_hooks + […]', 'current', WARNING)
        runner.call_hook('before_train')
        if hasattr(model, 'check_people'):
            model.check_people(self.dataloader.dataset)
        runner.call_hook('before_train_epoch')
        self._place_sampler()
        with self._seeding() as seed_iteration:
            if self._iter > 0:
                self._validate_if_due()
            if self._iter >= self._max_iters:
                print_log(
                    f'nothing is left to train: the checkpoint has {self._iter} iterations, and '
                    f'train_cfg has max_iters={self._max_iters}. To train longer, start another '
                    'run with a longer schedule and this checkpoint as load_from, without resume',
                    'current', WARNING)
            trial = first_update(runner)
            while self._iter < self._max_iters and not self.stop_training:
                runner.model.train()
                seed_iteration()
                batch = next(self.dataloader_iterator)
                if self._iter == trial:
                    rehearse(runner, batch)
                seed_iteration()  # whatever was drawn until now
                self.run_iter(batch)
                self._validate_if_due()
        runner.call_hook('after_train_epoch')
        runner.call_hook('after_train')
        return runner.model

    def _place_sampler(self) -> None:
        """Continue the sampler where the checkpoint's stopped, and log if it cannot."""
        sampler, hub = self.dataloader.sampler, self.runner.message_hub
        restart_data(self, self._iter)
        before = hub.get_info(_STREAM)
        if before is not None:
            sampler.seed = before['seed']
            changed = {key: (value, sampler.stream.get(key)) for key, value in before.items()
                       if value != sampler.stream.get(key)}
            if changed:
                print_log('the data have changed since the checkpoint, so the training continues '
                          'with other samples than it would have without the stop: ' + '; '.join(
                              f'{_WORDS.get(key, key)} were {old} and are {new}'
                              for key, (old, new) in changed.items()), 'current',
                          WARNING)
        hub.update_info(_STREAM, sampler.stream)

    @contextmanager
    def _seeding(self) -> Iterator[Callable[[], None]]:
        """Yield what seeds an iteration; at the end the modules' generators have their seeds."""
        generators = [
            (module.generator, module.generator.initial_seed())
            for module in self.runner.model.modules()
            if isinstance(getattr(module, 'generator', None), torch.Generator)]

        def seed_iteration() -> None:
            seed_all(self.runner.seed, self._iter, get_rank())
            for generator, seed in generators:
                generator.manual_seed(seed_of(self.runner.seed + seed, self._iter))

        try:
            yield seed_iteration
        finally:
            for generator, seed in generators:
                generator.manual_seed(seed)

    def _validate_if_due(self) -> None:
        self._decide_current_val_interval()
        due = (self.runner.val_loop is not None and self._iter >= self.val_begin
               and (self._iter % self.val_interval == 0 or self._iter == self._max_iters))
        hub = self.runner.message_hub
        before = hub.get_info(_VALIDATED)
        if due and before != self._iter:
            # Before, so that a checkpoint written at the end of the validation knows of it.
            hub.update_info(_VALIDATED, self._iter)
            try:
                self.runner.val_loop.run()
            except BaseException:  # an interrupt in a notebook, where the training may go on
                hub.update_info(_VALIDATED, before)
                raise


def restart_data(loop: IterBasedTrainLoop, start_batch: int) -> None:
    """Continue a loop's data at another batch of their stream, or with a changed dataset.

    Args:
        loop (IterBasedTrainLoop): This module's or MMEngine's. Batches that its workers have loaded
            ahead are dropped.
        start_batch (int): The next batch, counted from the beginning of the sampler's stream.
    """
    loader, batches = loop.dataloader, loop.dataloader_iterator
    # Workers have copies of the dataset, and persistent ones outlive their iterator.
    if hasattr(batches._iterator, '_shutdown_workers'):
        batches._iterator._shutdown_workers()
    loader._iterator = None
    loader.sampler.start_batch = start_batch
    loop.dataloader_iterator = type(batches)(loader)


def _share_batch_size(dataloader: DataLoader) -> None:
    """Give the sampler the loader's batch size.

    The loader cuts the sampler's stream into batches without asking it, so both need one size.

    Raises:
        ValueError: If the sampler has another size, or the loader has none.
    """
    got, sampler = dataloader.batch_size, dataloader.sampler
    if sampler.batch_size is None:
        sampler.batch_size = got
    if got != sampler.batch_size or got is None:
        raise ValueError(
            f'the dataloader makes batches of {got}, but its {type(sampler).__name__} has '
            f'batch_size={sampler.batch_size}: set train_dataloader.batch_size only, without '
            'train_dataloader.sampler.batch_size and without a batch_sampler')


def _check_epochs(runner) -> None:
    """Raise ValueError if a hook or a scheduler counts epochs, of which this loop has none."""
    for hook in runner.hooks:
        if isinstance(hook, PipelineSwitchHook):
            raise ValueError(
                'custom_hooks has a PipelineSwitchHook, as those of RTMPose do. It counts epochs '
                'and would never switch here. Put LabeledPipelineSwitchHook(switch_iter=…, '
                'switch_pipeline=…) there instead, as `mmpose-mum convert` does')
        if isinstance(hook, CheckpointHook) and hook.by_epoch and hook.interval > 0:
            raise ValueError(
                f'default_hooks.checkpoint, a {type(hook).__name__}, counts epochs (by_epoch=True, '
                'the default) and would write nothing here until the end. Give it by_epoch=False, '
                'and its interval in iterations')
    schedulers = runner.param_schedulers
    for several in schedulers.values() if isinstance(schedulers, dict) else [schedulers or ()]:
        for scheduler in several:
            # Those that need a validation's value change after validations.
            if scheduler.by_epoch and not getattr(scheduler, 'need_val_args', False):
                raise ValueError(
                    f'param_scheduler has a {type(scheduler).__name__} that counts epochs '
                    '(by_epoch=True, the default) and would never change here. Give it '
                    'by_epoch=False, and its times in iterations')


def _check_monitors(runner) -> None:
    """Raise ValueError if the training would stop early by a metric that has another name here."""
    if not isinstance(runner.val_loop, (TeacherStudentOnePassValLoop, TeacherStudentValLoop)):
        return
    for hook in runner.hooks:
        name = getattr(hook, 'monitor', '')
        if isinstance(hook, EarlyStoppingHook) and not name.startswith(('teacher/', 'student/')):
            raise ValueError(
                f'an EarlyStoppingHook waits for {name!r}, and would never stop the training: the '
                "name of each metric begins with teacher/ or student/ here. Set "
                f"monitor='teacher/{name}'")


class _Unread:
    """A dataloader's dataset alone: iterating starts no worker and reads nothing."""

    def __init__(self, dataloader: DataLoader) -> None:
        self.dataset = dataloader.dataset

    def __iter__(self) -> Iterator[Sequence[dict]]:
        return iter(())


class _Batches:
    """The batches of an endless dataloader, which starts with the first request."""

    def __init__(self, dataloader: DataLoader) -> None:
        self._dataloader = dataloader
        self._iterator: Optional[Iterator[dict]] = None

    def __iter__(self) -> '_Batches':
        return self

    def __next__(self) -> dict:
        if self._iterator is None:
            # It draws a seed for the workers, in whichever iteration it is started.
            with torch.random.fork_rng(devices=[]):
                self._iterator = iter(self._dataloader)
        return next(self._iterator)
