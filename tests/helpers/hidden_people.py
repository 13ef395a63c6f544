"""Hidden keypoints in batches, and what a HiddenLabelHook uses of a Runner."""
from types import SimpleNamespace

import numpy as np
from mmpose.registry import MODELS

import mmpose_mum  # noqa: F401
from mmpose_mum.functional.branches import BRANCHES
from mmpose_mum.testing import tiny_config

NAMES = ['left_hand', 'right_hand', 'left_foot', 'right_foot']
META = dict(keypoint_id2name=dict(enumerate(NAMES)))
# Left and right of a pair are far from each other.
KEYPOINTS = np.array([[30, 20], [110, 32], [38, 78], [100, 86]], np.float32)


class FakeRunner:
    """What the hook uses of a Runner."""

    def __init__(self, teacher=None, iteration=9):
        self.model = MODELS.build(tiny_config())
        if teacher is not None:
            self.model.teacher = teacher
        self.model.train()
        self.iter = iteration
        self.train_dataloader = SimpleNamespace(dataset=SimpleNamespace(metainfo=META))
        self.written = []
        self.visualizer = SimpleNamespace(
            add_scalars=lambda values, step: self.written.append((step, values)))


def with_hidden(batch):
    """Adds hidden keypoints to the unlabeled samples of ``tiny_loader_batch``."""
    for branch in BRANCHES[1:]:
        for sample in batch['data_samples'][branch]:
            if sample is not None:
                sample.set_metainfo(dict(
                    hidden_keypoints=KEYPOINTS[None] * .8,
                    hidden_visible=np.ones((1, 4), np.float32)))
    return batch
