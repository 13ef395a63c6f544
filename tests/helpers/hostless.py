"""Devices without values, on which whatever waits for a GPU raises, and a step of each head there.

A meta tensor has no values, and neither has a fake one of ``FakeTensorMode``: ``.item()``,
``float()``, ``nonzero`` and boolean masks raise by themselves. What they let pass is an operator
that gets a CPU tensor beside one of theirs, such as an index, and a fake tensor's copy to the
CPU. A dispatch mode refuses those.
"""
import copy
import sys
from contextlib import contextmanager

import torch
from mmpose.registry import MODELS
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from helpers.tiny_estimators import HEADS, other_batch, other_config
from mmpose_mum.testing import INPUT_SIZE, tiny, tiny_batch, tiny_config

# What moves a tensor to the device by name.
COPIES = ('aten::_to_copy', 'aten::copy_')


class NoHostTensors(TorchDispatchMode):
    """Refuse operators that mix a device's tensors with CPU tensors of one dimension or more, and
    copies from the device.

    Args:
        device (str): The device's type.

    Attributes:
        operators (set[str]): Names of the operators that ran.
    """

    def __init__(self, device='meta'):
        super().__init__()
        self.device = device
        self.operators = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        found = tree_flatten((args, kwargs))[0]
        tensors = [x for x in found if isinstance(x, torch.Tensor)]
        name = function._schema.name
        self.operators.add(name)
        if any(x.device.type == self.device for x in tensors):
            self._check(name, tensors, args, kwargs)
        elif self.device not in (getattr(x, 'type', None) for x in found):
            return self._on_host(function, args, kwargs)
        return function(*args, **kwargs)

    def _check(self, name, tensors, args, kwargs):
        if name in COPIES:
            if (kwargs.get('device') or args[0].device).type == 'cpu':
                raise AssertionError(f'{name} copies from {self.device} to the CPU')
            return
        if any(x.device.type == self.device and x.dtype == torch.float64 for x in tensors):
            raise AssertionError(f'{name} has float64 on {self.device}, which not all devices have')
        on_host = [tuple(x.shape) for x in tensors if x.device.type == 'cpu' and x.ndim > 0]
        if on_host:
            raise AssertionError(f'{name} mixes {self.device} tensors with CPU tensors {on_host}')

    def _on_host(self, function, args, kwargs):
        """Run what concerns the host alone, such as a draw of its generator: it has values."""
        return function(*args, **kwargs)


@contextmanager
def fake_cuda():
    """A CUDA device without a GPU; yields its ``NoHostTensors``.

    It knows no kernel of cuDNN, so PyTorch takes its own ones.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily

    class NoHostTensorsOnCuda(NoHostTensors):

        def _on_host(self, function, args, kwargs):
            with unset_fake_temporarily():
                return function(*args, **kwargs)

    with torch.backends.cudnn.flags(enabled=False), FakeTensorMode(allow_non_fake_inputs=True), \
            NoHostTensorsOnCuda('cuda') as mode:
        yield mode


# What a step must not do, whatever the device.
FAULTS = dict(
    item=lambda x: x.sum().item(),
    number=lambda x: float(x.sum()),
    condition=lambda x: bool((x > 0).any()),
    nonzero=lambda x: x.nonzero(),
    mask=lambda x: x[x > 0],
    cpu=lambda x: x.cpu(),
    numpy=lambda x: x.detach().cpu().numpy(),
    unique=lambda x: x.unique(),
    left_on_the_cpu=lambda x: x + torch.ones(x.shape, device='cpu'),
    index_on_the_cpu=lambda x: x.index_select(0, torch.tensor([0])))
ERRORS = (AssertionError, NotImplementedError, RuntimeError)

# A head of each kind of target maker, beside the tiny models' own; those of several stages with
# the backbones that they are made for.
STAGES = dict(
    vipnas=(None, dict(type='ViPNASHead', in_channels=32, out_channels=4, decoder=tiny.CODEC,
                       deconv_out_channels=(8, 8, 8), deconv_num_groups=(4, 4, 4),
                       loss=dict(type='KeypointMSELoss', use_target_weight=True))),
    cpm=(dict(type='CPM', in_channels=3, out_channels=4, feat_channels=4, num_stages=2),
         dict(type='CPMHead', in_channels=4, out_channels=4, num_stages=2,
              decoder=dict(tiny.CODEC, heatmap_size=(8, 12)), deconv_out_channels=None,
              final_layer=None, loss=dict(type='KeypointMSELoss', use_target_weight=True))),
    mspn=(dict(type='MSPN', unit_channels=4, num_stages=1, num_units=2, num_blocks=(1, 1),
               res_top_channels=64),
          dict(type='MSPNHead', out_shape=(24, 16), unit_channels=4, out_channels=4, num_stages=1,
               num_units=2, level_indices=[0, 1],
               loss=dict(type='KeypointMSELoss', use_target_weight=True),
               decoder=dict(type='MegviiHeatmap', input_size=INPUT_SIZE, heatmap_size=(16, 24),
                            kernel_size=7))),
    hands=(None, dict(type='InternetHead', keypoint_head_cfg=dict(
        in_channels=32, out_channels=2 * 8, depth_size=8, deconv_out_channels=(8, 8, 8),
        deconv_kernel_sizes=(4, 4, 4)),
        root_head_cfg=dict(in_channels=32, hidden_dims=(4, )),
        hand_type_head_cfg=dict(in_channels=32, hidden_dims=(4, )),
        decoder=dict(type='Hand3DHeatmap', image_size=INPUT_SIZE, root_heatmap_size=64, sigma=2.5,
                     max_bound=255, heatmap_size=[16, 24, 8], depth_size=8))))
KINDS = ('heatmap', *HEADS, *STAGES)
# Their labels are no heatmaps of one person: of these, the unlabeled half of a step is taken.
UNLABELED_ALONE = ('mspn', 'hands')


def model_of(kind, estimator='SemiSupervisedPoseEstimator', **options):
    """Builds a tiny model with one of ``KINDS``, mixed at its input, on the CPU."""
    options = dict(dict(mix_unmix=dict(sites=['input'])), **options)
    if kind in HEADS:
        cfg = other_config(kind, **options)
    else:
        cfg = tiny_config(**options)
    if kind in STAGES:
        backbone, head = copy.deepcopy(STAGES[kind])
        cfg['estimator'].update(head=head, **(dict(backbone=backbone) if backbone else {}))
    return MODELS.build(dict(cfg, type=estimator)).train()


def losses_of(kind, model, monkeypatch):
    """Returns the losses of a batch on the model's device."""
    without_hosts_own(model, monkeypatch)
    if kind in HEADS:
        return model.loss(**other_batch(kind, model, monkeypatch))
    if kind == 'cpm':
        monkeypatch.setattr(tiny, 'CODEC', STAGES['cpm'][1]['decoder'])
    batch = tiny_batch(model)
    if kind in UNLABELED_ALONE:
        return model.loss_by_teacher(model.student, model.teacher, weight=1., **batch)
    return model.loss(**batch)


def without_hosts_own(model, monkeypatch):
    """Leaves out where MMPose itself waits for the device in each step.

    Most of its heads compute in NumPy the accuracy that they log of labeled images, and RLE's loss
    lets PyTorch check the arguments of a normal distribution.
    """
    monkeypatch.setattr(torch.distributions.Distribution, '_validate_args', False)

    def none(*args, **kwargs):
        return None, 0., None

    for head in model.student.head.modules():
        module = sys.modules[type(head).__module__]
        if module.__name__.startswith('mmpose.models.heads'):
            for name in ('pose_pck_accuracy', 'simcc_pck_accuracy', 'keypoint_pck_accuracy'):
                monkeypatch.setattr(module, name, none, raising=False)
            monkeypatch.setattr(module, 'to_numpy', lambda *args, **kwargs: 0, raising=False)


def watch_for(model, fault):
    """Plants a fault into the step: something that looks at what the student answers.

    Returns:
        list: Whatever the fault was given, to tell that it was reached.
    """
    def first(x):
        return x if isinstance(x, torch.Tensor) else first(x[0])

    given = []

    def watch(step):
        given.append(first(step.output))
        fault(given[0])

    model.watchers.append(watch)
    return given
