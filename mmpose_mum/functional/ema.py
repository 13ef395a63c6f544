"""The teacher as exponential moving average of its student, and the momentum's warm-up."""
from typing import Dict, List, Sequence, Set, Tuple

import torch
from torch import Tensor, nn


class ModelEma:
    """Pair the tensors of a teacher and its student once, and update them all.

    Args:
        teacher (nn.Module): The model to change.
        student (nn.Module): The model to follow.
        average_buffers (bool): Whether to average floating point buffers, such as BatchNorm's
            statistics, like the weights. If not, they are copied.
        own_buffers (bool): Whether the teacher's own forwards set its buffers. Then
            :meth:`update` leaves them alone, and only :meth:`copy` changes them.

    Attributes:
        statistics (list[Tensor]): The buffers that differ between processes: the student's
            floating point ones, and the teacher's too with ``own_buffers``.

    Raises:
        ValueError: If the models differ, see :func:`paired_tensors`.

    Example:
        >>> student, teacher = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
        >>> ema = ModelEma(teacher, student)
        >>> _ = student(torch.tensor([[0.], [20.]]))  # moves the mean from 0 to 1
        >>> ema.update(momentum=0.75)
        >>> teacher.running_mean, teacher.num_batches_tracked
        (tensor([0.2500]), tensor(1))
        >>> ema.copy()
        >>> teacher.running_mean
        tensor([1.])
    """

    def __init__(self, teacher: nn.Module, student: nn.Module,
                 average_buffers: bool = True, own_buffers: bool = False) -> None:
        self._all = paired_tensors(teacher, student)
        self._averaged: Tuple[List[Tensor], List[Tensor]] = ([], [])
        self._copied: Tuple[List[Tensor], List[Tensor]] = ([], [])
        for pair in zip(*self._all):
            is_weight = isinstance(pair[0], nn.Parameter)
            if own_buffers and not is_weight:
                continue
            averaged = average_buffers or is_weight
            for tensors, tensor in zip(self._averaged if averaged else self._copied, pair):
                tensors.append(tensor)
        owners = self._all if own_buffers else self._all[1:]
        self.statistics = [tensor for tensors in owners for tensor in tensors
                           if tensor.is_floating_point() and not isinstance(tensor, nn.Parameter)]

    def update(self, momentum: float) -> None:
        """Move the teacher towards the student; see :func:`ema_update_`.

        Args:
            momentum (float): The teacher's share, in [0, 1].
        """
        ema_update_(*self._averaged, momentum)
        ema_update_(*self._copied, 0.)

    def copy(self) -> None:
        """Make the teacher bit-identical to the student."""
        ema_update_(*self._all, 0.)

    def equal(self) -> bool:
        """Tell whether the teacher is bit-identical to the student."""
        return all(map(torch.equal, *self._all))


def paired_tensors(teacher: nn.Module, student: nn.Module) -> Tuple[List[Tensor], List[Tensor]]:
    """List the parameters and buffers of both models in the same order, shared ones once.

    Args:
        teacher (nn.Module): The teacher.
        student (nn.Module): The student. Its neck may be wrapped, as by MixUnMix.

    Returns:
        tuple[list[Tensor], list[Tensor]]: The teacher's tensors and the student's.

    Raises:
        ValueError: If the models differ in the name, shape or dtype of a tensor.

    Example:
        >>> teachers, students = paired_tensors(nn.BatchNorm1d(2), nn.BatchNorm1d(2))
        >>> len(teachers)  # weight, bias, mean, variance, count
        5
    """

    def described(model: nn.Module) -> Dict[str, Tensor]:
        state = model.state_dict(keep_vars=True)
        seen: Set[int] = set()
        unique: Dict[str, Tensor] = {}
        for name, tensor in state.items():
            if id(tensor) not in seen:
                seen.add(id(tensor))
                unique[name] = tensor
        return unique

    ours, theirs = described(teacher), described(student)
    missing = sorted(ours.keys() ^ theirs.keys())
    differing = [n for n in ours if n in theirs and
                 (ours[n].shape, ours[n].dtype) != (theirs[n].shape, theirs[n].dtype)]
    found = []
    if missing:
        found.append(f'tensors that only one of them has: {", ".join(missing[:5])}')
    if differing:
        found.append('shape or dtype: ' + ', '.join(
            f'{n} {tuple(ours[n].shape)} against {tuple(theirs[n].shape)}' for n in differing[:5]))
    if found:
        raise ValueError(
            f'teacher and student must be the same model, but differ in {"; ".join(found)}')
    return list(ours.values()), [theirs[name] for name in ours]


def momentum_for(max_iters: int) -> float:
    """Choose the momentum of a teacher by the length of its training.

    An average remembers about ``1 / (1 - momentum)`` steps. This memory is an 80th of the training,
    but at least 200 steps, or a 12.5th of the training if that is less. It is never below 100 or
    above 2,500 steps. So 200,000 steps get MUM's 0.9996. 2,500 and 5,000 steps get 0.995, as in
    Leeds' configs.

    Args:
        max_iters (int): Steps of the training.

    Returns:
        float: The momentum: the teacher's own share in an update, rounded to four digits.

    Example:
        >>> [momentum_for(steps) for steps in (1200, 2500, 5000, 40000, 200000)]
        [0.99, 0.995, 0.995, 0.998, 0.9996]
    """
    memory = max(max_iters / 80, min(200, max_iters / 12.5))
    return round(1 - 1 / min(max(memory, 100), 2500), 4)


def warmed_up_momentum(updates: int, momentum: float) -> float:
    """Return the momentum of an average that has seen ``updates`` values so far.

    It is ``min(momentum, 1 - 1 / (updates + 1))``. At first this is the plain mean of all students
    since the start, later the exponential average (Tarvainen and Valpola, "Mean teachers", 2017,
    ramp-up of α).

    Args:
        updates (int): Updates made before this one, 0 or more.
        momentum (float): The final momentum, the teacher's own share, in [0, 1).

    Returns:
        float: The momentum of this update. The first one has 0, which copies the student.

    Example:
        >>> [warmed_up_momentum(n, momentum=0.75) for n in range(5)]
        [0.0, 0.5, 0.6666666666666667, 0.75, 0.75]
    """
    return min(momentum, 1 - 1 / (updates + 1))


@torch.no_grad()
def ema_update_(teacher: Sequence[Tensor], student: Sequence[Tensor], momentum: float) -> None:
    """Update ``teacher ← momentum · teacher + (1 − momentum) · student`` in place, fused.

    Other than floating point tensors are copied, such as BatchNorm's ``num_batches_tracked``: an
    average of counts means nothing (EMAN, CVPR 2021, section 3.2, averages the statistics).

    Args:
        teacher (Sequence[Tensor]): Tensors to change.
        student (Sequence[Tensor]): Tensors of the same shapes, dtypes and devices, in order.
        momentum (float): The teacher's share, in [0, 1]; 0 copies exactly.

    Raises:
        ValueError: If one list is longer than the other.

    Example:
        >>> teacher, student = [torch.tensor(0.)], [torch.tensor(1.)]
        >>> ema_update_(teacher, student, momentum=0.75)
        >>> teacher
        [tensor(0.2500)]
    """
    if len(teacher) != len(student):
        raise ValueError(f'the teacher has {len(teacher)} tensors and the student {len(student)}')
    floats = [(t, s) for t, s in zip(teacher, student) if t.is_floating_point()]
    others = [(t, s) for t, s in zip(teacher, student) if not t.is_floating_point()]
    if momentum == 0:
        floats, others = [], floats + others  # lerp with weight 1 would round
    if floats:
        torch._foreach_lerp_([t for t, _ in floats], [s for _, s in floats], 1 - momentum)
    for dtype in {t.dtype for t, _ in others}:  # PyTorch fuses the tensors of one dtype alone
        same = [(t, s) for t, s in others if t.dtype == dtype]
        torch._foreach_copy_([t for t, _ in same], [s for _, s in same])
