"""What a path says about time: overall speed, pauses, where the query rushed or dragged, how even it was."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from poseflow.dtw import MAX_TEMPO
from poseflow.match_records import Pause, Side, TempoChange
from poseflow.time_alignment import TimeAlignment
from poseflow.time_series import true_runs

LOCAL_TEMPO_S = 0.5
"""Stretch of the path over which evenness reads a local tempo: 15 steps of 1/30 s, so that one step is 7 % of it."""
SLOPE_WINDOW_S = 0.8
"""Stretch over which the slope that is told in words is fitted."""
CLEAR_CHANGE = 1.3
"""A change of tempo is told where the slope passes this factor somewhere ..."""
CHANGE_EDGE = 1.15
"""... and reaches as far as it passes this one."""
MIN_CHANGE_S = 1.0
"""Shortest change that is told; the four were chosen on 60 excerpts of the CMU carve-out in two noisy views.

Of changes by 1.4 to 2 times for 2.5 s, 90 % were told, with a factor 5 % off in the median; at one tempo none was told.
"""
MIN_PAUSE_S = 0.3
"""Shortest pause that is told; alignments take shorter ones too, and the timing score counts them."""


def overall_tempo(ref_s: NDArray[np.float64], query_s: NDArray[np.float64]) -> float:
    """Speed of the query / speed of the reference; NaN on a path of fewer than eight steps.

    The median slope between steps half a path apart (Theil's incomplete method): half of the path may be off.
    """
    half = len(ref_s) // 2
    if half < MAX_TEMPO + 1:  # nearer steps may share a frame, and have no slope
        return math.nan
    return float(np.median((ref_s[half:] - ref_s[:-half]) / (query_s[half:] - query_s[:-half])))


def evenness(ref_s: NDArray[np.float64], query_s: NDArray[np.float64], *, step_s: float, tempo: float) -> float:
    """Score 0 to 100 of how near the local tempo stays to `tempo`, in the mean, on a log scale; NaN where too short."""
    window = max(MAX_TEMPO + 1, round(LOCAL_TEMPO_S / step_s))
    if len(ref_s) <= window or math.isnan(tempo):
        return math.nan
    local = (ref_s[window:] - ref_s[:-window]) / (query_s[window:] - query_s[:-window])
    return float(np.clip(100 * (1 - np.abs(np.log(local / tempo)).mean() / np.log(MAX_TEMPO)), 0, 100))


def timing_score(alignment: TimeAlignment, *, tempo: float) -> float:
    """Score 0 to 100: `evenness` outside the pauses, times the share of the path that is no pause."""
    ref_s, query_s = moving_times(alignment)
    return float(alignment.is_moving.mean()) * evenness(ref_s, query_s, step_s=alignment.step_s, tempo=tempo)


def moving_times(alignment: TimeAlignment) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(M,) times of both clips at the steps that are no pause, less the pauses before them."""
    ref_lost = np.cumsum(alignment.ref_pauses) * alignment.step_s
    query_lost = np.cumsum(alignment.query_pauses) * alignment.step_s
    return (alignment.ref_s - ref_lost)[alignment.is_moving], (alignment.query_s - query_lost)[alignment.is_moving]


def pauses(alignment: TimeAlignment) -> tuple[Pause, ...]:
    """The pauses of either person, of at least MIN_PAUSE_S, in the order of the path."""
    found: list[tuple[int, Pause]] = []
    sides: tuple[tuple[Side, NDArray[np.bool_], NDArray[np.float64]], ...] = (
        ("ref", alignment.ref_pauses, alignment.ref_s),
        ("query", alignment.query_pauses, alignment.query_s),
    )
    for side, flags, time_s in sides:
        for start, stop in true_runs(flags):
            begin, end = float(time_s[start]), float(time_s[stop - 1]) + alignment.step_s
            if end - begin >= MIN_PAUSE_S - 1e-9:
                found.append((start, Pause(begin, end, side)))
    return tuple(pause for _, pause in sorted(found, key=lambda item: item[0]))


def tempo_changes(alignment: TimeAlignment) -> tuple[TempoChange, ...]:
    """Where the query was clearly faster or slower than the reference, in the order of time."""
    index, slope = _slopes(alignment)
    changes: list[TempoChange] = []
    for sign in (1, -1):
        bent = sign * np.log(slope)
        for start, stop in true_runs(bent >= np.log(CHANGE_EDGE)):
            first, last = index[start], index[stop - 1]
            is_long = alignment.query_s[last] - alignment.query_s[first] >= MIN_CHANGE_S
            if is_long and bent[start:stop].max() >= np.log(CLEAR_CHANGE):
                changes.append(_change(alignment, int(first), int(last)))
    return tuple(sorted(changes, key=lambda change: change.start_s))


def _change(alignment: TimeAlignment, first: int, last: int) -> TempoChange:
    between = slice(first, last + 1)
    ref_s = alignment.ref_s[last] - alignment.ref_s[first] - alignment.ref_pauses[between].sum() * alignment.step_s
    query_s = alignment.query_s[last] - alignment.query_s[first]
    query_s -= alignment.query_pauses[between].sum() * alignment.step_s
    factor = float(ref_s / query_s)
    start_s, end_s = float(alignment.query_s[first]), float(alignment.query_s[last])
    word, times = ("rushed", factor) if factor >= 1 else ("dragged", 1 / factor)
    return TempoChange(
        start_s=start_s,
        end_s=end_s,
        ref_start_s=float(alignment.ref_s[first]),
        ref_end_s=float(alignment.ref_s[last]),
        factor=factor,
        text=f"{word} {times:.1f}x between {start_s:.1f} s and {end_s:.1f} s",
    )


def _slopes(alignment: TimeAlignment) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Steps of the path (N,), one for each moving frame of the query, and the slope at each."""
    from scipy.signal import savgol_filter

    is_moving = np.flatnonzero(alignment.is_moving)
    ref_s, query_s = moving_times(alignment)
    frame = np.round(query_s / alignment.step_s).astype(np.int64)
    _, first, which = np.unique(frame, return_index=True, return_inverse=True)
    window = round(SLOPE_WINDOW_S / alignment.step_s) // 2 * 2 + 1
    if len(first) < window:
        return np.empty(0, np.int64), np.empty(0)
    mean_ref_s = np.bincount(which, ref_s) / np.bincount(which)
    slope = savgol_filter(mean_ref_s, window, 1, deriv=1, delta=alignment.step_s)
    return is_moving[first], np.clip(slope, 1 / MAX_TEMPO, MAX_TEMPO)
