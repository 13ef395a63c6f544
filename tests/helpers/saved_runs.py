"""Runs of MMEngine's Runner that take no time, and what each of the readers makes of them."""
import uuid
from pathlib import Path
from typing import Any, Callable, Dict, Optional

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import CheckpointLoader, Runner
from mmengine.visualization import Visualizer
from torch.utils.data import Dataset

from mmpose_mum.checkpoint import safe_load
from mmpose_mum.checkpoint.safe_globals import allow_mmengine_checkpoints

allow_mmengine_checkpoints()
VISUALIZER = Visualizer()  # making its figure takes as long as the rest


class Numbers(Dataset):
    """A few numbers, and whatever keypoints they are said to have."""

    def __init__(self, metainfo: Optional[dict] = None) -> None:
        if metainfo is not None:
            self.metainfo = metainfo

    def __len__(self) -> int:
        return 20  # MMEngine's loop sleeps for two seconds when it comes to the end

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor(index % 2)


class Table(BaseModel):
    """A table of 2×2, which every optimizer of PyTorch can train, the one for sparse tables too.

    Args:
        sparse (bool): Whether the gradients are sparse.
    """

    def __init__(self, sparse: bool = False) -> None:
        super().__init__()
        self.sparse = sparse
        self.table = torch.nn.Parameter(torch.ones(2, 2))

    def forward(self, inputs, mode='tensor'):
        """Return the entries."""
        return torch.nn.functional.embedding(torch.stack(list(inputs)), self.table,
                                             sparse=self.sparse)

    def train_step(self, data, optim_wrapper):
        """Take a step of each optimizer, with what LBFGS asks for and the others take."""
        def loss():
            one.zero_grad()
            value = self(data).square().mean()
            value.backward()
            return value

        wrappers = getattr(optim_wrapper, 'optim_wrappers', dict(only=optim_wrapper))
        for one in wrappers.values():
            value = one.optimizer.step(loss)
        return dict(loss=value.detach())

    def val_step(self, data):
        """Predict."""
        return [0.]


class Falling(BaseMetric):
    """A score of NumPy's, as metrics give it."""

    score = 1.

    def process(self, data_batch, data_samples):
        """Keep the samples."""
        self.results += data_samples

    def compute_metrics(self, results):
        """Return the next score, and another that is no number."""
        self.score /= 2
        return dict(score=np.float32(self.score), table=np.ones((1, 2)))


def train(work_dir: Path, iters: int = 2, *, metainfo: Optional[dict] = None, sparse: bool = False,
          **options: Any) -> Path:
    """Train, validate, and return the last checkpoint.

    Args:
        work_dir (Path): Where to.
        iters (int): Steps to train.
        metainfo (dict, optional): Of the training data.
        sparse (bool): Whether the gradients are sparse.
        **options: Of the Runner.

    Returns:
        Path: The checkpoint.
    """
    order = dict(type='DefaultSampler', shuffle=False)
    Runner(Table(sparse), str(work_dir), **{**dict(
        default_scope='mmengine', log_level='ERROR', experiment_name=uuid.uuid4().hex,
        log_processor=dict(by_epoch=False),
        train_dataloader=dict(dataset=Numbers(metainfo), sampler=order, batch_size=2),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iters, val_interval=iters),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=.1, momentum=.9)),
        val_dataloader=dict(dataset=Numbers(), sampler=order, batch_size=20),
        val_cfg=dict(type='ValLoop'), val_evaluator=[Falling()],
        default_hooks=dict(checkpoint=dict(
            type='CheckpointHook', by_epoch=False, interval=iters, max_keep_ckpts=1,
            save_best='score', rule='less')),
        visualizer=VISUALIZER, randomness=dict(seed=0)), **options}).train()
    return work_dir / f'iter_{iters}.pth'


def same(first: Any, second: Any) -> bool:
    """Whether two checkpoints hold the same, of the same types."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, (np.ndarray, np.generic)):
        return first.dtype == second.dtype and np.array_equal(first, second)
    if hasattr(first, '_log_history'):
        return same(first.data, second.data)
    return first == second


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the pickle in a checkpoint whose tensors are ``torch.ones(1)``.

    Args:
        path (Path): What ``torch.save`` wrote.
        change (callable): Takes the pickle, and returns another.
    """
    content = change(torch._C.PyTorchFileReader(str(path)).get_record('data.pkl'))
    writer = torch._C.PyTorchFileWriter(str(path))
    writer.write_record('data.pkl', content, len(content))
    one = np.ones(1, 'f4').tobytes()
    writer.write_record('data/0', one, len(one))
    writer.write_end_of_file()


def check_readers(path: Path) -> Dict[str, Any]:
    """Assert that the package's reader gives the tensors, and MMEngine's everything.

    Args:
        path (Path): A checkpoint that was just made.

    Returns:
        dict: All of it.
    """
    whole = torch.load(str(path), weights_only=False)
    tensors = safe_load.load_checkpoint(path)
    assert tensors.keys() == whole.keys()
    assert same(dict(tensors['state_dict']), dict(whole['state_dict']))
    assert same(CheckpointLoader.load_checkpoint(str(path), 'cpu'), whole)
    return whole
