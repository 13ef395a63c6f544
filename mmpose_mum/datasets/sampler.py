"""Batches of labeled and unlabeled samples in a fixed ratio, without end and resumable."""
import zlib
from typing import Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmpose.registry import DATA_SAMPLERS
from torch.utils.data import ConcatDataset, Sampler

from ..configs.datasets import parts_of
from .short_form import SOURCE_NAMES


class PlacedIndex(int):
    """An index into a dataset that carries its place in the stream of samples.

    Attributes:
        place (tuple[int, int, int]): Seed of the stream, number of the source, and place in the
            source's stream, the other processes' samples counted. No two samples share it.
    """

    place: Tuple[int, int, int]


@DATA_SAMPLERS.register_module()
class SemiSupervisedSampler(Sampler):
    """Yield endless batches with a fixed number of samples of each source.

    Every source has its own shuffled passes, so each sample is seen once per pass, however small or
    large its source is. The sample at a place depends only on the seed and the place. So the
    sampler can start at any batch at once (:attr:`start_batch`), and the processes of a distributed
    run divide each source without overlap. The indices are :class:`PlacedIndex`, so the
    augmentation can depend on the place as well.

    Args:
        dataset (ConcatDataset): The sources, labeled first.
        batch_size (int, optional): Samples per batch and process. Defaults to the dataloader's,
            which :class:`ResumableTrainLoop` sets; other users set it themselves.
        source_ratio (Sequence[float]): Share of each source in a batch, such as ``[1, 1]``.
        shuffle (bool): Whether to shuffle each pass.
        seed (int, optional): Seed of the shuffling. Defaults to a random one that all processes
            share.

    Raises:
        TypeError: If the dataset is no concatenation.
        ValueError: If a source is empty or the ratio leaves one without a sample; when iterating,
            if the batch size is not set.
    """

    def __init__(self,
                 dataset: ConcatDataset,
                 batch_size: Optional[int] = None,
                 source_ratio: Sequence[float] = (1, 1),
                 shuffle: bool = True,
                 seed: Optional[int] = None) -> None:
        if not isinstance(dataset, ConcatDataset):
            raise TypeError('SemiSupervisedSampler needs a ConcatDataset of the labeled and the '
                            f'unlabeled set, got {type(dataset).__name__}')
        self.sizes = [len(source) for source in dataset.datasets]
        if len(source_ratio) != len(self.sizes):
            raise ValueError(f'source_ratio {list(source_ratio)} has {len(source_ratio)} entries, '
                             f'but there are {len(self.sizes)} sources')
        self.names = SOURCE_NAMES if len(self.sizes) == 2 else range(len(self.sizes))
        for name, size in zip(self.names, self.sizes):
            if size == 0:
                raise ValueError(f'the {name} set is empty: check its ann_file, data_prefix and '
                                 'filters')
        self.source_ratio = list(source_ratio)
        self.per_batch: List[int] = []
        self.batch_size = batch_size
        self.contents = [checksum_of(source) for source in dataset.datasets]
        self.starts = [0, *dataset.cumulative_sizes[:-1]]
        self.num_samples = len(dataset)
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        self.start_batch = 0

    @property
    def batch_size(self) -> Optional[int]:
        """Samples per batch and process; None until it is set."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, batch_size: Optional[int]) -> None:
        self._batch_size = batch_size
        if batch_size is None:
            return
        self.per_batch = slots_per_source(batch_size, self.source_ratio)
        for name, slots in zip(self.names, self.per_batch):
            if slots == 0:
                raise ValueError(
                    f'source_ratio {self.source_ratio} leaves the {name} source without a sample '
                    f'in a batch of {batch_size}: use a larger batch or another ratio')

    @property
    def stream(self) -> Dict[str, Union[int, bool, List[int]]]:
        """Return all that the stream of samples depends on, to compare it after a resume."""
        return dict(seed=self.seed, sizes=self.sizes, contents=self.contents,
                    per_batch=self.per_batch, world_size=self.world_size, shuffle=self.shuffle)

    def __iter__(self) -> Iterator[PlacedIndex]:
        """Yield indices into the concatenation, batch after batch, from ``start_batch`` on."""
        if self.batch_size is None:
            raise ValueError(
                'the SemiSupervisedSampler does not know the batch size: train with '
                "ResumableTrainLoop, which sets it to the dataloader's, or set sampler.batch_size")
        streams = [
            self._stream(source, self.start_batch * slots)
            for source, slots in enumerate(self.per_batch)
        ]
        while True:
            for stream, slots in zip(streams, self.per_batch):
                for _ in range(slots):
                    yield next(stream)

    def _stream(self, source: int, place: int) -> Iterator[PlacedIndex]:
        """Yield one source's indices for this process, from its own ``place`` on."""
        size = self.sizes[source]
        place = place * self.world_size + self.rank
        current: Optional[int] = None
        order: List[int] = []
        while True:
            passes, within = divmod(place, size)
            if passes != current:
                current, order = passes, self._order(source, passes)
            index = PlacedIndex(self.starts[source] + order[within])
            index.place = (self.seed, source, place)
            yield index
            place += self.world_size

    def _order(self, source: int, passes: int) -> List[int]:
        if not self.shuffle:
            return list(range(self.sizes[source]))
        generator = np.random.default_rng([self.seed, source, passes])
        return generator.permutation(self.sizes[source]).tolist()

    def __len__(self) -> int:
        """Number of samples of all sources; the iteration itself never ends."""
        return self.num_samples


def checksum_of(dataset) -> int:
    """Return a checksum of a dataset's entries as MMEngine keeps them, in order and with paths.

    Args:
        dataset (Dataset): The dataset, or a concatenation or a wrapper of some. One that does not
            keep its entries serialized counts as empty.
    """
    checksum = zlib.crc32(getattr(dataset, 'data_bytes', b''))
    for part in parts_of(dataset).values():
        checksum = zlib.crc32(b'%d' % checksum_of(part), checksum)
    return checksum


def slots_per_source(batch_size: int, source_ratio: Sequence[float]) -> List[int]:
    """Divide a batch by largest remainder.

    Args:
        batch_size (int): Samples per batch.
        source_ratio (Sequence[float]): Non-negative shares.

    Returns:
        list[int]: Samples of each source, ``batch_size`` in all.

    Raises:
        ValueError: If a share is negative or all are 0.
    """
    total = sum(source_ratio)
    if min(source_ratio) < 0 or total <= 0:
        raise ValueError(f'source_ratio must be numbers of at least 0, not all 0, got '
                         f'{list(source_ratio)}')
    exact = [batch_size * share / total for share in source_ratio]
    slots = [int(x) for x in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (slots[i] - exact[i], i))
    for i in by_remainder[:batch_size - sum(slots)]:
        slots[i] += 1
    return slots
