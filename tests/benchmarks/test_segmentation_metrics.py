"""Each measure beside a slow loop that says the same in other words, or a timeline whose figure is known."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from poseflow_benchmarks.bootstrap import mean_interval
from poseflow_benchmarks.segmentation_metrics import (
    UNLABELLED,
    UNMATCHED,
    adjusted_rand,
    boundary_error_s,
    edit_score,
    macro_f1,
    matched,
    mean_iou,
    mean_over_frames,
    off_by_one,
    runs,
    segment_f1,
)
from poseflow_benchmarks.segmentation_scores import (
    MEASURES,
    SegmentationRow,
    leads,
    score_data_set,
    score_video,
)


def timelines(seed: int, *, labels: int = 4, frames: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """A timeline and another that agrees with it here and there, some of it unlabelled."""
    generator = np.random.default_rng(seed)
    truth = np.repeat(generator.integers(labels, size=frames // 8), 8)
    noisy = np.where(generator.random(frames) < 0.3, generator.integers(-1, labels + 1, size=frames), truth)
    return truth, np.repeat(noisy[::3], 3)


SEEDS = range(6)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_other_assignment_agrees_in_more_frames(seed: int) -> None:
    truth, found = timelines(seed, labels=3)
    clusters = sorted(set(found.tolist()) - {UNLABELLED})
    names = [*sorted(set(truth.tolist())), -9, -8]
    best = 0
    for order in permutations(names, len(clusters)):
        given = dict(zip(clusters, order, strict=True))
        best = max(best, sum(given.get(f) == t for t, f in zip(truth.tolist(), found.tolist(), strict=True)))
    assert (matched(truth, found) == truth).sum() == best


def test_clusters_left_over_are_unmatched_and_unlabelled_frames_stay() -> None:
    assert matched(np.array([5, 5, 5, 5]), np.array([1, 1, 2, -1])).tolist() == [5, 5, UNMATCHED, UNLABELLED]


def test_nothing_labelled_matches_nothing() -> None:
    truth, found = np.array([0, 0, 1]), np.full(3, UNLABELLED)
    assert matched(truth, found).tolist() == [-1, -1, -1]
    assert mean_over_frames(truth, found) == mean_iou(truth, found) == macro_f1(truth, found) == 0
    assert segment_f1(truth, found, 0.5) == 0 and edit_score(truth, found) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_frame_measures_are_those_of_counting(seed: int) -> None:
    truth, found = timelines(seed)
    pairs = list(zip(truth.tolist(), found.tolist(), strict=True))
    shares, f1s = [], []
    for name in set(truth.tolist()):
        both = sum(t == f == name for t, f in pairs)
        only_true, only_found = sum(t == name != f for t, f in pairs), sum(f == name != t for t, f in pairs)
        shares.append(both / (both + only_true + only_found))
        precision = both / (both + only_found) if both + only_found else 0
        recall = both / (both + only_true)
        f1s.append(2 * precision * recall / (precision + recall) if both else 0)
    assert mean_over_frames(truth, found) == pytest.approx(sum(t == f for t, f in pairs) / len(pairs))
    assert mean_iou(truth, found) == pytest.approx(sum(shares) / len(shares))
    assert macro_f1(truth, found) == pytest.approx(sum(f1s) / len(f1s))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("overlap", [0.1, 0.25, 0.5])
def test_segment_f1_is_that_of_sets_of_frames(seed: int, overlap: float) -> None:
    truth, found = timelines(seed)
    true = stretches(truth)
    mine = [(name, frames) for name, frames in stretches(found) if name != UNLABELLED]
    taken: set[int] = set()
    for name, frames in mine:
        ious = [len(frames & own) / len(frames | own) if name == label else 0 for label, own in true]
        best = ious.index(max(ious))
        if ious[best] >= overlap and best not in taken:
            taken.add(best)
    precision, recall = len(taken) / len(mine), len(taken) / len(true)
    expected = 2 * precision * recall / (precision + recall) if taken else 0
    assert segment_f1(truth, found, overlap) == pytest.approx(expected)


def stretches(labels: np.ndarray) -> list[tuple[int, set[int]]]:
    """(label, its frames) of each stretch, frame by frame."""
    found: list[tuple[int, set[int]]] = []
    for frame, label in enumerate(labels.tolist()):
        if found and found[-1][0] == label:
            found[-1][1].add(frame)
        else:
            found.append((label, {frame}))
    return found


def test_runs_are_the_stretches_of_one_label() -> None:
    assert runs(np.array([3, 3, -1, 3])) == [(0, 2, 3), (2, 3, -1), (3, 4, 3)]
    assert runs(np.array([7])) == [(0, 1, 7)]


@pytest.mark.parametrize("seed", SEEDS)
def test_edit_score_is_that_of_the_recursive_distance(seed: int) -> None:
    truth, found = timelines(seed, frames=48)
    a = [name for name, _ in stretches(truth)]
    b = [name for name, _ in stretches(found) if name != UNLABELLED]
    known: dict[tuple[int, int], int] = {}

    def apart(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        if (i, j) not in known:
            swap = apart(i - 1, j - 1) + (a[i - 1] != b[j - 1])
            known[i, j] = min(swap, apart(i - 1, j) + 1, apart(i, j - 1) + 1)
        return known[i, j]

    assert edit_score(truth, found) == pytest.approx(1 - apart(len(a), len(b)) / max(len(a), len(b)))


def test_border_error_is_the_time_to_the_nearest_border_both_ways() -> None:
    truth, found = np.array([0] * 10 + [1] * 10), np.array([0] * 7 + [1] * 5 + [2] * 8)
    # 10 is 2 frames from 12; 7 and 12 are 3 and 2 frames from 10.
    assert boundary_error_s(truth, found, 0.1) == pytest.approx((0.2 + 0.25) / 2)
    assert boundary_error_s(truth, truth, 0.1) == 0


def test_border_error_without_borders() -> None:
    one, two = np.zeros(10, int), np.array([0] * 5 + [1] * 5)
    assert boundary_error_s(one, one + 3, 0.1) == 0
    assert np.isnan(boundary_error_s(two, one, 0.1)) and np.isnan(boundary_error_s(one, two, 0.1))


@pytest.mark.parametrize("seed", SEEDS)
def test_adjusted_rand_counts_pairs_of_frames(seed: int) -> None:
    a, b = timelines(seed, frames=48)
    both = only_a = only_b = total = 0
    for i in range(len(a)):
        for j in range(i):
            same_a, same_b = a[i] == a[j], b[i] == b[j]
            both, only_a, only_b = both + (same_a and same_b), only_a + same_a, only_b + same_b
            total += 1
    by_chance = only_a * only_b / total
    assert adjusted_rand(a, b) == pytest.approx((both - by_chance) / ((only_a + only_b) / 2 - by_chance))


def test_adjusted_rand_does_not_care_for_names() -> None:
    labels = np.array([0, 0, 1, 1, 2])
    assert adjusted_rand(labels, 7 - labels) == 1
    assert adjusted_rand(np.zeros(5, int), np.ones(5, int)) == 1


def test_counts() -> None:
    assert off_by_one([3, 5, 0], [4, 5, 2]) == pytest.approx(2 / 3)


def test_per_video_and_per_data_set_are_two_figures() -> None:
    truth = [np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])]
    found = [np.array([5, 5, 6, 6]), np.array([6, 6, 5, 5])]  # the same clusters, for the other actions
    assert score_video(truth, found, 1.0)["MoF"] == (1.0, 1.0)
    assert sorted(score_data_set(truth, found, 1.0)["MoF"]) == [0.0, 1.0]


def test_the_lead_is_over_the_best_other_row() -> None:
    def row(name: str, figures: tuple[float, ...]) -> SegmentationRow:
        return SegmentationRow(name, "x", dict.fromkeys(MEASURES, figures), 3.0)

    ours = row("ours", (0.9, 0.7, 0.8))
    (lead, _) = leads([row("a", (0.1, 0.2, 0.3)), row("b", (0.8, 0.6, 0.7)), ours], ours)
    assert (lead.measure, lead.best_other) == ("MoF", "b, x")
    assert (lead.difference, lead.low, lead.high) == pytest.approx((0.1, 0.1, 0.1))


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(1).normal(3, 2, size=400)
    mean, low, high = mean_interval(values)
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((mean - 0.196, mean + 0.196), abs=0.03)
