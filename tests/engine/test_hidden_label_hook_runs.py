"""A training with the hook is the one without it, to the bit."""
import json
import uuid
from types import SimpleNamespace

import numpy as np
import torch
from hidden_people import META, NAMES, FakeRunner, with_hidden
from mmengine.runner import Runner
from mmpose.registry import MODELS
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mmpose_mum.engine import EMANHook, HiddenLabelHook
from mmpose_mum.testing import tiny_config, tiny_loader_batch


class Batches(Dataset):
    """Whole batches, of which each is one item."""

    metainfo = META

    def __len__(self):
        return 6

    def __getitem__(self, index):
        """Makes the batch of this number."""
        return with_hidden(tiny_loader_batch(seed=index))


class Noisy(nn.Module):
    """Dropout behind a model's backbone, so that training draws random numbers."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone, self.dropout = backbone, nn.Dropout(.3)

    def forward(self, images):
        """Drops out features."""
        return tuple(self.dropout(x) for x in self.backbone(images))


def train(work_dir, *hooks):
    torch.manual_seed(0)
    model = MODELS.build(tiny_config(mix_unmix=False))
    model.student.backbone = Noisy(model.student.backbone)
    model.teacher.backbone = Noisy(model.teacher.backbone)
    runner = Runner(
        model, str(work_dir),
        train_dataloader=DataLoader(Batches(), collate_fn=lambda batches: batches[0]),
        optim_wrapper=dict(
            type='OptimWrapper', constructor='StudentOptimWrapperConstructor',
            optimizer=dict(type='Adam', lr=1e-3)),
        train_cfg=dict(by_epoch=False, max_iters=6),
        default_hooks=dict(logger=None, timer=None, sampler_seed=None, checkpoint=None),
        custom_hooks=[EMANHook(momentum=.9), *hooks], default_scope='mmpose',
        experiment_name=uuid.uuid4().hex, log_level='WARNING')
    torch.manual_seed(1)
    np.random.seed(1)
    runner.train()
    return runner, (torch.get_rng_state(), np.random.get_state()[1].copy())


def test_the_training_is_the_same_to_the_bit_and_the_scalars_are_stored(tmp_path):
    runner, random = train(tmp_path / 'with', HiddenLabelHook(interval=2, thr=.3))
    plain, plain_random = train(tmp_path / 'without')
    assert torch.equal(random[0], plain_random[0]) and (random[1] == plain_random[1]).all()
    expected = plain.model.state_dict()
    for name, tensor in runner.model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    assert runner.model.student.training and not runner.model.teacher.training
    optimizer, other = (r.optim_wrapper.state_dict()['state'] for r in (runner, plain))
    assert all(torch.equal(optimizer[i]['exp_avg_sq'], other[i]['exp_avg_sq']) for i in other)

    path, = (tmp_path / 'with').glob('*/vis_data/scalars.json')
    entry, = (json.loads(line) for line in path.read_text().splitlines())
    assert entry['step'] == 6 and 0 <= entry['hidden/PCK'] <= 1
    assert {f'hidden/PCK_{name}' for name in NAMES} < set(entry)
    assert not list((tmp_path / 'without').glob('*/vis_data/scalars.json'))


def test_a_teacher_that_is_being_trained_gets_its_modes_back():
    runner, hook = FakeRunner(), HiddenLabelHook(interval=1)
    teacher = runner.model.teacher.train()
    teacher.backbone.bn1.eval()
    modes = [module.training for module in teacher.modules()]
    state = {name: tensor.clone() for name, tensor in runner.model.state_dict().items()}
    hook.after_train_iter(runner, 9, data_batch=with_hidden(tiny_loader_batch()))
    assert [module.training for module in teacher.modules()] == modes
    for name, tensor in runner.model.state_dict().items():
        assert torch.equal(tensor, state[name]), name


def test_it_sees_the_teacher_before_the_update():
    runner = SimpleNamespace(_hooks=[])
    for hook in (EMANHook(), HiddenLabelHook()):
        Runner.register_hook(runner, hook)
    assert isinstance(runner._hooks[0], HiddenLabelHook)
