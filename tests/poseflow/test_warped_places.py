from __future__ import annotations

import numpy as np
import pytest

from poseflow.warped_places import apart_places, warped_costs


def slow_cost(cost: np.ndarray, end: int, charge: float) -> tuple[float, int]:
    """(total, first column) of the cheapest path over all rows that ends at a column, by trying all of them."""

    def upto(row: int, column: int) -> tuple[float, int]:
        if column < 0 or row < 0:
            return np.inf, 0
        if row == 0:
            return cost[0, column], column
        ways = [upto(row - 1, column - 1)]
        total, start = upto(row - 1, column - 2)
        ways.append((total + charge, start))
        if row > 1:
            total, start = upto(row - 2, column - 1)
            ways.append((total + cost[row - 1, column] + charge, start))
        total, start = min(ways)
        return total + cost[row, column], start

    return upto(len(cost) - 1, end)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_costs_and_starts_are_those_of_all_paths(seed):
    cost = np.random.default_rng(seed).random((9, 9))
    starts, lengths = np.array([0, 2, 4]), np.array([5, 4, 1])
    means, first = warped_costs(cost, starts, lengths, charge=0.1)
    for number, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        for end in range(9):
            total, column = slow_cost(cost[start : start + length], end, 0.1)
            if np.isfinite(total):
                assert means[number, end] == pytest.approx(total / length, abs=1e-5)
                assert first[number, end] == column
            else:
                assert means[number, end] > 1e6


@pytest.mark.parametrize("tempo", [0.5, 1.0, 2.0])
def test_a_stretch_is_found_at_half_and_double_tempo(tempo):
    clip = np.concatenate([np.full(20, 5.0), np.arange(0, 20, tempo), np.full(20, 30.0)])
    cost = np.abs(np.arange(0.0, 20)[:, None] - clip)
    means, first = warped_costs(cost, np.array([0]), np.array([20]), charge=0.0)
    end = int(means[0].argmin())
    assert (first[0, end], end) == (pytest.approx(20, abs=1), pytest.approx(20 + 20 / tempo, abs=2))


def test_places_hardly_overlap_and_come_cheapest_first():
    means = np.array([9, 9, 0.5, 0.1, 0.4, 9, 0.2, 9])
    first = np.array([0, 0, 0, 1, 2, 3, 4, 5])
    found = apart_places(means, first, limit=1.0)
    assert [(place.start, place.end, place.cost) for place in found] == [(1, 4, 0.1), (4, 7, 0.2)]


def test_what_is_far_dearer_than_the_typical_place_is_none():
    means, first = np.array([0.0, 0.1, 0.1, 0.5, 0.2]), np.arange(5)
    assert len(apart_places(means, first, limit=1.0, relative=2.5)) == 4
    assert len(apart_places(means, first, limit=1.0, relative=2.5, always=0.5)) == 5
    assert len(apart_places(means, first, limit=0.15)) == 3


def test_nothing_below_the_limit_is_no_place():
    assert apart_places(np.ones(4), np.arange(4), limit=0.5) == []
