"""Labelers' keypoints are averaged as a slow reference says, and those who stray do not count."""
import math

import pytest
import torch

from mmpose_mum.functional.agreement import average_by_agreement


def slowly(keypoints, scores, sizes, tolerance):
    """Returns what :func:`average_by_agreement` should, keypoint by keypoint."""
    labelers, people, number = len(keypoints), len(sizes), len(keypoints[0][0])
    places, sure, agreed = [], [], []
    for b in range(people):
        for k in range(number):
            best = []
            for i in range(labelers):
                near = [math.exp(-(math.dist(keypoints[i][b][k], keypoints[j][b][k])
                                   / sizes[b] / tolerance)**2 / 2)
                        for j in range(labelers) if j != i]
                best.append(max(near))
            weights = [max(scores[i][b][k], 0) * best[i] + 1e-6 for i in range(labelers)]
            share = [w / sum(weights) for w in weights]
            places.append([sum(share[i] * keypoints[i][b][k][axis] for i in range(labelers))
                           for axis in (0, 1)])
            sure.append(sum(share[i] * scores[i][b][k] for i in range(labelers)))
            agreed.append(max(best))
    return (torch.tensor(places).view(people, number, 2), torch.tensor(sure).view(people, number),
            torch.tensor(agreed).view(people, number))


@pytest.mark.parametrize('labelers', [2, 3, 4])
def test_it_is_what_a_slow_reference_makes(labelers):
    generator = torch.Generator().manual_seed(labelers)
    keypoints = 50 + 8 * torch.randn(labelers, 3, 5, 2, generator=generator)
    scores = torch.rand(labelers, 3, 5, generator=generator) - .1
    sizes = torch.tensor([60., 90, 200])
    found = average_by_agreement(keypoints, scores, sizes, .07)
    for value, expected in zip(found, slowly(
            keypoints.tolist(), scores.tolist(), sizes.tolist(), .07)):
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)
    assert (found[2] > .9).any() and (found[2] < .5).any()


def test_two_that_agree_outvote_a_third():
    keypoints = torch.tensor([[10., 20], [12, 20], [90, 70]]).view(3, 1, 1, 2)
    scores = torch.tensor([.5, .5, 1.]).view(3, 1, 1)
    place, score, agreement = average_by_agreement(keypoints, scores, torch.tensor([100.]))
    torch.testing.assert_close(place, torch.tensor([[[11., 20]]]), atol=1e-3, rtol=0)
    assert score.item() == pytest.approx(.5, abs=1e-3) and agreement.item() > .9


def test_who_does_not_count_neither_agrees_nor_moves_the_average():
    keypoints = torch.tensor([[10., 20], [12, 20], [0, 0], [0, 0]]).view(4, 1, 1, 2)
    sizes, counts = torch.tensor([100.]), torch.tensor([1., 1, 0, 0]).view(4, 1, 1)
    found = average_by_agreement(keypoints, torch.ones(4, 1, 1), sizes, weights=counts)
    for value, of_two in zip(found, average_by_agreement(
            keypoints[:2], torch.ones(2, 1, 1), sizes)):
        torch.testing.assert_close(value, of_two, rtol=1e-4, atol=1e-4)
    _, _, agreement = average_by_agreement(
        keypoints[1:], torch.ones(3, 1, 1), sizes, weights=counts[1:])
    assert agreement.item() == 0  # the two at one place do not count, so they do not agree


def test_where_nobody_agrees_nothing_is_told():
    keypoints = torch.tensor([[10., 20], [90, 20]]).view(2, 1, 1, 2)
    place, _, agreement = average_by_agreement(
        keypoints, torch.ones(2, 1, 1), torch.tensor([100.]))
    assert agreement.item() < 1e-6 and torch.isfinite(place).all()


def test_the_unit_is_the_box():
    keypoints = torch.tensor([[10., 20], [14, 20]]).view(2, 1, 1, 2).expand(2, 2, 1, 2)
    _, _, agreement = average_by_agreement(
        keypoints, torch.ones(2, 2, 1), torch.tensor([40., 400]))
    assert agreement[0].item() == pytest.approx(math.exp(-2)) and agreement[1].item() > .98


def test_where_nobody_counts_all_stays_finite():
    keypoints = torch.tensor([[10., 20], [0, 0]]).view(2, 1, 1, 2)
    found = average_by_agreement(keypoints, torch.ones(2, 1, 1), torch.tensor([100.]),
                                 weights=torch.zeros(2, 1, 1))
    assert all(value.isfinite().all() for value in found) and found[2] == 0
