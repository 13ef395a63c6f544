"""Nested containers come back as what they were."""
from typing import Any, NamedTuple

import torch

from mmpose_mum.functional.nested import map_tensors, tensors_of


class Pair(NamedTuple):
    """A container whose constructor takes its items one by one."""
    low: Any
    high: Any


def test_containers_keep_their_kind_and_order():
    one, two, three = map(torch.tensor, (1, 2, 3))
    value = Pair((one, 'kept'), {'a': [two], 'b': three})
    assert map_tensors(torch.Tensor.item, value) == Pair((1, 'kept'), {'a': [2], 'b': 3})
    assert tensors_of(value) == [one, two, three]
