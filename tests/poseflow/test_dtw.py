import itertools
import time
from functools import lru_cache

import numpy as np
import pytest

from poseflow.dtw import OpenClip, Steering, align


def brute_force(cost, *, is_open, max_tempo=3, frame_charge=0.0):
    """Least mean cost over all chains of runs, by recursion over the end of the chain."""
    n_rows, n_columns = cost.shape
    blocks = [(1, k) for k in range(1, max_tempo + 1)] + [(k, 1) for k in range(2, max_tempo + 1)]

    @lru_cache(None)
    def least(row, column):
        if row == -1:
            return 0.0 if is_open or column == -1 else np.inf
        if column < 0:
            return np.inf
        found = np.inf
        for rows, columns in blocks:
            if rows > row + 1 or columns > column + 1:
                continue
            cells = cost[row - rows + 1 : row + 1, column - columns + 1 : column + 1]
            charge = frame_charge * (rows + columns - 2)
            frames_consumed = rows if is_open else (rows + columns) / 2
            found = min(found, least(row - rows, column - columns) + frames_consumed * cells.mean() + charge)
        return found

    ends = range(n_columns) if is_open else [n_columns - 1]
    return min(least(n_rows - 1, end) for end in ends) / (n_rows if is_open else (n_rows + n_columns) / 2)


def distances(ref, query):
    return np.abs(np.asarray(ref)[:, None] - np.asarray(query)[None, :])


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 2), (1, 7), (2, 3), (4, 9), (6, 6), (5, 8), (3, 9)])
@pytest.mark.parametrize("open_clip", ["query", "neither"])
def test_cost_is_the_least_of_all_legal_paths(rows, columns, open_clip: OpenClip):
    generator = np.random.default_rng(rows * 100 + columns)
    if open_clip == "neither" and columns > 3 * rows:
        pytest.skip("no legal path: one clip is more than three times the other")
    for _ in range(5):
        cost = generator.random((rows, columns))
        expected = brute_force(cost, is_open=open_clip == "query")
        assert align(cost, open_clip=open_clip).cost == pytest.approx(expected)


@pytest.mark.parametrize(("is_open", "shape"), [(True, (5, 3)), (False, (7, 4)), (True, (4, 12))])
def test_other_tempo_limits_are_exact_too(is_open, shape):
    cost = np.random.default_rng(1).random(shape)
    open_clip: OpenClip = "query" if is_open else "neither"
    found = align(cost, open_clip=open_clip, steering=Steering(max_tempo=2)).cost
    assert found == pytest.approx(brute_force(cost, is_open=is_open, max_tempo=2))


@pytest.mark.parametrize(("is_open", "shape"), [(True, (6, 9)), (False, (7, 5))])
def test_leaving_unit_tempo_is_charged_a_share_of_the_mean_cost(is_open, shape):
    cost = np.random.default_rng(11).random(shape)
    open_clip: OpenClip = "query" if is_open else "neither"
    alignment = align(cost, open_clip=open_clip, steering=Steering(tempo_charge=0.3))
    pairs, frames = len(alignment.path), (shape[0] if is_open else sum(shape) / 2)
    runs = 1 + (np.diff(alignment.path, axis=0).sum(1) == 2).sum()
    charged = alignment.cost + 0.3 * cost.mean() * (pairs - runs) / frames
    assert charged == pytest.approx(brute_force(cost, is_open=is_open, frame_charge=0.3 * cost.mean()))


def test_a_charged_path_does_not_wander_in_noise():
    noise = 0.3 + 0.004 * np.random.default_rng(12).random((60, 60))
    path = align(noise, steering=Steering(tempo_charge=0.05)).path
    np.testing.assert_array_equal(path[:, 0], path[:, 1])
    assert len(align(noise).path) > 60


def test_path_has_the_cost_that_is_returned_and_consumes_what_it_must():
    cost = np.random.default_rng(2).random((9, 14))
    alignment = align(cost)
    path = alignment.path
    assert np.average(cost[path[:, 0], path[:, 1]], weights=alignment.weights) == pytest.approx(alignment.cost)
    assert sorted(set(path[:, 0])) == list(range(9))
    steps = np.diff(path, axis=0)
    assert ((steps >= 0) & (steps <= 1)).all() and (steps.sum(1) >= 1).all()
    assert max(np.bincount(path[:, 0]).max(), np.bincount(path[:, 1]).max()) <= 3


def test_clips_of_one_length_are_both_consumed_whole():
    path = align(np.random.default_rng(3).random((11, 11))).path
    assert path[0].tolist() == [0, 0] and path[-1].tolist() == [10, 10]


@pytest.mark.parametrize("shape", [(6, 13), (7, 7)])
def test_swapping_the_clips_swaps_the_path(shape):
    cost = np.random.default_rng(4).random(shape)
    there, back = align(cost), align(cost.T)
    assert there.cost == pytest.approx(back.cost)
    np.testing.assert_array_equal(there.path, back.path[:, ::-1])


def test_playing_both_clips_backwards_gives_the_same_cost():
    cost = np.random.default_rng(5).random((6, 13))
    assert align(cost[::-1, ::-1]).cost == pytest.approx(align(cost).cost)


@pytest.mark.parametrize("length", [3, 8])
def test_plain_steps_equal_dtaidistance(length):
    dtw = pytest.importorskip("dtaidistance.dtw")
    generator = np.random.default_rng(length)
    for _ in range(10):
        ref, query = generator.random(length), generator.random(length + 2)
        alignment = align(
            distances(ref, query) ** 2, open_clip="neither", steering=Steering(max_tempo=20, weighting="cells")
        )
        squared = alignment.cost * len(alignment.path)
        assert np.sqrt(squared) == pytest.approx(dtw.distance(ref, query))


def test_plain_steps_equal_the_textbook_recursion():
    generator = np.random.default_rng(6)
    for rows, columns in itertools.product((1, 4, 7), (1, 5, 9)):
        cost = generator.random((rows, columns))
        table = np.full((rows + 1, columns + 1), np.inf)
        table[0, 0] = 0
        for i, j in itertools.product(range(rows), range(columns)):
            table[i + 1, j + 1] = cost[i, j] + min(table[i, j], table[i, j + 1], table[i + 1, j])
        alignment = align(cost, open_clip="neither", steering=Steering(max_tempo=9, weighting="cells"))
        assert alignment.cost * len(alignment.path) == pytest.approx(table[-1, -1])


def test_frozen_reference_frame_cannot_absorb_the_query():
    cost = np.full((60, 40), 0.5)
    cost[20] = 0.0
    path = align(cost).path
    assert np.bincount(path[:, 0], minlength=60)[20] <= 3
    assert len(set(path[:, 0])) >= 40 / 3


def test_offset_of_a_cut_is_found_exactly():
    clip = np.cumsum(np.random.default_rng(7).normal(size=200))
    path = align(distances(clip, clip[70:110])).path
    np.testing.assert_array_equal(path[:, 0] - path[:, 1], 70)


@pytest.mark.parametrize("tempo", [0.5, 0.8, 1.5, 2.5])
def test_a_warped_copy_gives_its_warp_back(tempo):
    phase = np.linspace(0, 1, 120)
    warped = np.linspace(0, 1, round(120 / tempo)) ** 1.2
    signal = lambda at: np.stack([np.sin(9 * at), np.cos(7 * at), 3 * at], axis=-1)  # noqa: E731
    cost = np.linalg.norm(signal(phase)[:, None] - signal(warped)[None], axis=-1)
    path = align(cost, open_clip="neither").path
    assert np.abs(phase[path[:, 0]] - warped[path[:, 1]]).max() < 0.03


def test_one_frame_meets_its_like_among_many():
    cost = np.array([[0.9, 0.2, 0.01, 0.3, 0.8]])
    assert align(cost).path.tolist() == [[0, 2]]
    assert align(cost.T).path.tolist() == [[2, 0]]
    assert align(np.array([[0.4]])).cost == 0.4


def test_longest_legal_stretch_is_three():
    cost = np.zeros((2, 6))
    assert align(cost, open_clip="neither").path[:, 1].tolist() == list(range(6))
    with pytest.raises(ValueError, match="tempo"):
        align(np.zeros((2, 7)), open_clip="neither")
    with pytest.raises(ValueError, match="tempo"):
        align(np.zeros((7, 2)), open_clip="query")


def test_path_does_not_hide_in_unseen_frames():
    clip = np.cumsum(np.random.default_rng(8).normal(size=120))
    cost = distances(clip, clip[60:100])
    cost[10:50] = np.nan  # long enough to hold the whole query
    cost[70:73] = np.nan  # unseen in the middle of the true place
    path = align(cost).path
    np.testing.assert_array_equal(path[:, 0] - path[:, 1], 60)


def test_a_gap_is_crossed_at_unit_tempo():
    clip = np.cumsum(np.random.default_rng(10).normal(size=90))
    cost = distances(clip, clip[20:80])
    cost[40:60] = np.nan  # of the clip that is open
    np.testing.assert_array_equal(np.diff(align(cost).path, axis=0), 1)


def test_unseen_frames_count_nothing_in_the_cost():
    clip = np.arange(20.0) ** 1.5
    cost = distances(clip, clip) + 0.25
    cost[8:11] = np.nan
    cost[:, 15] = np.nan
    assert align(cost).cost == pytest.approx(0.25)


def test_nothing_seen_has_no_cost():
    assert np.isnan(align(np.full((4, 6), np.nan)).cost)


@pytest.mark.parametrize(
    ("cost", "settings", "message"),
    [
        (np.zeros((0, 3)), {}, "at least one row"),
        (np.zeros(3), {}, "matrix"),
        (np.full((2, 2), np.inf), {}, "infinity"),
        (np.zeros((2, 2)), {"open_clip": "both"}, "open_clip"),
    ],
)
def test_bad_arguments_are_named(cost, settings, message):
    with pytest.raises(ValueError, match=message):
        align(cost, **settings)


def test_nine_hundred_frames_against_nine_hundred_are_quick():
    cost = np.random.default_rng(9).random((900, 900))
    seconds = []
    for _ in range(3):
        start = time.process_time()  # other programs do not count
        align(cost)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.2


def still(length, *stretches):
    flags = np.zeros(length, bool)
    for start, stop in stretches:
        flags[start:stop] = True
    return flags


def least_with_pauses(cost, rows_still, columns_still, *, charge, is_open):
    """Least total of all chains of runs and pauses, by recursion; charges are absolute."""
    n_rows, n_columns = cost.shape
    blocks = [(1, k) for k in (1, 2, 3)] + [(2, 1), (3, 1)]

    @lru_cache(None)
    def moving(row, column):
        if row == -1:
            return 0.0 if is_open or column == -1 else np.inf
        return any_way(row, column) if column >= 0 else np.inf

    @lru_cache(None)
    def run(row, column):
        found = np.inf
        for rows, columns in blocks:
            if rows <= row + 1 and columns <= column + 1:
                cells = cost[row - rows + 1 : row + 1, column - columns + 1 : column + 1]
                consumed = rows if is_open else (rows + columns) / 2
                found = min(found, moving(row - rows, column - columns) + consumed * cells.mean())
        return found

    def any_way(row, column):
        found = run(row, column)
        total = charge
        for k in range(1, row + 1):  # the rows' clip goes on alone
            if not rows_still[row - k + 1]:
                break
            total += cost[row - k + 1, column] * (1.0 if is_open else 0.5)
            found = min(found, run(row - k, column) + total)
        total = charge
        for k in range(1, column + 1):
            if not columns_still[column - k + 1]:
                break
            total += 0.0 if is_open else 0.5 * cost[row, column - k + 1]
            found = min(found, run(row, column - k) + total)
        return found

    ends = range(n_columns) if is_open else [n_columns - 1]
    return min(any_way(n_rows - 1, end) for end in ends)


@pytest.mark.parametrize(("shape", "is_open"), [((5, 9), True), ((9, 5), True), ((7, 8), False), ((4, 12), False)])
def test_pauses_are_the_cheapest_of_all(shape, is_open):
    generator = np.random.default_rng(sum(shape))
    steering = Steering(pause_start=0.4, pause_frame=0.0, typical_cost=1.0)
    for _ in range(8):
        cost = generator.random(shape)
        flags = [generator.random(n) < 0.6 for n in shape]
        expected = least_with_pauses(cost, *flags, charge=0.4, is_open=is_open)
        found = align(
            cost,
            open_clip="query" if is_open else "neither",
            ref_still=flags[0],
            query_still=flags[1],
            steering=steering,
        )
        i, j = found.path.T
        pauses = (np.diff(found.ref_pauses.astype(int), prepend=0) == 1).sum()
        pauses += (np.diff(found.query_pauses.astype(int), prepend=0) == 1).sum()
        assert (found.weights * cost[i, j]).sum() + 0.4 * pauses == pytest.approx(expected)
        assert not (found.ref_pauses & ~flags[0][i]).any() and not (found.query_pauses & ~flags[1][j]).any()


def test_a_still_query_pauses_and_a_moving_one_does_not():
    phase = np.r_[np.arange(20), np.full(40, 19), np.arange(20, 40)].astype(float)
    cost = distances(np.arange(40.0), phase) / 10
    holding = still(80, (21, 60))
    found = align(cost, open_clip="query", query_still=holding, steering=Steering(pause_start=0.5))
    assert found.query_pauses.sum() >= 36
    assert np.abs(np.arange(40)[found.path[:, 0]] - phase[found.path[:, 1]]).max() == 0
    assert found.cost == pytest.approx(0)
    assert not align(cost, open_clip="query", steering=Steering(pause_start=0.5)).query_pauses.any()


def test_swapping_the_clips_swaps_the_pauses():
    generator = np.random.default_rng(21)
    cost, flags = generator.random((8, 15)), [generator.random(8) < 0.7, generator.random(15) < 0.7]
    steering = Steering(pause_start=0.1)
    there = align(cost, ref_still=flags[0], query_still=flags[1], steering=steering)
    back = align(cost.T, ref_still=flags[1], query_still=flags[0], steering=steering)
    np.testing.assert_array_equal(there.query_pauses, back.ref_pauses)
    np.testing.assert_array_equal(there.ref_pauses, back.query_pauses)


def test_a_band_counts_from_each_start():
    clip = np.cumsum(np.random.default_rng(22).normal(size=2400))
    cut = clip[1800:2100]  # 60 s into a clip of 80 s at 30 Hz
    found = align(distances(clip, cut), steering=Steering(band=60))
    np.testing.assert_array_equal(found.path[:, 0] - found.path[:, 1], 1800)


@pytest.mark.parametrize("band", [0, 3])
def test_a_path_stays_in_its_band(band):
    generator = np.random.default_rng(23)
    for shape in ((20, 50), (30, 30 + band)):
        path = align(generator.random(shape), steering=Steering(band=band)).path
        ahead = (path[:, 1] - path[0, 1]) - (path[:, 0] - path[0, 0])
        assert np.abs(ahead).max() <= band


def test_a_band_that_no_path_keeps_to_is_told():
    with pytest.raises(ValueError, match="band of 2 frames"):
        align(np.zeros((20, 30)), open_clip="neither", steering=Steering(band=2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_tempo": 0}, "max_tempo"),
        ({"tempo_charge": -0.1}, "tempo_charge"),
        ({"pause_start": -1}, "pause_start"),
        ({"pause_frame": np.inf}, "pause_frame"),
        ({"band": -1}, "band"),
    ],
)
def test_bad_steering_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        Steering(**settings)


def test_frozen_reference_cannot_absorb_a_moving_query_even_where_it_may_pause():
    cost = np.full((60, 40), 0.5)
    cost[20] = 0.0
    found = align(cost, ref_still=np.ones(60, bool))
    assert np.bincount(found.path[:, 0], minlength=60)[20] <= 3
