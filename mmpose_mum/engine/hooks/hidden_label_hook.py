"""The hook that measures how right the teacher's targets are, on hidden labels."""
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmpose.registry import HOOKS
from torch import Tensor

from ..._moved import old_names
from ...functional.tally import BINS, bin_names, tally
from ...functional.warp import inside_view, longer_sides, swap_left_right, warp_keypoints
from ..keypoint_names import keypoint_names
from ..wrappers import model_with, unwrapped

__getattr__ = old_names(__name__)


@HOOKS.register_module()
class HiddenLabelHook(Hook):
    """Compare the teacher's targets with true keypoints that the training does not see.

    This is for diagnosis, on "unlabeled" people whose labels are known: set ``keep_hidden=True`` in
    ``UnlabeledPoseDataset``. Every ``interval`` iterations the teacher, or the labeler, runs once
    more, in float32, on the weak view of the batch, before it is updated. A keypoint counts if its
    label is visible and inside the view, and its target has a weight. It has none if a labeler's
    json lacks it, or if several labelers are far apart. It is right if its error is below ``thr``
    times the longer side of the person's box. In a flipped view keypoints have the names that they
    have for the teacher.

    At each validation and at the end of the training, the shares since the last readout go to the
    visualizer's backends (``vis_data/scalars.json``), with the iteration as ``step``:

    * ``hidden/PCK``, the share of right keypoints, and ``hidden/PCK_<keypoint>`` of each keypoint;
    * ``hidden/confidence_0.3-0.4``, the share of right keypoints among those with a score in that
      bin, the upper end excluded. The first and last bin include scores below 0 and above 1;
    * ``hidden/share_0.3-0.4``, the share of keypoints in that bin.

    A share of no keypoints is not written. The hook does not change the training, bit for bit. It
    reads nothing from the device between two readouts.

    Args:
        interval (int): Iterations from one look to the next.
        thr (float): Distance below which a keypoint is right, in longer sides of the box.

    Raises:
        ValueError: If an argument is out of its range; in training, if samples have no hidden
            keypoints.
        TypeError: At the start of the training, if the model has no teacher and targets.
    """

    priority = 'ABOVE_NORMAL'  # before EMANHook: the teacher that this iteration's targets are from

    def __init__(self, interval: int = 10, thr: float = 0.1) -> None:
        if interval < 1 or thr <= 0:
            raise ValueError('interval must be at least 1 and thr more than 0, got '
                             f'{interval} and {thr}')
        self.interval = interval
        self.thr = thr
        # Right and all keypoints (2, K + BINS), by keypoint and by score.
        self._counts: Optional[Tensor] = None

    def before_train(self, runner) -> None:
        """Check the model and forget earlier counts."""
        model_with(runner.model, 'HiddenLabelHook', 'a teacher and targets', 'teacher',
                   'target_maker')
        self._counts = None

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Count right keypoints in this batch, if it is one of the ``interval``'s."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        model = unwrapped(runner.model)
        images, samples = model.weak_view(data_batch)
        truth, counts, radius = hidden_keypoints(samples, tuple(images.shape[2:]))
        seen = model.look(model.teacher, images, samples)
        truth, counts, radius = (
            x.to(seen.keypoints.device, non_blocking=True) for x in (truth, counts, radius))
        if seen.weights is not None:
            counts &= seen.weights > 0
        right = (seen.keypoints - truth).norm(dim=-1) < self.thr * radius
        found = tally(right, counts, seen.scores, BINS)
        self._counts = found if self._counts is None else self._counts + found

    def before_val(self, runner) -> None:
        """Write what has been counted since the last time."""
        self._read_out(runner)

    def after_train(self, runner) -> None:
        """Write what has been counted since the last validation."""
        self._read_out(runner)

    def _read_out(self, runner) -> None:
        if self._counts is None:
            return
        counts, self._counts = self._counts, None
        all_reduce(counts)  # over the processes
        right, total = counts.tolist()
        names = keypoint_names(runner, len(total) - BINS)
        values = shares(right, total, names)
        runner.visualizer.add_scalars(values, step=runner.iter)
        counted = sum(total[:len(names)])
        if not counted:
            print_log('hidden keypoints: none was inside a weak view', 'current')
            return
        by_keypoint = {name: values[f'hidden/PCK_{name}'] for name in names
                       if f'hidden/PCK_{name}' in values}
        best, worst = (pick(by_keypoint, key=by_keypoint.__getitem__) for pick in (max, min))
        print_log(
            f"hidden keypoints: {values['hidden/PCK']:.1%} of the teacher's {counted} are within "
            f'{self.thr:g} of the box; best {best} {by_keypoint[best]:.1%}, worst {worst} '
            f'{by_keypoint[worst]:.1%}', 'current')


def hidden_keypoints(samples: Sequence, size: Tuple[int, int]) -> Tuple[Tensor, Tensor, Tensor]:
    """Carry the hidden keypoints of a batch into its views.

    Args:
        samples (Sequence[PoseDataSample]): Samples with hidden keypoints, boxes and ``warp_mat``.
        size (tuple[int, int]): Height and width of the views, in pixels.

    Returns:
        tuple[Tensor, Tensor, Tensor]: On the host: the keypoints (B, K, 2) in pixels of the view,
        under the names that they have there; bool (B, K), which of them are visible and inside the
        view; (B, 1), the longer side of each person's box, in pixels of the view.

    Raises:
        ValueError: If a sample has no hidden keypoints.
    """
    metas = [sample.metainfo for sample in samples]
    if not all('hidden_keypoints' in meta and 'hidden_visible' in meta for meta in metas):
        raise ValueError(
            'an unlabeled sample has no hidden keypoints to compare the teacher with: set '
            'keep_hidden=True in the UnlabeledPoseDataset, whose ann_file must hold keypoints, and '
            'end its pipelines with WeakView and StrongView, or with PackPoseInputs whose '
            "meta_keys name 'hidden_keypoints' and 'hidden_visible'")
    matrix = torch.from_numpy(np.stack([meta['warp_mat'] for meta in metas]))
    flip = torch.tensor([bool(meta['flip']) for meta in metas])
    keypoints = torch.from_numpy(np.concatenate([meta['hidden_keypoints'] for meta in metas]))
    visible = torch.from_numpy(np.concatenate([meta['hidden_visible'] for meta in metas])) > 0
    keypoints = warp_keypoints(keypoints, matrix)
    keypoints, visible = (
        swap_left_right(x, metas[0]['flip_indices'], flip) for x in (keypoints, visible))
    boxes = torch.from_numpy(np.concatenate([sample.gt_instances.bboxes for sample in samples]))
    return keypoints, visible & inside_view(keypoints, size), longer_sides(boxes, matrix)[:, None]


def shares(right: List[int], total: List[int], names: Sequence[str]) -> Dict[str, float]:
    """Name and divide the counts of :func:`functional.tally.tally`; see :class:`HiddenLabelHook`.

    Args:
        right (list[int]): Right keypoints, by keypoint and then by bin.
        total (list[int]): All keypoints that count, likewise.
        names (Sequence[str]): Names of the keypoints.

    Returns:
        dict[str, float]: The scalars; those that would be a share of nothing are missing.
    """
    number = len(names)
    everything = sum(total[:number])
    labels = [f'PCK_{name}' for name in names] + [f'confidence_{name}' for name in bin_names()]
    pairs = {'PCK': (sum(right[:number]), everything), **dict(zip(labels, zip(right, total))),
             **{f'share_{name}': (n, everything) for name, n in zip(bin_names(), total[number:])}}
    return {f'hidden/{name}': part / whole for name, (part, whole) in pairs.items() if whole}
