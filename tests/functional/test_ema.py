"""The fused moving average equals a plain loop, copies what cannot be averaged, and warms up."""
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.student_teacher_pair import network, snapshot
from mmpose_mum.functional.ema import (
    ModelEma,
    ema_update_,
    paired_tensors,
    warmed_up_momentum,
)


def tensors(seed):
    """Returns what a model holds: weights, statistics, a scalar, a count, a mask; odd layouts."""
    generator = torch.Generator().manual_seed(seed)

    def rand(*shape, **kwargs):
        return torch.rand(shape, generator=generator, **kwargs)

    return [
        torch.nn.Parameter(rand(4, 3, 2, 2)),
        rand(5, 6).t(),
        rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
        rand(),
        torch.tensor(seed * 10 + 1),  # num_batches_tracked
        rand(3, dtype=torch.float64),
        rand(6) > .5,
        rand(0),
    ]


def clones(values):
    return [v.detach().clone() for v in values]


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_updates_equal_a_plain_loop(momenta):
    teacher = tensors(0)
    expected = clones(teacher)
    for step, momentum in enumerate(momenta, start=1):
        student = tensors(step)
        ema_update_(teacher, student, momentum)
        for t, s in zip(expected, student):
            t.copy_(momentum * t + (1 - momentum) * s.detach() if t.is_floating_point() else s)
    for t, e in zip(teacher, expected):
        torch.testing.assert_close(t.detach(), e)


@pytest.mark.parametrize('momentum', [0., .5, .999])
def test_counts_and_masks_are_copied(momentum):
    teacher, student = tensors(0), tensors(3)
    ema_update_(teacher, student, momentum)
    assert teacher[4] == 31 and teacher[4].dtype == torch.int64
    assert torch.equal(teacher[6], student[6])


def test_momentum_0_is_a_copy_to_the_bit():
    # Values so far apart that t + 1·(s − t) would round, and ones it would turn into NaN.
    teacher = [torch.tensor([1e8, -3e30, float('inf'), float('nan'), 1.])]
    student = [torch.tensor([1.2345678, 7e-20, 2., 3., float('inf')])]
    ema_update_(teacher, student, 0)
    assert torch.equal(teacher[0], student[0])
    assert teacher[0].data_ptr() != student[0].data_ptr()


def test_momentum_1_keeps_the_teacher():
    teacher = tensors(0)
    before = clones(teacher)
    ema_update_(teacher, tensors(1), 1.)
    for i, (t, b) in enumerate(zip(teacher, before)):
        assert torch.equal(t.detach(), b) == (i not in (4, 6))  # the copied ones


@pytest.mark.parametrize('momentum', [0., .9])
def test_the_student_and_the_teachers_storage_are_left_alone(momentum):
    teacher, student = tensors(0), tensors(1)
    before, places = clones(student), [t.data_ptr() for t in teacher]
    strides = [t.stride() for t in teacher]
    ema_update_(teacher, student, momentum)
    assert all(torch.equal(s.detach(), b) for s, b in zip(student, before))
    assert [t.data_ptr() for t in teacher] == places  # in place
    assert [t.stride() for t in teacher] == strides


def test_nothing_is_recorded_for_a_gradient():
    teacher = [torch.nn.Parameter(torch.zeros(2))]
    student = [torch.nn.Parameter(torch.ones(2))]
    ema_update_(teacher, student, .5)
    assert teacher[0].is_leaf and teacher[0].grad_fn is None
    assert student[0].grad is None


def test_statistics_alone_and_empty_lists():
    count = [torch.tensor(3)]
    ema_update_(count, [torch.tensor(5)], .9)
    assert count[0] == 5
    ema_update_([], [], .9)


def test_lists_of_different_length_are_refused_before_anything_changes():
    teacher = [torch.zeros(2), torch.zeros(2)]
    with pytest.raises(ValueError, match='the teacher has 2 tensors and the student 1'):
        ema_update_(teacher, [torch.ones(2)], .5)
    assert torch.equal(teacher[0], torch.zeros(2))


def test_a_generator_is_refused_since_it_would_be_exhausted_halfway():
    module = torch.nn.BatchNorm1d(2)
    with pytest.raises(TypeError):
        ema_update_(module.buffers(), module.buffers(), .5)


def test_the_warm_up_rises_from_a_copy_to_the_final_momentum():
    momenta = [warmed_up_momentum(n, .99) for n in range(300)]
    assert momenta[0] == 0
    assert momenta == sorted(momenta)
    assert momenta[98] == pytest.approx(98 / 99) and momenta[97] < momenta[98] < .99
    assert set(momenta[100:]) == {.99}


def test_the_warm_up_gives_the_mean_of_the_first_values():
    values = [torch.full((2, ), float(v)) for v in (4, 8, -3, 7, 0, 2)]
    teacher = [torch.full((2, ), 123.)]  # forgotten by the first update
    for n, value in enumerate(values):
        ema_update_(teacher, [value], warmed_up_momentum(n, .999))
        assert torch.allclose(teacher[0], torch.stack(values[:n + 1]).mean(0), atol=1e-5)


@pytest.mark.parametrize('updates', [0, 1, 1000])
def test_no_momentum_stays_none(updates):
    assert warmed_up_momentum(updates, 0.) == 0


@pytest.mark.parametrize('momentum', [0., .9])
def test_on_the_meta_device(momentum):
    teacher = [torch.zeros(2, device='meta'), torch.zeros((), dtype=torch.int64, device='meta')]
    ema_update_(teacher, [torch.ones_like(t) for t in teacher], momentum)
    assert all(t.is_meta for t in teacher)


def test_models_that_differ_are_named_tensor_by_tensor():
    wider, more = network(), network()
    wider[3] = torch.nn.Conv2d(6, 5, 1)
    more.add_module('extra', torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match=r'shape or dtype: 3.weight \(5, 6, 1, 1\) against \(2,'):
        paired_tensors(wider, network())
    with pytest.raises(ValueError, match='only one of them has: extra.bias, extra.weight'):
        paired_tensors(network(), more)
    with pytest.raises(ValueError, match='shape or dtype: 0.weight'):
        paired_tensors(network(), network().half())


@pytest.mark.parametrize('average_buffers', [True, False])
def test_a_model_follows_another_by_its_momentum(average_buffers):
    teacher, student = network(0), network(1)
    student.train()(torch.randn(4, 3, 8, 8))
    before = snapshot(teacher)
    ema = ModelEma(teacher, student, average_buffers)
    assert not ema.equal()
    ema.update(.75)
    for name, tensor in teacher.state_dict().items():
        theirs = student.state_dict()[name]
        if name.endswith('num_batches_tracked') or ('running' in name and not average_buffers):
            assert torch.equal(tensor, theirs), name
        else:
            torch.testing.assert_close(tensor, .75 * before[name] + .25 * theirs)
    assert not ema.equal()
    ema.copy()
    assert ema.equal()
    for name, tensor in teacher.state_dict().items():
        assert torch.equal(tensor, student.state_dict()[name]), name


@pytest.mark.parametrize('own', [False, True])
def test_statistics_are_the_students_and_the_teachers_if_it_gathers_its_own(own):
    """Those that differ between processes until somebody averages them."""
    teacher, student = network(0), network(1)
    found = {id(tensor) for tensor in ModelEma(teacher, student, own_buffers=own).statistics}
    for name in ('running_mean', 'running_var'):
        assert id(getattr(student[1], name)) in found
        assert (id(getattr(teacher[1], name)) in found) == own
