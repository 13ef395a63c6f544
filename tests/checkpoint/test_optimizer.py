"""What a resume makes of an optimizer's state is what a run that never stopped has."""
import torch

from mmpose_mum.checkpoint.optimizer import steps_to_host


class OnGpu(torch.Tensor):
    """A tensor that says that it lies on a GPU; all that one can do is to copy it to the host."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # the copy is a plain tensor

    @staticmethod
    def __new__(cls, value):
        """Make an empty one like a tensor."""
        return torch.Tensor._make_wrapper_subclass(
            cls, value.shape, dtype=value.dtype, device='cuda')

    def __init__(self, value):
        self.value = value

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        """Copy to the host."""
        assert function is torch.ops.aten._to_copy.default, function
        assert torch.device(kwargs['device']).type == 'cpu'
        return args[0].value


def test_adam_counts_on_the_host_after_a_resume_on_a_gpu():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([weight])
    weight.grad = torch.ones(2)
    optimizer.step()
    saved = optimizer.state_dict()

    def loaded():  # as a Runner with a GPU loads it
        return {**saved, 'state': {0: {name: OnGpu(value) for name, value
                                       in saved['state'][0].items()}}}

    one, several = loaded(), dict(student=loaded(), other=dict(param_groups=[]))
    for state in (one, several):
        steps_to_host(state)
        found = state.get('student', state)['state'][0]
        assert found['step'].device.type == 'cpu' and found['step'] == 1
        assert found['exp_avg'].device.type == 'cuda'


def test_an_optimizer_without_counters_is_left_alone():
    state = dict(state={0: dict(momentum_buffer=torch.ones(2)), 1: dict(step=3)}, param_groups=[])
    steps_to_host(state)
    assert state['state'][1] == dict(step=3) and list(state['state'][0]) == ['momentum_buffer']
    steps_to_host({})
