"""A student and its teacher, the least that EMANHook asks for, and what trains them in tests."""
import copy

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import nn


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 2, 1))


class Pair(BaseModel):
    """A student and its teacher, the least that the hook asks for."""

    def __init__(self, student=None):
        super().__init__()
        self.student = network() if student is None else student
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)

    def train(self, mode=True):
        """Keep the teacher in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(self, inputs, data_samples=None, mode='loss'):
        """Return a loss of the student."""
        return dict(loss=self.student(torch.stack(list(inputs))).pow(2).mean())


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


class Trainer:
    """What a Runner does around a hook: forward, OptimWrapper, the hook's entries."""

    def __init__(self, model, hook, lr=.1, wrapper=OptimWrapper, **options):
        self.model, self.hook = model.train(), hook
        self.iter = 0
        self.message_hub = MessageHub('trainer')
        self.optim_wrapper = wrapper(
            optimizer=torch.optim.SGD(
                [p for p in model.student.parameters() if p.requires_grad], lr=lr), **options)
        hook.before_train(self)

    def step(self, count=1):
        """Run iterations on images that follow from their number."""
        for _ in range(count):
            images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(self.iter))
            self.optim_wrapper.update_params(self.model(images)['loss'])
            self.hook.after_train_iter(self, self.iter)
            self.iter += 1
        return self


def assert_states_equal(first, second, **tolerance):
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, msg=lambda m, n=name: f'{n}: {m}',
                                   **(tolerance or dict(rtol=0, atol=0)))
