"""The hook that keeps NaN and infinite losses out of weights, teacher and checkpoints."""
import logging
import math
from functools import wraps
from typing import Any, Callable, Dict, List

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import find_latest_checkpoint
from mmpose.registry import HOOKS
from torch import Tensor

from ...functional.ema import ema_update_
from ...functional.finite import all_finite
from ..optim.step_counter import StepCounter

_MAX_NAMES = 16  # images that a message names of each branch
_MAX_LEFT_OUT = 50  # steps in a row; a new scaler leaves out up to 16 while it finds its scale


@HOOKS.register_module()
class LossGuardHook(Hook):
    """Say which loss of which images is NaN or infinite, and stop the run or skip the step.

    ``'stop'`` costs nothing: it checks, after the step, what MMEngine has read from the device for
    its log. The weights in memory are bad by then, but neither the teacher nor a checkpoint gets
    them. So the last checkpoint is good.

    ``'skip'`` skips a step of the optimizer if any gradient is NaN or infinite. It also restores
    the buffers (BatchNorm's statistics), which the forward has changed already. Weights, optimizer
    and teacher do not change. For this the host waits for each step's gradients, and buffers are
    copied at each iteration. The decision is the same in all processes, as they share their
    gradients. Optimizer wrappers with a gradient scaler, such as ``AmpOptimWrapper``, skip such
    steps themselves, so only the buffers are restored. The learning rate's schedule continues, and
    the log shows the loss as it was.

    With such a scaler, both stop a run of which no step at all is made any more: a gradient is NaN
    each time, though the loss is finite.

    Neither writes a checkpoint of weights that are not finite. ``'stop'`` would meet them where a
    gradient is NaN though the loss is finite, or where only another process has a bad loss.

    In both cases the log names the iteration, the losses, and the images of the batch: those whose
    own pixels or labels are NaN or infinite, or else all that belong to the loss. With several
    processes, those with bad losses log this as an error, which MMEngine shows from each process.
    The others skip the step as well and say which process to look at.

    Args:
        action (str): ``'stop'`` or ``'skip'``.
        max_in_a_row (int): With ``'skip'``, the bad iterations without a good step in between after
            which it stops all the same.

    Raises:
        ValueError: If an argument is out of its range.
        RuntimeError: In training, when it stops.
    """

    priority = 'ABOVE_NORMAL'  # before EMANHook and before checkpoints are written

    def __init__(self, action: str = 'stop', max_in_a_row: int = 10) -> None:
        if action not in ('stop', 'skip'):
            raise ValueError(f"action must be 'stop' or 'skip', got {action!r}")
        if max_in_a_row < 1:
            raise ValueError(f'max_in_a_row must be at least 1, got {max_in_a_row}')
        self.action = action
        self.max_in_a_row = max_in_a_row
        self.skipped = 0  # bad iterations in all
        self._in_a_row = 0
        self._left_out_by_scaler = 0  # in a row

    def before_train(self, runner) -> None:
        """Begin to look at each step, with ``'skip'`` or a gradient scaler."""
        optim_wrapper = runner.optim_wrapper
        if self.action == 'skip':
            self._buffers = list(runner.model.buffers())
            self._kept = [buffer.clone() for buffer in self._buffers]
        scales = hasattr(optim_wrapper, 'loss_scaler')
        self._guards = scales or self.action == 'skip'
        if self._guards:
            # The wrapper's, not the optimizer's, which EMANHook and the schedules wrap to count.
            self._own_step = vars(optim_wrapper).get('step')
            optim_wrapper.step = (self._watching if scales else self._guarding)(optim_wrapper)

    def after_train(self, runner) -> None:
        """No longer look at each step."""
        if self._guards:
            del runner.optim_wrapper.step
            if self._own_step is not None:
                runner.optim_wrapper.step = self._own_step

    def _guarding(self, optim_wrapper) -> Callable[..., None]:
        step = optim_wrapper.step

        @wraps(step)
        def guarded(**kwargs) -> None:
            if all_finite(p.grad for group in optim_wrapper.param_groups for p in group['params']):
                step(**kwargs)
                self._stepped = True
            else:  # update_params will forget the gradients
                self._left_out = True

        return guarded

    def _watching(self, optim_wrapper) -> Callable[..., None]:
        step = optim_wrapper.step

        @wraps(step)
        def watched(**kwargs) -> None:
            counter = StepCounter(optim_wrapper.optimizer)
            try:
                step(**kwargs)
            finally:
                counter.stop()
            self._stepped = counter.count > 0
            self._left_out_by_scaler = 0 if self._stepped else self._left_out_by_scaler + 1

        return watched

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """With ``'skip'``, keep the buffers."""
        self._stepped = self._left_out = False
        if self.action == 'skip':
            ema_update_(self._kept, self._buffers, 0.)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Stop, or undo and count, if this iteration was a bad one."""
        hub = runner.message_hub
        last = f"The last checkpoint: {hub.get_info('last_ckpt') or 'none yet'}"
        if self._left_out_by_scaler >= _MAX_LEFT_OUT:
            raise RuntimeError(
                f'iteration {runner.iter + 1}: the gradient scaler has left out '
                f'{self._left_out_by_scaler} steps in a row, as their gradients are not finite. '
                f'The weights stand still. {last}. Lower the learning rate, clip the gradients '
                '(optim_wrapper.clip_grad), or train without float16')
        losses = {name: hub.get_scalar(f'train/{name}').current()
                  for name in outputs or () if 'loss' in name}
        bad = {name: value for name, value in losses.items() if not math.isfinite(value)}
        if not self._is_bad_anywhere(bool(bad) or self._left_out):
            if self._stepped:
                self._in_a_row = 0
            return
        if bad or get_world_size() == 1:
            what = (', '.join(f'{name} is {value}' for name, value in bad.items())
                    or 'the gradients are not finite, though the losses are')
            what += f'. {describe_batch(data_batch, list(bad))}'
        else:
            what = ("this process's losses are finite. Look for the message of another process, "
                    'which names its losses. If there is none, the gradients alone are not finite')
        what = f'iteration {runner.iter + 1}: {what}'
        if self.action == 'stop':
            raise RuntimeError(
                f'{what}. Stopped before it reached the teacher or a checkpoint. {last}. If the '
                'images and labels are right, lower the learning rate or clip the gradients '
                "(optim_wrapper.clip_grad). LossGuardHook's action='skip' skips such steps")
        ema_update_(self._buffers, self._kept, 0.)
        self.skipped += 1
        self._in_a_row += 1
        # MMEngine drops the warnings of all processes but the first.
        print_log(f'{what}. This step is skipped, number {self.skipped} of this run',
                  'current', logging.ERROR if bad else logging.WARNING)
        if self._in_a_row >= self.max_in_a_row:
            raise RuntimeError(
                f'{self._in_a_row} iterations without a good step, the last: {what}. {last}. Check '
                'the images and labels, lower the learning rate, or clip the gradients '
                '(optim_wrapper.clip_grad)')

    def _is_bad_anywhere(self, bad: bool) -> bool:
        """Tell whether an iteration was bad; where steps are skipped, in any process.

        All then restore their buffers and count the same, also where an iteration of gradient
        accumulation makes no step, by which the others would know.
        """
        if self.action == 'stop' or get_world_size() == 1:
            return bad
        flag = torch.tensor(float(bad))
        all_reduce(flag, op='max')
        return bool(flag)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Stop rather than write weights that are not finite, and maybe delete the good ones.

        Raises:
            RuntimeError: If a weight is NaN or infinite.
        """
        if not all_finite(p for p in runner.model.parameters() if p.is_floating_point()):
            raise RuntimeError(
                'the weights are NaN or infinite, though the losses of this process are not. '
                "Another process's loss may be the cause: see its message. Else it is a gradient: "
                'lower the learning rate or clip the gradients (optim_wrapper.clip_grad), or skip '
                "such steps by LossGuardHook's action='skip'. This checkpoint is not written. The "
                f'last one: {find_latest_checkpoint(runner.work_dir) or "none yet"}')


def describe_batch(data_batch: dict, losses: List[str]) -> str:
    """Name the images of a batch that a loss is about.

    Args:
        data_batch (dict): What the dataloader gave: ``inputs`` and ``data_samples``, each a list
            or, by branch, lists with None.
        losses (list[str]): Names of the bad losses; empty if that is not known.

    Returns:
        str: Branch, id and path of those images whose pixels or labels are not finite or, without
        such, of all that belong to the losses.
    """
    inputs, samples = data_batch['inputs'], data_batch['data_samples']
    if not isinstance(samples, dict):
        inputs, samples = dict(batch=inputs), dict(batch=samples)
    entries = {
        branch: [(image, sample) for image, sample in zip(inputs[branch], samples[branch])
                 if sample is not None]
        for branch in samples if branch != 'unsup_student'}  # other views of the same images
    spoilt = {branch: [e for e in pairs if not _is_finite(*e)] for branch, pairs in entries.items()}
    if any(spoilt.values()):
        return 'Images whose pixels or labels are not finite: ' + _names(spoilt)
    sides = {branch for branch in entries for name in losses
             if name != 'loss' and branch.split('_')[0] in name.split('_')}
    return 'It is the batch of ' + _names(
        {branch: pairs for branch, pairs in entries.items() if branch in sides or not sides})


def _names(entries: Dict[str, list]) -> str:
    texts = []
    for branch, pairs in entries.items():
        names = [f"{sample.metainfo.get('img_path')} (id {sample.metainfo.get('id')})"
                 for _, sample in pairs[:_MAX_NAMES]]
        if len(pairs) > _MAX_NAMES:
            names.append(f'{len(pairs) - _MAX_NAMES} more')
        if names:
            texts.append(f'{branch}: ' + ', '.join(names))
    return '; '.join(texts)


def _is_finite(image: Tensor, sample: Any) -> bool:
    parts = [sample.get(name) for name in ('gt_instances', 'gt_instance_labels', 'gt_fields')]
    values = [image] + [value for part in parts if part is not None for value in part.values()]
    tensors = [torch.as_tensor(v) for v in values
               if isinstance(v, Tensor) or getattr(getattr(v, 'dtype', None), 'kind', '') == 'f']
    return all(t.isfinite().all() for t in tensors if t.is_floating_point())
