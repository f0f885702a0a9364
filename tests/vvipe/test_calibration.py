from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from vvipe.calibration import Calibration, calibration_error, fit_calibration
from vvipe.view_pairs import ViewPairs


@pytest.fixture(scope="module")
def world():
    """Pairs whose true error follows a known law: sqrt(0.01 d^2 + u^2 / 2) times log-normal scatter."""
    rng = np.random.default_rng(0)
    n = 20_000
    distance, ua, ub = rng.uniform(0, 4, n), rng.uniform(0.03, 0.15, n), rng.uniform(0.03, 0.15, n)
    expected = np.sqrt(0.01 * distance**2 + 0.5 * (ua**2 + ub**2))
    true = expected * rng.lognormal(0, 0.3, n)
    return distance, ua, ub, true


def _fit(world) -> Calibration:
    pairs = ViewPairs(*world, np.arange(len(world[0])))
    return _fit_pairs(pairs, retrieved=pairs)


def _fit_pairs(pairs: ViewPairs, *, retrieved: ViewPairs) -> Calibration:
    same, unrelated = pairs.take(pairs.distance < 0.5), pairs.take(pairs.distance > 3)
    return fit_calibration(pairs, retrieved=retrieved, same=same, unrelated=unrelated)


def test_expected_error_recovers_the_law(world):
    distance, ua, ub, true = world
    expected = _fit(world).expected_error(distance, ua, ub)
    for low, high in ((0.5, 1), (2, 2.5), (3.5, 4)):
        rows = (distance > low) & (distance < high)
        assert expected[rows].mean() == pytest.approx(true[rows].mean(), rel=0.1)


def test_probability_is_calibrated(world):
    distance, ua, ub, true = world
    probability = _fit(world).match_probability(distance, ua, ub)
    assert calibration_error(probability, true <= 0.1) < 0.03


def test_the_nearest_of_many_have_a_probability_of_their_own(world):
    distance, ua, ub, true = world
    # Of twenty views the nearest by a distance with luck in it: its true error is larger than that distance tells.
    lucky = distance * np.random.default_rng(1).lognormal(0, 0.4, len(distance))
    nearest = lucky.reshape(-1, 20).argmin(1) + 20 * np.arange(len(lucky) // 20)
    given = ViewPairs(lucky, ua, ub, true, np.arange(len(true)))
    retrieved = given.take(nearest)
    calibration = _fit_pairs(given, retrieved=retrieved)
    columns = (retrieved.distance, retrieved.uncertainty_a, retrieved.uncertainty_b)
    found = calibration.match_probability(*columns, is_retrieved=True)
    assert calibration_error(found, retrieved.is_match) < 0.04
    assert calibration_error(calibration.match_probability(*columns), retrieved.is_match) > 0.1
    assert found.mean() < calibration.match_probability(*columns).mean()


def test_nearer_embeddings_match_more_probably(world):
    probability = _fit(world).match_probability(np.linspace(0, 4, 20), 0.08, 0.08)
    assert (np.diff(probability) < 0).all()


def test_anchors_are_in_order(world):
    calibration = _fit(world)
    assert 0 < calibration.near < calibration.far


def test_survives_json(world):
    calibration = _fit(world)
    assert Calibration.from_dict(json.loads(json.dumps(asdict(calibration)))) == calibration


def test_nan_stays_nan(world):
    assert np.isnan(_fit(world).match_probability(np.array([np.nan]), 0.1, 0.1)).all()


def test_a_constant_that_is_the_base_rate_is_calibrated_however_the_pairs_are_sorted():
    is_match = np.arange(1000) < 200
    assert calibration_error(np.full(1000, 0.2), is_match) == pytest.approx(0)
    assert calibration_error(np.full(1000, 0.5), is_match[::-1]) == pytest.approx(0.3)


def test_order_of_pairs_of_equal_probability_tells_nothing():
    rng = np.random.default_rng(0)
    probability = np.round(rng.uniform(size=3000), 1)
    is_match = rng.uniform(size=3000) < probability**2
    shuffled, by_truth = rng.permutation(3000), np.argsort(is_match, kind="stable")
    expected = calibration_error(probability, is_match)
    for order in (shuffled, by_truth):
        assert calibration_error(probability[order], is_match[order]) == pytest.approx(expected)


def test_calibration_error_of_a_known_case():
    probability = np.array([0.95] * 10 + [0.05] * 10)
    is_match = np.array([True] * 5 + [False] * 5 + [False] * 10)
    # Two bins of equal mass: |0.95 - 0.5| for half of the pairs, |0.05 - 0| for the other half.
    assert calibration_error(probability, is_match, bins=2) == pytest.approx(0.25)


def test_views_of_one_pose_alone_can_be_fitted():
    still = np.zeros(40)
    pairs = ViewPairs(np.linspace(0.1, 1, 40), still + 0.1, still + 0.1, still, np.arange(40))
    calibration = fit_calibration(pairs, retrieved=pairs, same=pairs, unrelated=pairs)
    assert calibration.expected_error(0.5, 0.1, 0.1) < 0.02
