"""D1 against its own stated rates, counted from the outside by keypoint similarity."""

from __future__ import annotations

import math

import pytest
import torch
from poses import random_poses

from vvipe.cameras import UNSEEN_RIG
from vvipe.detector_noise import (
    CROWDED,
    FAILURE_RATE,
    INVERSION_RATE,
    JITTER_RATE,
    MISSING_RATE,
    SIGMA,
    SWAP_RATE,
    add_detector_noise,
    miss_rates,
    person_scale,
)
from vvipe.geometry import normalize_2d
from vvipe.retrieval import view_poses
from vvipe.skeleton import COCO13

KINDS = [joint.removeprefix("left_").removeprefix("right_") for joint in COCO13.joints]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def clean() -> torch.Tensor:
    return normalize_2d(view_poses(random_poses(3000), UNSEEN_RIG).flatten(0, 1))[0]


@pytest.fixture(scope="module")
def noisy(clean) -> tuple[torch.Tensor, torch.Tensor]:
    return add_detector_noise(clean, generator=generator())


def similarity(points: torch.Tensor, truth: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """COCO's formula by its own words: exp(-d^2 / (2 s^2 k^2)), k = 2 sigma."""
    squared = (points - truth).square().sum(-1)
    k = torch.tensor([2 * SIGMA[kind] for kind in KINDS])
    return (-squared / (2 * scale[:, None] ** 2 * k**2)).exp()


def test_share_of_good_joints_is_what_the_tables_leave(clean, noisy):
    reported = torch.isfinite(noisy[0]).all(-1)
    good = similarity(noisy[0], clean, person_scale(clean)) >= 0.85
    for j, kind in enumerate(KINDS):
        expected = 1 - JITTER_RATE[kind] - FAILURE_RATE[kind]
        # An inverted or swapped joint may land near the truth by chance.
        assert expected - 0.01 < good[reported[:, j], j].float().mean() < expected + 0.03


def test_about_a_quarter_of_the_joints_is_wrong_as_ronchi_and_perona_find():
    assert sum(JITTER_RATE[kind] + FAILURE_RATE[kind] for kind in KINDS) / 13 == pytest.approx(0.25, abs=0.02)


def test_failures_grow_along_the_limbs(clean, noisy):
    bad = similarity(noisy[0], clean, person_scale(clean)) < 0.5
    share = {kind: [] for kind in KINDS}
    for j, kind in enumerate(KINDS):
        share[kind].append(float(bad[torch.isfinite(noisy[0][:, j, 0]), j].float().mean()))
    mean = {kind: sum(values) / len(values) for kind, values in share.items()}
    assert mean["shoulder"] < mean["elbow"] < mean["wrist"]
    assert mean["hip"] < mean["knee"] < mean["ankle"]


def test_inverted_joints_are_as_many_as_stated():
    # Left and right far apart, nobody else near enough to be taken for either.
    far = torch.zeros(40_000, 13, 2)
    far[:, [j for j, name in enumerate(COCO13.joints) if name.startswith("left")], 0] = 100.0
    far[:, :, 1] = torch.linspace(0, 1, 13)
    points, _ = add_detector_noise(far, generator=generator(1))
    is_other_side = ((points[..., 0] - far[..., 0]).abs() - 100).abs() < 45
    for j, kind in enumerate(KINDS):
        seen = torch.isfinite(points[:, j, 0])
        assert is_other_side[seen, j].float().mean() == pytest.approx(INVERSION_RATE[kind], abs=0.005)


def test_swapped_joints_land_beside_other_people():
    # Everybody in one place but for the offset; radii are tiny, so a joint off to the side is a neighbour's.
    one = normalize_2d(view_poses(random_poses(1), UNSEEN_RIG)[0])[0]
    count = 60_000
    points, _ = add_detector_noise(one.expand(count, -1, -1), generator=generator(2))
    nose = points[:, 0] - one[0, 0]
    aside = (nose[:, 0].abs() > 0.2) & (nose[:, 1].abs() < 0.1)
    assert aside.float().mean() == pytest.approx(CROWDED * SWAP_RATE["nose"], abs=0.001)


def test_missing_joints_are_nan_with_score_zero_and_as_many_as_stated(noisy):
    points, scores = noisy
    missing = ~torch.isfinite(points).all(-1)
    assert missing.float().mean() == pytest.approx(MISSING_RATE, abs=0.003)
    assert (scores[missing] == 0).all()
    assert (scores[~missing] >= 0.05).all()
    assert (scores <= 1).all()


def test_confidence_tells_of_the_error(clean, noisy):
    points, scores = noisy
    reported = torch.isfinite(points).all(-1)
    close = similarity(points, clean, person_scale(clean))[reported]
    assert scores[reported][close >= 0.85].mean() > scores[reported][close < 0.5].mean() + 0.15
    assert torch.corrcoef(torch.stack([close, scores[reported]]))[0, 1] > 0.3


def test_person_scale_is_the_root_of_the_boxs_share():
    one = torch.zeros(1, 13, 2)
    one[0, 0], one[0, 1] = torch.tensor([0.4, 0.0]), torch.tensor([0.0, 1.2])
    assert float(person_scale(one)) == pytest.approx(math.sqrt(0.53 * 0.4 * 1.2))


def test_rates_leave_room_for_misses():
    assert (miss_rates() > 0).all()


def test_same_seed_gives_the_same_noise(clean):
    first, again, other = (add_detector_noise(clean[:50], generator=generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first[1], again[1])
    assert torch.equal(first[0].nan_to_num(9), again[0].nan_to_num(9))
    assert not torch.equal(first[1], other[1])


def test_input_is_left_alone_and_its_missing_joints_stay_missing(clean):
    points = clean[:100].clone()
    points[:, 5] = torch.nan
    before = points.clone()
    noisy_points, scores = add_detector_noise(points, generator=generator())
    assert torch.equal(points.nan_to_num(9), before.nan_to_num(9))
    assert noisy_points[:, 5].isnan().all()
    assert (scores[:, 5] == 0).all()


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_one_person_are_no_error(count):
    points, scores = add_detector_noise(torch.rand(count, 13, 2), generator=generator())
    assert points.shape == (count, 13, 2)
    assert scores.shape == (count, 13)
