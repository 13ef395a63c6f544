"""Models that recompute activations train in several processes, with the same gradients."""
import pytest
import torch
import torch.utils.checkpoint
from mmengine.logging import MessageHub
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import activation_checkpointing
from mmengine.runner.activation_checkpointing import turn_on_activation_checkpointing
from mmpose.registry import MODELS

from mmpose_mum.models.recompute import has_checkpoints, not_reentrant
from mmpose_mum.testing import tiny_batch, tiny_config

pytestmark = pytest.mark.filterwarnings('ignore:torch.utils.checkpoint')


@pytest.fixture
def one_process(tmp_path):
    """A process group of one, in which DistributedDataParallel counts as in many."""
    torch.distributed.init_process_group(
        'gloo', f'file://{tmp_path / "store"}', rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def model_of(kind):
    cfg = tiny_config(burn_in=1, ramp_up=0, mix_unmix=dict(sites=['input']))
    if kind in ('with_cp', 'both'):
        cfg['estimator']['backbone']['with_cp'] = True
    torch.manual_seed(0)
    model = MODELS.build(cfg).train()
    if kind in ('activation_checkpointing', 'both'):
        turn_on_activation_checkpointing(model, ['student.backbone.layer1'])
    return model


def gradients(kind):
    """Returns the student's gradients of a step in the burn-in and of one behind it."""
    model = model_of(kind)
    ddp = MMDistributedDataParallel(model, broadcast_buffers=False)
    batch, found = tiny_batch(model), []
    hub = MessageHub.get_current_instance()
    for iteration in range(2):
        hub.update_info('iter', iteration)
        model.zero_grad()
        losses = ddp(**batch, mode='loss')
        assert ('unsup_loss' in losses) == (iteration == 1)
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        found.append({name: parameter.grad.clone()
                      for name, parameter in model.student.named_parameters()})
    hub.update_info('iter', None)
    return found


@pytest.mark.parametrize('kind', ['with_cp', 'activation_checkpointing', 'both'])
def test_the_burn_in_ends_in_several_processes_with_the_plain_models_gradients(kind, one_process):
    for plain, recomputed in zip(gradients('plain'), gradients(kind)):
        assert plain.keys() == recomputed.keys()
        for name, gradient in plain.items():
            torch.testing.assert_close(recomputed[name], gradient, msg=name)


@pytest.mark.parametrize('kind, expected', [
    ('plain', False), ('with_cp', True), ('activation_checkpointing', True)])
def test_a_model_tells_whether_it_recomputes(kind, expected):
    assert has_checkpoints(model_of(kind).student) is expected


def test_everything_is_as_it_was_after_an_error():
    before = torch.utils.checkpoint.checkpoint
    with pytest.raises(KeyError):
        with not_reentrant():
            assert torch.utils.checkpoint.checkpoint is not before
            raise KeyError
    assert torch.utils.checkpoint.checkpoint is activation_checkpointing.checkpoint is before
