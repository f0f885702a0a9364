import numpy as np
import pytest

from poseflow import time_alignment
from poseflow.costs import average_diagonals, cost_matrix
from poseflow.errors import NothingToScoreError
from poseflow.time_alignment import PathSettings, align_in_time
from poseflow.time_series import TimeSeries, common_step, resample


def euclidean(a, b):
    return np.linalg.norm(a - b, axis=1)


def movement(time_s):
    """A movement that never repeats a pose, (T, 3)."""
    t = np.asarray(time_s)
    return np.stack([np.sin(2.1 * t), np.cos(1.7 * t), 0.6 * t], axis=1)


def filmed(time_s, *, of=None):
    time_s = np.asarray(time_s, dtype=float)
    return TimeSeries(time_s, movement(time_s if of is None else of), np.ones(len(time_s), bool))


def test_copies_at_29_97_and_60_frames_a_second_lie_on_each_other():
    slow, fast = filmed(np.arange(120) * 1001 / 30000), filmed(np.arange(240) / 60)
    found = align_in_time(slow, fast, distance=euclidean)
    assert np.abs(found.query_s - found.ref_s).max() < 1 / 30
    assert abs(np.median(found.query_s - found.ref_s)) < 1 / 60


def test_variable_frame_rate_is_read_in_seconds():
    steps = np.where(np.arange(150) < 75, 1 / 30, 1 / 15)
    variable, steady = filmed(np.cumsum(steps)), filmed(np.arange(0, 8, 1 / 30))
    found = align_in_time(steady, variable, distance=euclidean)
    assert np.abs(found.query_s - found.ref_s).max() < 1 / 30


def test_a_cut_is_found_where_it_was_taken():
    whole = filmed(np.arange(0, 6, 1 / 30))
    cut = filmed(np.arange(0, 1.5, 1 / 30), of=np.arange(0, 1.5, 1 / 30) + 2)
    found = align_in_time(whole, cut, distance=euclidean)
    np.testing.assert_allclose(found.ref_s - found.query_s, 2, atol=1e-9)
    assert found.query_coverage == 1
    assert found.consumed_coverage == 1
    assert found.ref_coverage == pytest.approx(45 / 180)


class Blunt:
    """A distance that hardly rises near 0, and steers by one that does."""

    def __call__(self, a, b):
        return np.sqrt(euclidean(a, b) ** 2 + 100)

    def steer(self, distances, nearest):
        return np.sqrt(distances**2 - nearest**2)


@pytest.mark.parametrize("exact_cells", [9_000_000, 2000])
def test_a_path_is_sought_by_what_its_distance_steers_by_and_costs_what_the_distance_says(exact_cells, monkeypatch):
    monkeypatch.setattr(time_alignment, "EXACT_CELLS", exact_cells)
    whole = filmed(np.arange(0, 6, 1 / 30))
    cut = filmed(np.arange(0, 3, 1 / 30), of=1.5 + 1.2 * np.arange(0, 3, 1 / 30))
    plain = align_in_time(whole, cut, distance=euclidean)
    steered = align_in_time(whole, cut, distance=Blunt())
    np.testing.assert_allclose(steered.ref_s, plain.ref_s, atol=1e-9)
    np.testing.assert_allclose(steered.distance, np.sqrt(plain.distance**2 + 100), rtol=1e-6)
    assert steered.cost > 10


def test_step_is_the_finer_one_but_not_below_a_thirtieth():
    assert common_step(filmed(np.arange(9) / 60), filmed(np.arange(9) / 25)) == pytest.approx(1 / 30)
    assert common_step(filmed(np.arange(9) / 10), filmed(np.arange(9) / 25)) == pytest.approx(1 / 25)
    assert common_step(filmed([3.0]), filmed([1.0])) == pytest.approx(1 / 30)


def test_resampling_is_linear_between_frames_and_keeps_the_ends():
    series = TimeSeries(np.array([1.0, 1.1, 1.3]), np.array([[0.0], [1.0], [5.0]]), np.ones(3, bool))
    grid = resample(series, 0.05)
    np.testing.assert_allclose(grid.time_s, [1, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3])
    np.testing.assert_allclose(grid.values[:, 0], [0, 0.5, 1, 2, 3, 4, 5], atol=1e-6)


def test_short_gaps_are_bridged_and_long_ones_stay_unseen():
    time_s = np.arange(31) / 30
    is_seen = np.ones(31, bool)
    is_seen[3:6] = False  # 0.13 s from seen to seen
    is_seen[12:22] = False  # 0.37 s
    is_seen[30] = False  # the clip ends unseen
    grid = resample(TimeSeries(time_s, movement(time_s), is_seen), 1 / 30)
    assert len(grid.time_s) == 30
    np.testing.assert_array_equal(np.flatnonzero(~grid.is_seen), np.arange(12, 22))
    assert np.isnan(grid.values[12:22]).all()
    np.testing.assert_allclose(grid.values[grid.is_seen], movement(time_s)[:30][grid.is_seen], atol=0.02)


def test_a_slow_clip_is_bridged_over_its_own_step():
    grid = resample(filmed(np.arange(5) / 3), 1 / 30)
    assert grid.is_seen.all()


def test_one_frame_is_a_grid_of_one():
    grid = resample(filmed([4.5]), 1 / 30)
    assert grid.time_s.tolist() == [4.5] and grid.is_seen.all()


def test_one_frame_is_found_among_many():
    many = filmed(np.arange(0, 4, 1 / 30))
    found = align_in_time(many, filmed([0.0], of=[2.0]), distance=euclidean)
    np.testing.assert_allclose(found.ref_s, 2)
    both = align_in_time(filmed([7.0]), filmed([9.0]), distance=euclidean)
    assert both.ref_s.tolist() == [7] and both.query_s.tolist() == [9]


@pytest.mark.parametrize("frames", [0, 5])
def test_nobody_seen_has_nothing_to_score(frames):
    empty = TimeSeries(np.arange(frames) / 30, np.full((frames, 3), np.nan), np.zeros(frames, bool))
    with pytest.raises(NothingToScoreError, match="query"):
        align_in_time(filmed([0.0, 0.1]), empty, distance=euclidean)


def test_unseen_time_is_no_error_and_lowers_the_coverage():
    time_s = np.arange(90) / 30
    is_seen = np.ones(90, bool)
    is_seen[30:60] = False
    values = np.where(is_seen[:, None], movement(time_s), np.nan)
    found = align_in_time(filmed(time_s), TimeSeries(time_s, values, is_seen), distance=euclidean)
    assert np.nanmax(found.distance) < 1e-6
    assert found.ref_coverage == found.query_coverage == found.consumed_coverage == pytest.approx(60 / 90)
    np.testing.assert_allclose(found.ref_s, found.query_s, atol=1e-9)


def test_cost_is_the_same_in_one_batch_and_in_many(monkeypatch):
    ref, query = filmed(np.arange(20) / 30), filmed(np.arange(33) / 30)
    whole = cost_matrix(ref, query, distance=euclidean)
    monkeypatch.setattr("poseflow.costs.BATCH_PAIRS", 50)
    np.testing.assert_array_equal(cost_matrix(ref, query, distance=euclidean), whole)
    np.testing.assert_allclose(whole[7, 11], np.linalg.norm(ref.values[7] - query.values[11]))


def test_diagonal_average_equals_a_slow_loop():
    generator = np.random.default_rng(0)
    cost = generator.random((12, 9))
    cost[4] = np.nan
    averaged = average_diagonals(cost, taps=np.array([-3, 0, 3]))
    for i in range(12):
        for j in range(9):
            around = [cost[i + k, j + k] for k in (-3, 0, 3) if 0 <= i + k < 12 and 0 <= j + k < 9]
            known = [value for value in around if np.isfinite(value)]
            expected = np.nan if np.isnan(cost[i, j]) else np.mean(known)
            np.testing.assert_allclose(averaged[i, j], expected)


def test_context_wider_than_the_clips_changes_nothing_but_the_steering():
    short = filmed(np.arange(5) / 30)
    found = align_in_time(short, short, distance=euclidean, settings=PathSettings(context_s=5.0))
    np.testing.assert_allclose(found.distance, 0, atol=1e-9)


def test_bad_shapes_and_settings_are_named():
    with pytest.raises(ValueError, match="is_seen"):
        TimeSeries(np.arange(3.0), np.zeros((3, 2)), np.ones(2, bool))
    with pytest.raises(ValueError, match="context_s"):
        align_in_time(filmed([0.0]), filmed([0.0]), distance=euclidean, settings=PathSettings(context_s=-1))


def test_an_offset_of_a_minute_is_found_with_a_band_of_two_seconds():
    whole = filmed(np.arange(0, 80, 1 / 30))
    cut = filmed(np.arange(0, 5, 1 / 30), of=np.arange(0, 5, 1 / 30) + 60)
    found = align_in_time(whole, cut, distance=euclidean, settings=PathSettings(band_s=2.0))
    np.testing.assert_allclose(found.ref_s - found.query_s, 60, atol=1e-9)


def test_a_hold_is_a_pause_of_the_clip_that_holds():
    time_s = np.arange(0, 8, 1 / 30)
    held = filmed(time_s, of=np.interp(time_s, [0, 3, 5, 8], [0, 3, 3, 6]))
    steady = filmed(np.arange(0, 6, 1 / 30))
    found = align_in_time(steady, held, distance=euclidean)
    paused_s = found.query_s[found.query_pauses]
    assert 2.8 < paused_s[0] < 3.3 and 4.7 < paused_s[-1] < 5.2
    assert not found.ref_pauses.any()
    assert np.abs(np.interp(found.query_s, [0, 3, 5, 8], [0, 3, 3, 6]) - found.ref_s).max() < 0.2
    turned = align_in_time(held, steady, distance=euclidean)
    np.testing.assert_array_equal(turned.ref_pauses, found.query_pauses)


def test_a_frozen_reference_cannot_absorb_the_query():
    frozen = filmed(np.arange(0, 6, 1 / 30), of=np.full(180, 1.0))
    found = align_in_time(frozen, filmed(np.arange(0, 4, 1 / 30)), distance=euclidean)
    assert np.bincount(np.round(found.ref_s * 30).astype(int)).max() <= 3
    assert found.cost > 0.5


def test_a_long_clip_is_aligned_as_a_short_one_is(monkeypatch):
    ref = filmed(np.arange(0, 40, 1 / 30))
    bent = np.arange(0, 40, 1 / 30) + 0.8 * np.sin(np.arange(0, 40, 1 / 30) / 3)
    query = filmed(np.arange(0, 36, 1 / 30), of=bent[:1080])
    settings = PathSettings(context_s=0.0)
    exact = align_in_time(ref, query, distance=euclidean, settings=settings)
    monkeypatch.setattr("poseflow.time_alignment.EXACT_CELLS", 150_000)
    monkeypatch.setattr("poseflow.time_alignment.CORRIDOR_S", 0.2)
    coarse = align_in_time(ref, query, distance=euclidean, settings=settings)
    np.testing.assert_array_equal(coarse.ref_s, exact.ref_s)
    np.testing.assert_array_equal(coarse.query_s, exact.query_s)
    back = align_in_time(query, ref, distance=euclidean, settings=settings)
    np.testing.assert_array_equal(back.ref_s, exact.query_s)


def test_gaps_of_long_clips_stay_unseen(monkeypatch):
    monkeypatch.setattr("poseflow.time_alignment.EXACT_CELLS", 20_000)
    time_s = np.arange(0, 20, 1 / 30)
    is_seen = (time_s < 8) | (time_s > 10)
    values = np.where(is_seen[:, None], movement(time_s), np.nan)
    found = align_in_time(filmed(time_s), TimeSeries(time_s, values, is_seen), distance=euclidean)
    assert np.nanmax(found.distance) < 0.05
    assert found.query_coverage == pytest.approx(is_seen.mean(), abs=0.01)


def test_negative_bands_are_refused():
    with pytest.raises(ValueError, match="band_s"):
        PathSettings(band_s=-1)
