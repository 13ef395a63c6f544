"""What is chosen: doubtful, unlike, within the limits, and the same each time."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.vq import kmeans2

from mmpose_mum.suggest import choose as choose_module
from mmpose_mum.suggest.choose import FILTERED, Limits, Place, choose, choose_typical


def apart(number):
    """Places every person in an image of its own."""
    return Limits([Place(f'{i}.jpg') for i in range(number)], 1, 0)


def indices(chosen):
    return [index for index, _ in chosen]


def test_only_the_most_doubtful_come_into_question_and_of_them_the_farthest():
    doubt = np.linspace(1, 0, 40)
    features = np.zeros((40, 2))
    features[7] = 5, 0  # within the filter
    features[30] = 100, 0  # beyond it
    labeled = np.zeros((1, 2))
    chosen = choose(doubt, features, labeled, 2, apart(40), 0, seed=0)
    assert chosen == [(7, 'doubt'), (0, 'doubt')]
    assert FILTERED * 2 <= 30


def test_centers_are_the_slow_references():
    rng = np.random.default_rng(3)
    features, labeled = rng.normal(size=(20, 3)), rng.normal(size=(4, 3))
    expected, centers = [], list(labeled)
    for _ in range(4):
        far = [min(np.linalg.norm(f - c) for c in centers) for f in features]
        expected.append(int(np.argmax(far)))
        centers.append(features[expected[-1]])
    assert indices(choose(rng.random(20), features, labeled, 4, apart(20), 0, 0)) == expected


@given(st.integers(1, 30), st.integers(1, 12), st.sampled_from([0., .2, 1.]), st.integers(0, 99))
def test_nobody_twice_as_many_as_asked_and_the_share_at_random(number, num, share, seed):
    rng = np.random.default_rng(seed)
    doubt, features = rng.random(number), rng.normal(size=(number, 2))
    chosen = choose(doubt, features, features[:0], num, apart(number), share, seed)
    again = choose(doubt, features, features[:0], num, apart(number), share, seed)
    assert chosen == again
    assert len(set(indices(chosen))) == len(chosen) == min(num, number)
    drawn = sum(reason == 'random' for _, reason in chosen)
    assert drawn == min(round(share * num), number)


def test_the_seed_draws_others():
    doubt, features = np.zeros(100), np.zeros((100, 1))
    draws = {tuple(indices(choose(doubt, features, features[:0], 5, apart(100), 1., seed)))
             for seed in range(3)}
    assert len(draws) == 3


def test_an_image_gives_no_more_than_its_share():
    places = [Place('crowd.jpg')] * 30 + [Place('one.jpg')]
    chosen = indices(choose(np.linspace(1, 0, 31), np.zeros((31, 1)), np.zeros((0, 1)), 5,
                            Limits(places, 2, 0), 0, 0))
    assert len(chosen) == 3 and 30 in chosen  # although it is beyond the filter


def test_frames_of_a_video_keep_their_distance_but_people_of_a_frame_do_not():
    places = [Place(f'v#{i // 2}', 'v', i // 2 * .5) for i in range(20)]
    places += [Place(f'w#{i}', 'w', i * .5) for i in range(2)]
    chosen = indices(choose(np.zeros(22), np.zeros((22, 1)), np.zeros((0, 1)), 22,
                            Limits(places, 2, 2.), .5, 1))
    times = sorted({places[i].seconds for i in chosen if places[i].video == 'v'})
    assert all(b - a >= 2 for a, b in zip(times, times[1:]))
    assert len({places[i].image for i in chosen}) < len(chosen)
    assert sum(places[i].video == 'w' for i in chosen) == 1


@given(st.lists(st.tuples(st.sampled_from('vw'), st.integers(0, 30)), max_size=40),
       st.sampled_from([0., .1, .3, 1.]))
def test_limits_are_the_slow_references(frames, gap):
    places = [Place(f'{video}#{number}', video, number / 10) for video, number in frames]
    limits, taken = Limits(places, 2, gap), []
    for i, place in enumerate(places):
        allowed = sum(one.image == place.image for one in taken) < 2 and all(
            one.image == place.image or abs(one.seconds - place.seconds) >= gap
            for one in taken if one.video == place.video)
        assert limits.allow(i) == allowed
        if allowed:
            limits.take(i)
            taken.append(place)


def test_typical_people_come_from_groups_without_a_label():
    rng = np.random.default_rng(0)
    centers = np.array([[0., 0.], [100., 0.], [0., 100.]])
    features = np.concatenate([c + rng.normal(size=(20, 2)) for c in centers])
    labeled = centers[:1]
    chosen = indices(choose_typical(features, labeled, 2, apart(60), seed=0))
    assert {index // 20 for index in chosen} == {1, 2}
    for index in chosen:  # near the middle of its group
        group = features[index // 20 * 20:index // 20 * 20 + 20]
        distances = np.linalg.norm(group - group.mean(0), axis=1)
        assert distances[index % 20] <= np.median(distances)


def test_of_few_clusters_those_with_the_fewest_labels_give_first(monkeypatch):
    # With 10,000 labels there are many in each of 500 clusters.
    monkeypatch.setattr(choose_module, 'MOST_CLUSTERS', 3)
    rng = np.random.default_rng(0)
    centers = np.array([[0., 0.], [100., 0.], [0., 100.]])
    features = np.concatenate([c + rng.normal(size=(20, 2)) for c in centers])
    labeled = np.concatenate([c + rng.normal(size=(number, 2))
                              for c, number in zip(centers, (9, 2, 5))])
    chosen = indices(choose_typical(features, labeled, 7, apart(60), seed=0))
    assert [index // 20 for index in chosen] == [1, 2, 0, 1, 2, 0, 1]


@pytest.mark.parametrize('num', [1, 5, 9])
def test_typical_ones_are_as_many_as_asked_or_as_there_are(num):
    features = np.random.default_rng(1).normal(size=(6, 2))
    chosen = indices(choose_typical(features, features[:2] + 9, num, apart(6), seed=0))
    assert len(set(chosen)) == len(chosen) == min(num, 6)


def test_distances_are_measured_for_those_who_come_into_question(monkeypatch):
    # 100,000 people and 10,000 labeled ones would take hours.
    measured = []
    slow = choose_module._nearest
    monkeypatch.setattr(choose_module, '_nearest', lambda features, centers: measured.append(
        len(features)) or slow(features, centers))
    rng = np.random.default_rng(0)
    places = [Place('crowd.jpg')] * 15 + [Place(f'{i}.jpg') for i in range(985)]
    chosen = indices(choose(np.linspace(1, 0, 1000), rng.normal(size=(1000, 2)), np.zeros((9, 2)),
                            3, Limits(places, 1, 0), 0, 0))
    assert measured == [FILTERED * 3] * 2 and max(chosen) < 15 + FILTERED * 3


@pytest.mark.parametrize('seed', [0, 7])
def test_clusters_start_where_scipys_do(seed):
    features = np.random.default_rng(seed).normal(size=(80, 5))
    expected = kmeans2(features, 30, minit='++', iter=1, seed=seed)[0]
    centers = choose_module._centers(features, 30, seed)
    np.testing.assert_array_equal(kmeans2(features, centers, minit='matrix', iter=1)[0], expected)


def test_clusters_of_people_who_are_alike():
    assert choose_module._centers(np.ones((4, 2)), 3, 0).tolist() == [[1., 1.]] * 3


def test_of_groups_without_a_label_the_largest_gives_first():
    rng = np.random.default_rng(0)
    centers = np.array([[0., 0.], [100., 0.], [0., 100.]])
    features = np.concatenate([c + rng.normal(size=(number, 2))
                               for c, number in zip(centers, (5, 30, 10))])
    chosen = indices(choose_typical(features, features[:0], 3, apart(45), seed=0))
    assert [(index >= 5) + (index >= 35) for index in chosen] == [1, 2, 0]
