"""The exponential moving average of one list of tensors in another, and its momentum's warm-up."""
from typing import Sequence

import torch
from torch import Tensor


def warmed_up_momentum(updates: int, momentum: float) -> float:
    """Momentum of an average that has seen ``updates`` values so far.

    ``min(momentum, 1 - 1 / (updates + 1))``: at first a plain mean of all students since the start,
    then the exponential average (Tarvainen and Valpola, "Mean teachers", 2017, ramp-up of α).

    Args:
        updates (int): Updates made before this one, 0 or more.
        momentum (float): The final momentum, the teacher's own share, in [0, 1).

    Returns:
        float: The momentum of this update; 0, a copy, at the first one.
    """
    return min(momentum, 1 - 1 / (updates + 1))


@torch.no_grad()
def ema_update_(teacher: Sequence[Tensor], student: Sequence[Tensor], momentum: float) -> None:
    """Update ``teacher ← momentum · teacher + (1 − momentum) · student`` in place, fused.

    Tensors that are not floating point, such as BatchNorm's ``num_batches_tracked``, are copied:
    an average of counts means nothing (EMAN, CVPR 2021, section 3.2, averages the statistics).

    Args:
        teacher (Sequence[Tensor]): Tensors to change.
        student (Sequence[Tensor]): Tensors of the same shapes, dtypes and devices, in order.
        momentum (float): The teacher's share, in [0, 1]; 0 copies, to the bit.

    Raises:
        ValueError: If one list is longer than the other.
    """
    if len(teacher) != len(student):
        raise ValueError(f'the teacher has {len(teacher)} tensors and the student {len(student)}')
    floats = [(t, s) for t, s in zip(teacher, student) if t.is_floating_point()]
    others = [(t, s) for t, s in zip(teacher, student) if not t.is_floating_point()]
    if momentum == 0:
        floats, others = [], floats + others  # lerp with weight 1 would round
    if floats:
        torch._foreach_lerp_([t for t, _ in floats], [s for _, s in floats], 1 - momentum)
    if others:
        torch._foreach_copy_([t for t, _ in others], [s for _, s in others])
