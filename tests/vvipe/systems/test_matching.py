from __future__ import annotations

import math

import torch

from vvipe.systems.matching import (
    MatchProbability,
    active_mean,
    all_match_distances,
    sampled_probability,
    semi_hard_negatives,
)


def _slow_probability(model: MatchProbability, a: torch.Tensor, b: torch.Tensor) -> float:
    scale = math.exp(float(model.raw_scale.detach()))  # ELU(x) + 1 for x < 0
    total = 0.0
    for x in a.tolist():
        for y in b.tolist():
            p = 1 / (1 + math.exp(scale * math.dist(x, y) - float(model.offset.detach())))
            total += 0.9 * p + 0.05
    return total / (len(a) * len(b))


def test_sampled_probability_is_the_mean_over_all_pairs_of_samples():
    model, generator = MatchProbability(), torch.Generator().manual_seed(0)
    a, b = (torch.randn(3, 4, 5, generator=generator) for _ in range(2))
    expected = torch.tensor([_slow_probability(model, x, y) for x, y in zip(a, b, strict=True)])
    torch.testing.assert_close(sampled_probability(model, a, b), expected, atol=1e-5, rtol=0)


def test_match_distances_of_a_batch_are_those_of_its_pairs():
    model, generator = MatchProbability(), torch.Generator().manual_seed(1)
    a, b = (torch.randn(6, 3, 4, generator=generator) for _ in range(2))
    expected = torch.tensor([[-math.log(_slow_probability(model, x, y)) for y in b] for x in a])
    torch.testing.assert_close(all_match_distances(model, a, b), expected, atol=1e-4, rtol=0)


def test_coinciding_samples_have_a_finite_gradient():
    points = torch.zeros(2, 3, 4, requires_grad=True)
    sampled_probability(MatchProbability(), points, points).sum().backward()
    assert torch.isfinite(points.grad).all()


def test_semi_hard_negative_is_the_nearest_beyond_the_positive():
    distances = torch.tensor([[0.5, 0.4, 0.6, 0.9], [0.1, 0.2, 0.3, 0.25], [9.0, 9.0, 1.0, 0.5]])
    same = torch.eye(3, 4, dtype=torch.bool)
    same[1, 3] = True
    negative, found = semi_hard_negatives(distances, torch.tensor([0.5, 0.2, 10.0]), same)
    assert negative[:2].tolist() == [2, 2]
    assert found.tolist() == [True, True, False]


def test_active_mean_leaves_zeros_out():
    assert active_mean(torch.tensor([0.0, 2.0, 4.0, 0.0])) == 3.0
    assert active_mean(torch.zeros(3)) == 0.0
