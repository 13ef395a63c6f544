"""Batches keep their ratio, every pass sees each sample once, and any batch can be the first."""
import pickle
from collections import Counter
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose.registry import DATA_SAMPLERS
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from helpers.written_sets import coco, write
from mmpose_mum.datasets import UnlabeledPoseDataset
from mmpose_mum.datasets import sampler as samplers
from mmpose_mum.datasets.sampler import SemiSupervisedSampler, checksum_of, slots_per_source


class Numbers(Dataset):
    """Yields (source, index)."""

    def __init__(self, source, size):
        self.source, self.size = source, size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return self.source, index


def concat(*sizes):
    return ConcatDataset([Numbers(source, size) for source, size in enumerate(sizes)])


FIRST = [2, 0, 5, 8, 1, 3, 7, 4, 3, 1, 6, 9]


def sampler_of(sizes, batch_size, ratio=(1, 1), *, rank=0, world_size=1, monkeypatch=None,
               **kwargs):
    if monkeypatch is not None:
        monkeypatch.setattr(samplers, 'get_dist_info', lambda: (rank, world_size))
    return SemiSupervisedSampler(concat(*sizes), batch_size, ratio, **{'seed': 0, **kwargs})


def batches_of(sampler, number, batch_size):
    indices = list(islice(iter(sampler), number * batch_size))
    return [indices[i:i + batch_size] for i in range(0, len(indices), batch_size)]


def of_source(indices, sizes, source):
    start = sum(sizes[:source])
    return [i - start for i in indices if start <= i < start + sizes[source]]


SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=3)


@settings(max_examples=60)
@given(sizes=SIZES, slots=st.lists(st.integers(1, 6), min_size=3, max_size=3),
       seed=st.integers(0, 2**31), shuffle=st.booleans())
def test_every_batch_has_the_ratio_and_every_pass_each_sample_once(sizes, slots, seed, shuffle):
    slots = slots[:len(sizes)]
    batch_size = sum(slots)
    sampler = sampler_of(sizes, batch_size, slots, seed=seed, shuffle=shuffle)
    batches = batches_of(sampler, 2 * max(sizes), batch_size)
    for batch in batches:
        assert [len(of_source(batch, sizes, s)) for s in range(len(sizes))] == slots
    for source, size in enumerate(sizes):
        seen = of_source([i for batch in batches for i in batch], sizes, source)
        for start in range(0, len(seen) - size + 1, size):
            assert sorted(seen[start:start + size]) == list(range(size))


@settings(max_examples=60)
@given(batch_size=st.integers(1, 64), ratio=st.lists(st.integers(0, 9), min_size=1, max_size=4))
def test_slots_are_the_ratio_rounded_by_less_than_one(batch_size, ratio):
    if sum(ratio) == 0:
        with pytest.raises(ValueError, match='not all 0'):
            slots_per_source(batch_size, ratio)
        return
    slots = slots_per_source(batch_size, ratio)
    assert sum(slots) == batch_size
    assert all(abs(n - batch_size * r / sum(ratio)) < 1 for n, r in zip(slots, ratio))


def test_slots_of_known_ratios():
    assert slots_per_source(64, [1, 1]) == [32, 32]
    assert slots_per_source(40, [1, 4]) == [8, 32]
    assert slots_per_source(10, [1, 1, 1]) == [4, 3, 3]
    assert slots_per_source(5, [.5, .5]) == [3, 2]
    with pytest.raises(ValueError, match='at least 0'):
        slots_per_source(5, [2, -1])


@settings(max_examples=40)
@given(sizes=st.tuples(st.integers(1, 12), st.integers(1, 12)), start=st.integers(0, 50),
       ratio=st.sampled_from([(1, 1), (1, 3), (3, 1)]))
def test_starting_at_a_batch_is_the_same_as_skipping_to_it(sizes, start, ratio):
    skipped = batches_of(sampler_of(sizes, 4, ratio), start + 5, 4)[start:]
    jumping = sampler_of(sizes, 4, ratio)
    jumping.start_batch = start
    assert batches_of(jumping, 5, 4) == skipped


@pytest.mark.parametrize('sizes', [(24, 36), (7, 11), (2, 30)])
@pytest.mark.parametrize('world_size', [2, 3])
def test_ranks_divide_each_pass_among_themselves(sizes, world_size, monkeypatch):
    ranks = [sampler_of(sizes, 6, (1, 2), rank=rank, world_size=world_size,
                        monkeypatch=monkeypatch) for rank in range(world_size)]
    streams = [batches_of(rank, 40, 6) for rank in ranks]
    for source, slots in enumerate((2, 4)):
        per_rank = [of_source(sum(stream, []), sizes, source) for stream in streams]
        assert [len(indices) for indices in per_rank] == [40 * slots] * world_size
        together = [i for step in zip(*per_rank) for i in step]
        size = sizes[source]
        for start in range(0, len(together) - size + 1, size):  # disjoint and complete
            assert sorted(together[start:start + size]) == list(range(size))


def test_a_rank_can_start_anywhere_too(monkeypatch):
    kwargs = dict(rank=1, world_size=3, monkeypatch=monkeypatch)
    jumping = sampler_of((5, 9), 4, **kwargs)
    jumping.start_batch = 17
    assert batches_of(jumping, 4, 4) == batches_of(sampler_of((5, 9), 4, **kwargs), 21, 4)[17:]


@pytest.mark.parametrize('world_size', [1, 3])
def test_every_index_has_a_place_of_its_own_wherever_the_sampler_starts(world_size, monkeypatch):
    places, whole = set(), {}
    for rank in range(world_size):
        sampler = sampler_of((5, 9), 4, rank=rank, world_size=world_size, monkeypatch=monkeypatch)
        indices = list(islice(iter(sampler), 40))
        places |= {index.place for index in indices}
        sampler.start_batch = 6
        assert [(i, i.place) for i in islice(iter(sampler), 16)] == [
            (i, i.place) for i in indices[24:]]
        whole.update((i.place, int(i)) for i in indices)
    assert len(places) == 40 * world_size
    # However many processes divide it, the stream is the same.
    alone = sampler_of((5, 9), 4, monkeypatch=monkeypatch)
    assert {index.place: int(index) for index in islice(iter(alone), 40)} == {
        place: index for place, index in whole.items() if place[2] < 20}


def test_a_place_survives_the_way_to_a_worker():
    index = next(iter(sampler_of((5, 9), 4)))
    copied = pickle.loads(pickle.dumps(index))
    assert copied == index and copied.place == index.place == (0, 0, 0)


def test_the_stream_says_what_the_order_follows_from():
    sampler = sampler_of((5, 9), 4, seed=3, shuffle=False)
    assert sampler.stream == dict(
        seed=3, sizes=[5, 9], contents=[0, 0], per_batch=[2, 2], world_size=1, shuffle=False)


def test_a_checksum_tells_which_people_are_in_a_json_and_in_which_order(tmp_path):
    people = [dict(image_id=1, bbox=[i, 2, 20, 30]) for i in range(1, 4)]

    def checksum(people):
        options = write(tmp_path, coco(annotations=people))
        dataset = UnlabeledPoseDataset(pipeline=[], **options)
        assert checksum_of(ConcatDataset([dataset, dataset])) != checksum_of(dataset) != 0
        return checksum_of(dataset)

    before = checksum(people)
    assert checksum(people) == before
    people[0] = dict(people[0], bbox=[1, 2, 20, 31])
    assert len({before, checksum(people), checksum(people[::-1]), checksum(people[1:])}) == 4


def test_a_source_smaller_than_its_slots_repeats_evenly():
    batches = batches_of(sampler_of((2, 50), 10), 4, 10)
    for batch in batches:
        counts = Counter(of_source(batch, (2, 50), 0))
        assert sum(counts.values()) == 5 and set(counts.values()) == {2, 3}


def test_the_order_follows_from_the_seed_alone():
    # Written down: a change breaks the resuming of runs that were started before it.
    assert list(islice(sampler_of((4, 6), 4), 12)) == FIRST
    torch.manual_seed(99)
    assert list(islice(sampler_of((4, 6), 4), 12)) == FIRST
    assert list(islice(sampler_of((4, 6), 4, seed=1), 12)) != FIRST


def test_passes_differ_and_sources_of_one_size_too():
    sampler = sampler_of((20, 20), 40)
    first, second = batches_of(sampler, 2, 40)
    assert of_source(first, (20, 20), 0) != of_source(second, (20, 20), 0)
    assert of_source(first, (20, 20), 0) != of_source(first, (20, 20), 1)
    plain = sampler_of((20, 20), 40, shuffle=False)
    assert next(iter(batches_of(plain, 1, 40))) == list(range(40))


def test_without_a_seed_a_random_one_is_drawn():
    seeds = {sampler_of((3, 3), 2, seed=None).seed for _ in range(3)}
    assert len(seeds) > 1


@pytest.mark.parametrize('workers', [0, 2])
def test_in_a_dataloader(workers):
    dataset = concat(3, 10)
    sampler = DATA_SAMPLERS.build(dict(
        type='SemiSupervisedSampler', dataset=dataset, batch_size=6, source_ratio=[1, 2], seed=0))
    loader = DataLoader(dataset, batch_size=6, sampler=sampler, num_workers=workers)
    for (source, index), expected in zip(
            islice(loader, 10), batches_of(sampler_of((3, 10), 6, (1, 2)), 10, 6)):
        assert source.tolist() == [0] * 2 + [1] * 4
        assert (index + source * 3).tolist() == expected
    assert len(sampler) == 13


@pytest.mark.parametrize('sizes, name', [((0, 4), 'labeled'), ((4, 0), 'unlabeled')])
def test_an_empty_source_is_an_error(sizes, name):
    with pytest.raises(ValueError, match=rf'the {name} set is empty'):
        sampler_of(sizes, 4)


def test_the_batch_size_may_be_told_later():
    """As ResumableTrainLoop tells the dataloader's; before, nobody knows the batches."""
    late = sampler_of((5, 9), None, (1, 2))
    with pytest.raises(ValueError, match='does not know the batch size.*ResumableTrainLoop'):
        next(iter(late))
    late.batch_size = 6
    early = sampler_of((5, 9), 6, (1, 2))
    assert late.stream == early.stream
    assert list(islice(late, 60)) == list(islice(early, 60))
    with pytest.raises(ValueError, match='labeled source without a sample in a batch of 1'):
        late.batch_size = 1


@pytest.mark.parametrize('ratio, batch_size, message', [
    ((1, 0), 4, 'unlabeled source without a sample in a batch of 4'),
    ((0, 1), 4, 'the labeled source without a sample'),
    ((1, 100), 8, 'the labeled source without a sample'),
    ((1, 1), 1, 'the unlabeled source without a sample'),
    ((1, 1, 1), 6, '3 entries, but there are 2 sources'),
    ((0, 0), 4, 'not all 0')])
def test_a_ratio_that_does_not_fit_is_an_error(ratio, batch_size, message):
    with pytest.raises(ValueError, match=message):
        sampler_of((5, 5), batch_size, ratio)


def test_a_single_dataset_is_an_error():
    with pytest.raises(TypeError, match='ConcatDataset of the labeled and the unlab.*Numbers'):
        SemiSupervisedSampler(Numbers(0, 5), 4)
