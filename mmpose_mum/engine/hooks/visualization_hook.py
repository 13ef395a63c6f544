"""The hook that shows what happens to the unlabeled images: panels, and figures of each
keypoint.
"""
from typing import Any, Dict, List, Sequence

import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmpose.registry import HOOKS
from torch import Tensor

from ..._moved import old_names
from ...functional.tally import BINS, bin_names, tally
from ...visualization import draw_panel
from ..keypoint_names import keypoint_names
from ..wrappers import model_with, unwrapped

__getattr__ = old_names(__name__)
NEAR = .05  # share of the input's width and height: the accuracy that MMPose's heads log


@HOOKS.register_module()
class PseudoLabelVisualizationHook(Hook):
    """Draw the unlabeled images of a step, and count which keypoints were used.

    Every ``interval`` iterations a panel of that training step goes to all backends of the
    visualizer: to ``vis_data/vis_image/unlabeled_<iteration>.png``, TensorBoard, or elsewhere.
    :func:`mmpose_mum.visualization.draw_panel` says what is on it.

    Scalars over all steps since the last panel go there as well (``vis_data/scalars.json``);
    ``mmpose-mum plot`` draws them:

    * ``unsup/share_0.3-0.4``, the share of all keypoints whose score by the teacher lies in that
      bin, the upper end excluded. The first and last bin take the scores below 0 and above 1;
    * ``unsup/used_<keypoint>``, the share of that keypoint's targets that are used;
    * ``unsup/agreement_<keypoint>`` and ``unsup/agreement``, the share of the used targets where
      the student is within 5 % of the input's width and height. A keypoint that was never used has
      no such scalar.

    The scalars of a dual model's second network begin with ``second_``, as in the log. The first
    panel appears after the burn-in.

    The hook does not change the training, bit for bit: no model runs for it, and nothing is read
    from the device between two panels. With several processes, the first one draws its own images,
    and the scalars are those of all.

    Args:
        interval (int): Iterations from one panel to the next.
        num_images (int): Rows of a panel, one image each.

    Raises:
        ValueError: If an argument is out of its range.
        TypeError: At the start of the training, if the model has no unlabeled branches.
    """

    def __init__(self, interval: int = 500, num_images: int = 4) -> None:
        if interval < 1 or num_images < 1:
            raise ValueError('interval and num_images must be at least 1, got '
                             f'{interval} and {num_images}')
        self.interval = interval
        self.num_images = num_images

    def before_train(self, runner) -> None:
        """Start to watch the model."""
        model = model_with(runner.model, type(self).__name__, 'unlabeled branches', 'watchers')
        self._steps: Dict[str, Any] = {}  # of this iteration, by the pair's prefix
        self._counts: Dict[str, Tensor] = {}  # since the last panel, likewise
        model.watchers.append(self._watch)
        if model.burn_in >= self.interval:
            print_log(f'the first panel appears after the burn-in of {model.burn_in} iterations',
                      'current')

    def after_train(self, runner) -> None:
        """Stop watching."""
        unwrapped(runner.model).watchers.remove(self._watch)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Draw this iteration's step, if it is one of the ``interval``'s."""
        steps, self._steps = self._steps, {}
        if not self.every_n_train_iters(runner, self.interval):
            return
        meta = getattr(runner.train_dataloader.dataset, 'metainfo', None) or {}
        model, iteration = unwrapped(runner.model), runner.iter + 1
        for prefix, step in steps.items():
            counts = self._counts.pop(prefix)
            all_reduce(counts)  # over the processes
            names = keypoint_names(runner, step.targets.weights.shape[1])
            runner.visualizer.add_scalars(
                {f'{prefix}unsup/{name}': value
                 for name, value in figures(counts, names).items()}, step=iteration)
            if is_main_process():
                panel = draw_panel(
                    step, model.data_preprocessor, meta.get('skeleton_links', ()),
                    num_images=self.num_images, title=f'{prefix}iteration {iteration}')
                runner.visualizer.add_image(f'{prefix}unlabeled', panel, step=iteration)

    def _watch(self, step) -> None:
        self._steps[step.prefix] = step
        counts = count_keypoints(step)
        if step.prefix in self._counts:
            counts += self._counts[step.prefix]
        self._counts[step.prefix] = counts


@torch.no_grad()
def count_keypoints(step) -> Tensor:
    """Count a step's keypoints by keypoint and by score: used, all, and agreed upon.

    Args:
        step (UnlabeledStep): The step.

    Returns:
        Tensor: int64 (3, K + BINS), on the step's device: the keypoints that are used; all; and, by
        keypoint alone, those used in which the student agrees with the target.
    """
    used = step.targets.weights > 0
    height, width = step.strong.shape[2:]
    away = step.student_keypoints() - step.targets.keypoints
    agrees = torch.stack([away[..., 0] / width, away[..., 1] / height], -1).norm(dim=-1) < NEAR
    counts = tally(used, torch.ones_like(used), step.targets.scores, BINS)
    agreed = torch.zeros_like(counts[:1])
    agreed[0, :used.shape[1]] = (agrees & used).sum(0)
    return torch.cat([counts, agreed])


def figures(counts: Tensor, names: Sequence[str]) -> Dict[str, float]:
    """Name and divide the counts of :func:`count_keypoints`; see the hook.

    Args:
        counts (Tensor): (3, K + BINS).
        names (Sequence[str]): Names of the K keypoints.

    Returns:
        dict[str, float]: Shares by name; those that would be of no keypoint are missing.
    """
    used, total, agreed = counts.tolist()
    number = len(names)
    found: Dict[str, List[int]] = {'agreement': [sum(agreed), sum(used[:number])]}
    found.update((f'agreement_{name}', [agreed[i], used[i]]) for i, name in enumerate(names))
    found.update((f'used_{name}', [used[i], total[i]]) for i, name in enumerate(names))
    found.update((f'share_{name}', [n, sum(total[:number])])
                 for name, n in zip(bin_names(), total[number:]))
    return {name: part / whole for name, (part, whole) in found.items() if whole}
