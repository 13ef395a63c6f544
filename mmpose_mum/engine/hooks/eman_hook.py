"""The hook that updates the teacher: EMAN, over weights and statistics."""
from logging import WARNING
from typing import Optional

from mmdet.engine.hooks import MeanTeacherHook
from mmengine.dist import all_reduce_params, get_world_size
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmpose.registry import HOOKS
from torch import nn

from ...functional.ema import ModelEma, warmed_up_momentum
from ..optim.step_counter import StepCounter
from ..wrappers import model_with

_UPDATES, _STEPS = 'eman_updates', 'eman_steps'  # in the checkpoint's message hub


@HOOKS.register_module()
class EMANHook(Hook):
    """Exponential moving average of the student, normalization statistics included.

    ``teacher ← momentum · teacher + (1 − momentum) · student`` over parameters and floating point
    buffers (Cai et al., EMAN, CVPR 2021, equations 5 to 7); other buffers are copied. It counts the
    steps that the optimizer has taken, so it works with gradient accumulation, and with a gradient
    scaler that skips steps.

    Both networks start equal, so the warm-up may begin with a copy. A loaded teacher that differs
    from the student at the start is never overwritten, as it counts as warmed up. Only the burn-in
    overwrites it, and a warning says so.

    With several processes, each computes BatchNorm's statistics from its own images. The student's
    are averaged over the processes after every iteration. So student and teacher are bit-identical
    in all of them at any validation and in any checkpoint. Training does not use the statistics,
    and their average is linear, so it does not matter when it is taken.

    Args:
        momentum (float): The teacher's own share at each update, in [0, 1).
        interval (int): Optimizer steps from one update to the next.
        burn_in (int, optional): Iterations in which the teacher remains a copy of the student.
            Defaults to the model's own ``burn_in``, or to 0 for a model that has none.
        statistics (str): ``'average'`` averages them like the weights (EMAN); ``'copy'`` copies the
            student's; ``'own'`` leaves the teacher's own, of the batches that it normalizes with
            ``teacher_mode='train'``, as in mean teachers.
        warm_up (bool): Whether the momentum rises from 0 after the burn-in, see
            :func:`functional.ema.warmed_up_momentum`. Set it to False when both models start from
            the same trained checkpoint.

    Raises:
        ValueError: If an argument is out of its range, or, when the Runner starts, if it has an
            ``EMAHook`` of MMEngine or a second hook of this kind as well, a model with another
            ``burn_in``, one whose teacher learns by gradient, or one in training mode whose
            statistics it would average.
    """

    priority = 'NORMAL'  # after the optimizer's step; before checkpoints are written

    def __init__(self,
                 momentum: float = 0.999,
                 interval: int = 1,
                 burn_in: Optional[int] = None,
                 statistics: str = 'average',
                 warm_up: bool = True) -> None:
        if not 0 <= momentum < 1:
            raise ValueError(
                f'momentum must lie in [0, 1), got {momentum}. It is the teacher\'s own share, '
                'such as 0.999; MMEngine\'s and MMDetection\'s hooks take the student\'s, 0.001')
        if interval < 1 or (burn_in or 0) < 0:
            raise ValueError(f'interval must be at least 1 and burn_in at least 0, got '
                             f'{interval} and {burn_in}')
        if statistics not in ('average', 'copy', 'own'):
            raise ValueError(f"statistics must be 'average', 'copy' or 'own', got {statistics!r}")
        self.momentum = momentum
        self.interval = interval
        self.burn_in = burn_in
        self.statistics = statistics
        self.warm_up = warm_up

    def before_run(self, runner) -> None:
        """Refuse another hook that averages, MMEngine's ``EMAHook`` or a second one of these."""
        found = [type(hook).__name__ for hook in runner.hooks
                 if isinstance(hook, (EMANHook, MeanTeacherHook))]
        if len(found) > 1:
            raise ValueError(
                f'custom_hooks has {len(found)} hooks that update the teacher: {", ".join(found)}. '
                'Keep one. If the config inherits from a semi-supervised one, leave out its '
                "EMANHook: custom_hooks = [hook for hook in _base_.custom_hooks if hook['type'] "
                "!= 'EMANHook'] + […]")
        if any(isinstance(hook, EMAHook) for hook in runner.hooks):
            raise ValueError(
                "custom_hooks has both EMAHook and EMANHook. EMAHook, most likely the original "
                "config's, would average both models again, and validate and save that average. "
                'Remove EMAHook: EMANHook replaces it')

    def before_train(self, runner) -> None:
        """Pair the two models' tensors and start to count the optimizer's steps."""
        model = model_with(
            runner.model, 'EMANHook', 'a teacher and a student', 'teacher', 'student')
        if getattr(model, 'trains_teacher', False):
            raise ValueError(
                f'custom_hooks has an EMANHook, which would overwrite what the second network of '
                f'{type(model).__name__} learns with an average of the first: remove it')
        self._burn_in = self._burn_in_of(model)
        mode = getattr(model, 'teacher_mode', 'eval')
        if self.statistics == 'own' and mode != 'train':
            raise ValueError("EMANHook has statistics='own', but a teacher in evaluation mode "
                             "gathers none: set teacher_mode='train' in the model")
        self._ema = ModelEma(model.teacher, model.student, self.statistics == 'average',
                             own_buffers=self.statistics == 'own')
        if self.statistics == 'average' and mode == 'train' and self._ema.statistics:
            raise ValueError(
                "the model has teacher_mode='train', so the teacher gathers BatchNorm statistics "
                "of its own, and EMANHook has statistics='average', which would mix them with the "
                "student's. Set statistics='own' in EMANHook, as in mean teachers, or remove "
                'teacher_mode from the model')
        hub = runner.message_hub
        self._updates = hub.get_info(_UPDATES)
        if self._updates is None:
            equal = self._ema.equal()
            self._updates = 0 if equal else int(1 / (1 - self.momentum))
            if not equal and runner.iter < self._burn_in:
                print_log(
                    'the loaded teacher differs from the student, and the burn-in of '
                    f'{self._burn_in} iterations replaces it by a copy of the student in the first '
                    'step. Set burn_in=0 in the model to keep it', 'current', WARNING)
            hub.update_info(_UPDATES, self._updates)
        self._steps = StepCounter(
            runner.optim_wrapper.optimizer, start=hub.get_info(_STEPS, default=0))

    def _burn_in_of(self, model: nn.Module) -> int:
        """Return the burn-in, which the model knows; refuse another one."""
        known = getattr(model, 'burn_in', self.burn_in)
        if self.burn_in not in (None, known):
            raise ValueError(
                f'EMANHook has burn_in={self.burn_in}, but the model has burn_in={known}, and both '
                'mean the same iterations. Remove it from EMANHook, which takes it from the model')
        return known or 0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Update the teacher if the optimizer has taken enough steps since the last update."""
        if get_world_size() > 1 and self._ema.statistics:
            all_reduce_params(self._ema.statistics, op='mean')
        if runner.iter < self._burn_in:
            if self._steps.count:
                self._ema.copy()
                self._steps.count = 0
        elif self._steps.count >= self.interval:
            self._ema.update(warmed_up_momentum(self._updates, self.momentum)
                             if self.warm_up else self.momentum)
            self._updates += 1
            self._steps.count = 0
        runner.message_hub.update_info(_UPDATES, self._updates)
        runner.message_hub.update_info(_STEPS, self._steps.count)

    def after_train(self, runner) -> None:
        """Stop counting."""
        self._steps.stop()
