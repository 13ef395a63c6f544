"""Random numbers that depend only on a place in the training, not on earlier draws."""
import random
from contextlib import contextmanager
from typing import Any, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray


def seed_of(*place: int) -> int:
    """Hash a place to a seed.

    Args:
        *place (int): Numbers from 0 to 2⁶⁴ − 1, such as the run's seed and the iteration.

    Returns:
        int: A seed of 63 bits. Every generator of PyTorch takes it.

    Example:
        >>> seed_of(3, 100) == seed_of(3, 100), seed_of(3, 100) == seed_of(3, 101)
        (True, False)
    """
    return int(_words(place)[0] >> np.uint64(1))


def seed_all(*place: int) -> None:
    """Seed Python, NumPy and all of PyTorch's devices by a place, without a host sync.

    Args:
        *place (int): As for :func:`seed_of`.

    Example:
        >>> seed_all(3, 100)
        >>> first = torch.rand(2)
        >>> seed_all(3, 100)
        >>> torch.equal(torch.rand(2), first)
        True
    """
    seed_host(place)
    torch.manual_seed(seed_of(*place))


@contextmanager
def seeded(*place: int) -> Iterator[None]:
    """Seed the host's random numbers by a place, and restore their state at the end.

    The generators of accelerators keep their state, so a worker process needs no accelerator.

    Args:
        *place (int): As for :func:`seed_of`.

    Example:
        >>> with seeded(3, 100):
        ...     first = random.random()
        >>> with seeded(3, 100):
        ...     random.random() == first
        True
    """
    with preserved():
        seed_host(place)
        yield


@contextmanager
def preserved() -> Iterator[None]:
    """Restore the host's random state at the end of the context.

    Example:
        >>> seed_all(0)
        >>> first = random.random()
        >>> seed_all(0)
        >>> with preserved():
        ...     _ = random.random()
        >>> random.random() == first
        True
    """
    before = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.default_generator.set_state(before[2])


def seed_host(place: Sequence[int]) -> None:
    """Seed Python, NumPy and PyTorch's CPU generator by a place.

    Args:
        place (Sequence[int]): As for :func:`seed_of`.

    Example:
        >>> seed_host((3, 100))
        >>> first = np.random.rand()
        >>> seed_host((3, 100))
        >>> np.random.rand() == first
        True
    """
    words = _words(place)
    # Python and NumPy have the same kind of generator: two seeds, or both draw the same numbers.
    random.seed(int(words[1]))
    np.random.seed(words[2:].view(np.uint32))
    torch.default_generator.manual_seed(int(words[0] >> np.uint64(1)))


def _words(place: Sequence[int]) -> NDArray[Any]:
    """Return four random words of 64 bits for a place."""
    # NumPy itself would run numbers into one another, and ignore zeros at the end.
    entropy = [part for number in place for part in (number & 0xFFFFFFFF, number >> 32)]
    # As an array: SeedSequence would convert numbers one by one.
    words = np.array([len(place), *entropy], dtype=np.uint32)
    return np.random.SeedSequence(words).generate_state(4, np.uint64)
