import numpy as np
import pytest

from poseflow.errors import NothingToScoreError
from poseflow.occurrences import find_occurrences
from poseflow.time_series import TimeSeries


def euclidean(a, b):
    return np.linalg.norm(a - b, axis=1)


def series(phase):
    t = np.asarray(phase, float)
    values = np.stack([np.sin(2.1 * t), np.cos(1.7 * t), 0.6 * t], axis=1)
    return TimeSeries(np.arange(len(t)) / 30, values, np.ones(len(t), bool))


PATTERN = np.arange(0, 2, 1 / 30)


def search(pattern, clip, *, below=0.3):
    return find_occurrences(series(pattern), series(clip), distance=euclidean, accept=lambda found: found.cost < below)


def test_every_repetition_is_found_best_first_without_overlap():
    other = np.arange(30, 33, 1 / 30)
    slow = np.arange(0, 2, 1 / 45)
    clip = np.concatenate([other, PATTERN + 0.1, other, PATTERN, PATTERN + 0.05, other, slow + 0.15])
    found = search(PATTERN, clip)
    starts = np.array([place.query_s[0] for place in found])
    truth = np.cumsum([0, 3, 2, 3, 2, 2, 3])[[1, 3, 4, 6]]
    np.testing.assert_allclose(np.sort(starts), truth, atol=0.15)
    assert starts[0] == pytest.approx(truth[1])  # the exact copy
    assert [place.cost for place in found] == sorted(place.cost for place in found)
    spans = sorted((place.query_s[0], place.query_s[-1]) for place in found)
    assert all(before[1] < after[0] for before, after in zip(spans, spans[1:], strict=False))


def test_nothing_like_it_gives_nothing():
    assert search(PATTERN, np.arange(30, 40, 1 / 30)) == []


def test_a_clip_of_the_movement_alone_holds_it_once():
    (found,) = search(PATTERN, PATTERN)
    assert found.cost == pytest.approx(0)


def test_a_pattern_of_one_frame_and_a_clip_that_is_too_short_for_the_rest():
    assert len(search([1.0], [1.0], below=0.1)) == 1
    assert len(search(PATTERN, np.concatenate([PATTERN, PATTERN[:10]]))) == 1


def test_nobody_seen_is_refused():
    empty = TimeSeries(np.arange(3) / 30, np.full((3, 3), np.nan), np.zeros(3, bool))
    with pytest.raises(NothingToScoreError):
        find_occurrences(series(PATTERN), empty, distance=euclidean, accept=lambda found: True)


def test_a_refused_place_does_not_hide_dearer_ones_elsewhere():
    """Acceptance may go by another figure than the cost, which orders the places."""
    other = np.arange(30, 33, 1 / 30)
    clip = np.concatenate([PATTERN + 1 / 30, other, PATTERN, other, PATTERN + 0.2])
    found = find_occurrences(
        series(PATTERN),
        series(clip),
        distance=euclidean,
        accept=lambda place: place.query_s[0] > 1 and place.cost < 0.3,
    )
    np.testing.assert_allclose([place.query_s[0] for place in found], [5, 10], atol=0.15)


def test_nothing_is_sought_beside_a_refused_place():
    asked = []
    clip = series(np.tile(PATTERN, 3))
    assert find_occurrences(series(PATTERN), clip, distance=euclidean, accept=lambda place: asked.append(place)) == []
    assert len(asked) == 1
