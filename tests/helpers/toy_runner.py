"""A Runner that trains one layer on numbers, in a hundredth of a second."""
import uuid

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmpose.registry import DATA_SAMPLERS  # noqa: F401, which registers MMPose's parts
from torch.utils.data import ConcatDataset, Dataset

import mmpose_mum  # noqa: F401


class Noise(Dataset):
    """Numbers with noise of NumPy's own generator; it counts what is read."""

    def __init__(self, size):
        self.size, self.read = size, []

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        self.read.append(int(index))
        return torch.tensor([index + np.random.rand(), 1.], dtype=torch.float32)


class Toy(BaseModel):
    """A linear layer with a teacher's name in it, dropout and a generator of its own."""

    def __init__(self, padding=0):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        self.generator = torch.Generator().manual_seed(5)
        self.register_buffer('padding', torch.zeros(padding))
        self.scores = []

    def forward(self, inputs, mode='tensor'):
        """Return a loss, or what the metric takes as a prediction."""
        if mode == 'predict':
            return [0.]
        drop = torch.nn.functional.dropout(torch.stack(list(inputs)))
        scale = torch.rand((), generator=self.generator)
        return dict(loss=(self.layer(drop) * scale - 1).square().mean() * 1e-2)

    def train_step(self, data, optim_wrapper):
        """Take a step."""
        with optim_wrapper.optim_context(self):
            loss = self(data, mode='loss')['loss']
        optim_wrapper.update_params(loss)
        return dict(loss=loss.detach())

    def val_step(self, data):
        """Predict."""
        return self(data, mode='predict')


class Score(BaseMetric):
    """Gives the scores of a list, one after the other."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores
        self.asked = 0

    def process(self, data_batch, data_samples):
        """Keep the samples."""
        self.results += data_samples

    def compute_metrics(self, results):
        """Return the next score; it draws random numbers, too."""
        torch.rand(3)
        self.asked += 1
        score = float(self.scores.pop(0))
        return dict(score=score, cost=score)


def build(work_dir, iters, *, sampler=None, loop='ResumableTrainLoop', checkpoint=None, scores=None,
          padding=0, val_interval=1000, seed=0, accumulate=1, hooks=(), sizes=(10, 14),
          metainfo=None, schedule=None, **options):
    """Builds a Runner for batches of 4 from two sources."""
    torch.manual_seed(0)
    data = ConcatDataset(list(map(Noise, sizes)))
    data.metainfo = metainfo or {}
    val = {} if scores is None else dict(
        val_dataloader=dict(dataset=Noise(1), sampler=dict(type='DefaultSampler', shuffle=False),
                            batch_size=1, num_workers=0),
        val_cfg=dict(type='ValLoop'), val_evaluator=[Score(scores)])
    return Runner(
        Toy(padding), str(work_dir), default_scope='mmpose', log_level='ERROR',
        experiment_name=uuid.uuid4().hex, log_processor=dict(by_epoch=False),
        train_dataloader=dict(
            dataset=data, batch_size=4, num_workers=0,
            sampler=sampler or dict(type='SemiSupervisedSampler', batch_size=4)),
        train_cfg=dict(type=loop, max_iters=iters, val_interval=val_interval),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=.1), accumulative_counts=accumulate),
        param_scheduler=schedule or [dict(type='LinearLR', end=20, by_epoch=False)],
        randomness=dict(seed=seed), custom_hooks=list(hooks),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1000),
            checkpoint=dict(dict(type='SafeCheckpointHook', by_epoch=False, interval=5),
                            **(checkpoint or {}))),
        **val, **options)


def weights(runner):
    """Returns what a Runner has learned, and its optimizer's state."""
    state = runner.optim_wrapper.state_dict()['state']
    return [*runner.model.state_dict().values(), *(x for s in state.values() for x in s.values())]


def same(first, second):
    """Whether two Runners are equal to the bit."""
    return all(map(torch.equal, weights(first), weights(second)))
