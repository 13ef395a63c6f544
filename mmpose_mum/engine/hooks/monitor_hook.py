"""The hook that says when the pseudo-labels have gone wrong, why, and what to do about it."""
import logging
from collections import deque
from typing import Any, Deque, Dict, Optional

import numpy as np
import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmpose.registry import HOOKS
from torch import Tensor

from ...functional.spread import moments, spreads
from ..wrappers import model_with, unwrapped

# What the estimator logs of each pair of models, in the order of `_Pair.figures`.
FIGURES = ('unsup_loss', 'unsup_weight', 'teacher_confidence', 'keypoints_used')
_BEST = 'pseudo_labels_at_their_best'  # in the checkpoint's message hub

# Healthy runs of 2,000 to 4,000 steps on Leeds Sports, of five methods, had confidences of 0.15
# to 0.28, never below 0.55 of their highest. The views alone spread a keypoint by several per cent.
NO_CONFIDENCE = 0.02  # mean score below which the teacher sees nothing
LOST_CONFIDENCE = 0.25  # of the highest mean
NO_SPREAD = 0.01  # standard deviation, in widths and heights of the input
LOST_SPREAD = 0.1  # of the largest
ONE_SPOT = 0.02  # standard deviation of the keypoints of an image, likewise


class _Pair:
    """The last figures and looks of a student and its teacher, and their best."""

    def __init__(self, window: int, looks: int, best: Optional[dict]) -> None:
        self.figures: Deque[Any] = deque(maxlen=window)
        self.looks: Deque[Tensor] = deque(maxlen=looks)
        self.best = dict(best or dict(confidence=0., loss=0., spread=0.))
        self.symptoms: Dict[str, str] = {}


@HOOKS.register_module()
class PseudoLabelMonitorHook(Hook):
    """Watch the unlabeled branch, and say what is wrong with it, why, and what helps.

    After the burn-in, over the last ``window`` iterations:

    * **no signal**: ``unsup_loss`` was exactly 0, or no keypoint counted (``keypoints_used``);
    * **background**: ``teacher_confidence`` is near 0, or has fallen to a quarter of its highest
      mean while ``unsup_loss``, divided by its weight, has fallen too: both models agree on
      background;
    * **one place**: a keypoint lies at the same place of the input in all images, or its spread is
      less than a tenth of its largest, or all keypoints of an image lie at one spot.

    A symptom is logged when it appears and when it is over. It can be logged again later. At the
    start the hook also logs if the unlabeled images will never count.

    The figures are those that MMEngine has read from the device for its log. For the keypoints, the
    teacher, or the labeler, runs once more on the weak view every ``interval`` iterations, and is
    read once. The hook does not change the training, bit for bit. With several processes the
    figures are averaged over all, so all of them stop.

    Args:
        interval (int): Iterations from one look to the next.
        window (int): Iterations that a symptom must last.
        on_collapse (str): ``'warn'`` to log, or ``'stop'`` to end the run, whose last checkpoint
            stays.

    Raises:
        ValueError: If an argument is out of its range.
        TypeError: At the start of the training, if the model has no teacher and targets.
        RuntimeError: In training with ``'stop'``, when a symptom appears.
    """

    priority = 'ABOVE_NORMAL'  # before EMANHook and before checkpoints are written

    def __init__(self, interval: int = 50, window: int = 200, on_collapse: str = 'warn') -> None:
        if not 1 <= interval <= window:
            raise ValueError('interval must be at least 1 and window at least interval, got '
                             f'{interval} and {window}')
        if on_collapse not in ('warn', 'stop'):
            raise ValueError(f"on_collapse must be 'warn' or 'stop', got {on_collapse!r}")
        self.interval = interval
        self.window = window
        self.on_collapse = on_collapse

    def before_train(self, runner) -> None:
        """Check the model, and whether its unlabeled images will ever count."""
        model = model_with(runner.model, type(self).__name__, 'a teacher and targets', 'pairs',
                           'target_maker')
        best = runner.message_hub.get_info(_BEST, default={})
        self._pairs = {prefix: _Pair(self.window, self.window // self.interval, best.get(prefix))
                       for prefix in model.pairs()}
        if model.unsup_weight == 0 or model.burn_in >= runner.max_iters:
            _tell('the unlabeled images never count: '
                  + ('unsup_weight is 0' if model.unsup_weight == 0 else
                     f'the burn-in of {model.burn_in} iterations is as long as the training of '
                     f'{runner.max_iters}. Shorten the burn-in'))

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Take the figures of this iteration and, every ``interval``, judge."""
        model = unwrapped(runner.model)
        for prefix, pair in self._pairs.items():
            if prefix + 'unsup_loss' in (outputs or ()):  # not so in the burn-in
                # From where MMEngine has put them: the device need not be asked again.
                pair.figures.append([
                    runner.message_hub.get_scalar(f'train/{prefix}{name}').current()
                    for name in FIGURES])
        # Before the burn-in's end, so that there is something to compare with right after it.
        if (self.every_n_train_iters(runner, self.interval)
                and runner.iter >= model.burn_in - self.window):
            self._look(model, data_batch)
            for prefix, pair in self._pairs.items():
                self._judge(runner, model, prefix, pair)
            runner.message_hub.update_info(
                _BEST, {prefix: pair.best for prefix, pair in self._pairs.items()})

    def _look(self, model, data_batch: dict) -> None:
        images, samples = model.weak_view(data_batch)
        for prefix, (_, teacher) in model.pairs().items():
            keypoints = model.look(teacher, images, samples).keypoints
            self._pairs[prefix].looks.append(
                moments(keypoints / keypoints.new_tensor(images.shape[:1:-1])).cpu())

    def _judge(self, runner, model, prefix: str, pair: _Pair) -> None:
        if len(pair.looks) != pair.looks.maxlen:
            return
        looks = torch.stack(list(pair.looks)).sum(0)
        all_reduce(looks)  # over the processes
        spread, apart = spreads(looks)
        found = {}
        if len(pair.figures) == self.window:
            mean = torch.from_numpy(_finite_mean(np.array(pair.figures, dtype=np.float64)))
            all_reduce(mean, op='mean')
            loss, weight, confidence, used = mean.tolist()
            found = {**_no_signal(loss, confidence, used, model.target_maker),
                     **_background(loss / weight, confidence, pair.best),
                     **_one_place(spread, apart, pair.best)}
            if confidence > pair.best['confidence']:
                pair.best.update(confidence=confidence, loss=loss / weight)
        pair.best['spread'] = max(pair.best['spread'], spread)
        for symptom in pair.symptoms.keys() - found.keys():
            print_log(f'iteration {runner.iter + 1}: "{prefix}{symptom}" is over', 'current')
        new = [f'iteration {runner.iter + 1}: {prefix}{symptom}: {found[symptom]}'
               for symptom in found if symptom not in pair.symptoms]
        pair.symptoms = found
        for text in new:
            _tell(text)
        if new and self.on_collapse == 'stop':
            last = runner.message_hub.get_info('last_ckpt')
            raise RuntimeError(' '.join(new) + f'. Stopped, as on_collapse is \'stop\'. '
                               f'The last checkpoint: {last or "none yet"}')


def _finite_mean(rows: np.ndarray) -> np.ndarray:
    """Average the finite rows; those of a skipped step may not be finite."""
    finite = rows[np.isfinite(rows).all(1)]
    return finite.mean(0) if len(finite) else np.full(rows.shape[1], np.nan)


def _no_signal(loss: float, confidence: float, used: float, targets) -> Dict[str, str]:
    if used > 0 and loss > 0 or not np.isfinite(loss):
        return {}
    if used > 0:
        why = ('unsup_loss is exactly 0 although keypoints count: student and target are the same '
               "constant, or the head's loss has a weight of 0. Look at them with "
               '`mmpose-mum preview`')
    elif targets.mode == 'threshold' and confidence < targets.threshold:
        why = (f"no keypoint counts, as the teacher's confidence, {confidence:.3g} on average, "
               f'is below the threshold of {targets.threshold:g}. Lower it, or lengthen burn_in')
    elif targets.mode == 'soft' and confidence <= 0:
        why = ("no keypoint counts, as the teacher's confidence is not above 0. Lengthen burn_in, "
               'or start from a trained checkpoint (load_from)')
    else:
        why = ("no keypoint counts, as none of the teacher's lies inside the student's view: the "
               'two views do not overlap, or the teacher has its keypoints outside. Check the '
               'boxes, and the rotation and scale of both views, with `mmpose-mum preview`')
    return {'no signal': why}


def _background(loss: float, confidence: float, best: dict) -> Dict[str, str]:
    """Judge a window's mean confidence, and its loss at weight 1."""
    if confidence < NO_CONFIDENCE:
        why = (f'teacher_confidence is {confidence:.3g} on average: the teacher finds nothing. '
               'Lengthen burn_in until the supervised loss has clearly fallen, or start from a '
               'trained checkpoint (load_from). Check that labeled training alone works')
    elif confidence < LOST_CONFIDENCE * best['confidence'] and loss < best['loss']:
        why = (f"teacher_confidence has fallen from {best['confidence']:.3g} to {confidence:.3g} "
               'while unsup_loss fell: teacher and student agree on background. Lower '
               'unsup_weight, lengthen burn_in, or weaken the strong view and its cutout')
    else:
        return {}
    return {'collapse to background': why}


def _one_place(spread: float, apart: float, best: dict) -> Dict[str, str]:
    if spread < NO_SPREAD or spread < LOST_SPREAD * best['spread']:
        why = (f"the teacher's keypoints lie at the same place in all images (standard deviation "
               f"{spread:.2g} of the input, at most {best['spread']:.2g} before)")
    elif apart < ONE_SPOT:
        why = f"all the teacher's keypoints of an image lie at one spot (within {apart:.2g})"
    else:
        return {}
    return {'collapse to one place': why + (
        '. Lengthen burn_in until the teacher tells images apart, or start from a trained '
        'checkpoint (load_from). Lower unsup_weight. Check that the views are shifted '
        '(`mmpose-mum preview`), and that labeled training alone works')}


def _tell(text: str) -> None:
    print_log(text, 'current', logging.WARNING)
