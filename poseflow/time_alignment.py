"""Alignment in time of two series of per-frame features, whatever the features and the frame rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poseflow.dtw import align
from poseflow.errors import NothingToScoreError

FINEST_STEP_S = 1 / 30
"""Human movement is slow against 1/30 s; a finer grid costs four times the work for each halving."""
LONGEST_BRIDGE_S = 0.2
"""Longest time between two seen frames that is filled by interpolation."""
TEMPO_CHARGE = 0.05
"""Chosen on takes of the CMU carve-out seen by two cameras (three seeds): against no charge, the median error of the
alignments fell by 16 to 34 % at unit, 12 to 25 % at changing and 7 to 20 % at double tempo, and rose by 7 to 46 % at
half tempo; twice the charge did worse at both of the last.
"""
CONTEXT_TAP_S = 0.1
"""Distance of the pairs that may be averaged along the diagonal (Pr-VIPE: every third frame at 30 Hz)."""
BATCH_PAIRS = 65536

PairDistance = Callable[[NDArray, NDArray], NDArray]
"""(N, F) and (N, F) -> (N,) distances, lower = nearer; NaN where a pair cannot be compared."""


@dataclass(frozen=True)
class TimeSeries:
    """Features of one person through a clip.

    Attributes:
        time_s: (T,) float64 presentation times, rising.
        values: (T, F) features; NaN = not seen.
        is_seen: (T,) whether the frame has features at all; a seen frame may lack some of them.
    """

    time_s: NDArray[np.float64]
    values: NDArray
    is_seen: NDArray[np.bool_]

    def __post_init__(self) -> None:
        frames = len(self.time_s)
        if self.values.ndim != 2 or len(self.values) != frames or self.is_seen.shape != (frames,):
            raise ValueError(
                f"TimeSeries: expected values ({frames}, F) and is_seen ({frames},), "
                f"got {self.values.shape} and {self.is_seen.shape}"
            )

    def between(self, start_s: float, end_s: float) -> TimeSeries:
        """The frames with start_s <= time < end_s."""
        inside = (self.time_s >= start_s) & (self.time_s < end_s)
        return TimeSeries(self.time_s[inside], self.values[inside], self.is_seen[inside])


@dataclass(frozen=True)
class TimeAlignment:
    """Which moment of one clip belongs to which of the other.

    Attributes:
        ref_s, query_s: (L,) times of the steps of the path, both rising.
        ref_values, query_values: (L, F) the features at those times.
        distance: (L,) distance of each pair; NaN where a side was not seen.
        ref_coverage, query_coverage: Share of each clip, from its first to its last seen frame, that was compared.
        consumed_coverage: That share for the clip that had to be consumed whole (the lower one where both had to).
        step_s: Time step of the grid.
    """

    ref_s: NDArray[np.float64]
    query_s: NDArray[np.float64]
    ref_values: NDArray
    query_values: NDArray
    distance: NDArray[np.float64]
    ref_coverage: float
    query_coverage: float
    consumed_coverage: float
    step_s: float


def align_in_time(
    ref: TimeSeries,
    query: TimeSeries,
    *,
    distance: PairDistance,
    tempo_charge: float = TEMPO_CHARGE,
    context_s: float = 0.0,
) -> TimeAlignment:
    """The cheapest alignment: the shorter clip whole, the longer one open at both ends (neither if equally long).

    Args:
        ref: The series that the other is compared with.
        query: The other series.
        distance: Distance of pairs of features.
        tempo_charge: Against wandering where the distances say little (`poseflow.dtw.align`).
        context_s: Steers the path by distances averaged along the diagonal, over that time before and after a pair:
            better at one tempo, worse at another; off, for the charge does better at both.

    Raises:
        NothingToScoreError: A series has no seen frame.
    """
    step_s = common_step(ref, query)
    ref_grid, query_grid = resample(ref, step_s, side="reference"), resample(query, step_s, side="query")
    cost = cost_matrix(ref_grid, query_grid, distance=distance)
    path = align(average_diagonals(cost, taps=_taps(context_s, step_s)), tempo_charge=tempo_charge).path
    i, j = path.T
    is_known = np.isfinite(cost[i, j])
    ref_coverage = len(np.unique(i[is_known])) / len(cost)
    query_coverage = len(np.unique(j[is_known])) / cost.shape[1]
    consumed = {-1: (ref_coverage,), 0: (ref_coverage, query_coverage), 1: (query_coverage,)}
    return TimeAlignment(
        ref_s=ref_grid.time_s[i],
        query_s=query_grid.time_s[j],
        ref_values=ref_grid.values[i],
        query_values=query_grid.values[j],
        distance=cost[i, j],
        ref_coverage=ref_coverage,
        query_coverage=query_coverage,
        consumed_coverage=min(consumed[int(np.sign(cost.shape[0] - cost.shape[1]))]),
        step_s=step_s,
    )


def common_step(ref: TimeSeries, query: TimeSeries) -> float:
    """The finer of the median frame steps of both, but not finer than 1/30 s; 1/30 s for clips of one frame."""
    steps = [float(np.median(np.diff(series.time_s))) for series in (ref, query) if len(series.time_s) > 1]
    return max(FINEST_STEP_S, min(steps, default=FINEST_STEP_S))


def resample(series: TimeSeries, step_s: float, *, side: str = "clip") -> TimeSeries:
    """The series on a uniform grid that starts at its first and ends by its last seen frame, linear in between.

    Times without a seen frame within `LONGEST_BRIDGE_S` around them stay unseen; a clip whose own frames lie wider
    apart is bridged up to 1.5 of its median steps.

    Raises:
        NothingToScoreError: No frame was seen; `side` names the series.
    """
    time_s, values = series.time_s[series.is_seen], series.values[series.is_seen]
    if not len(time_s):
        raise NothingToScoreError(
            f"no usable pose in the {side}: too little of the person was seen; choose another person or clip"
        )
    grid = time_s[0] + step_s * np.arange(int((time_s[-1] - time_s[0]) / step_s + 1e-6) + 1)
    right = np.searchsorted(time_s, grid - 1e-9)
    left = np.maximum(right - 1, 0)
    right = np.minimum(np.maximum(right, left), len(time_s) - 1)
    gap = time_s[right] - time_s[left]
    share = np.divide(grid - time_s[left], gap, out=np.zeros_like(grid), where=gap > 0)
    own_step_s = float(np.median(np.diff(series.time_s))) if len(series.time_s) > 1 else 0.0
    is_near = gap <= max(LONGEST_BRIDGE_S, 1.5 * own_step_s) + 1e-6
    is_seen = is_near | (share < 1e-6) | (share > 1 - 1e-6)
    mixed = values[left] + share[:, None] * (values[right] - values[left])
    mixed = np.where(share[:, None] > 1 - 1e-6, values[right], mixed)
    return TimeSeries(grid, np.where(is_seen[:, None], mixed, np.nan), is_seen)


def cost_matrix(ref: TimeSeries, query: TimeSeries, *, distance: PairDistance) -> NDArray[np.float64]:
    """(T_ref, T_query) distances of all pairs of seen frames, NaN elsewhere; computed in batches of bounded size."""
    rows, columns = np.flatnonzero(ref.is_seen), np.flatnonzero(query.is_seen)
    cost = np.full((len(ref.time_s), len(query.time_s)), np.nan)
    rows_at_once = max(1, BATCH_PAIRS // len(columns))
    for start in range(0, len(rows), rows_at_once):
        batch = rows[start : start + rows_at_once]
        a = np.repeat(ref.values[batch], len(columns), axis=0)
        b = np.tile(query.values[columns], (len(batch), 1))
        cost[np.ix_(batch, columns)] = np.asarray(distance(a, b)).reshape(len(batch), len(columns))
    return cost


def average_diagonals(cost: NDArray[np.float64], *, taps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each known cost replaced by the mean of the known ones at (i + tap, j + tap) (Pr-VIPE's atrous kernel)."""
    if len(taps) == 1:
        return cost
    is_known = np.isfinite(cost)
    filled = np.where(is_known, cost, 0.0)
    total, count = np.zeros_like(cost), np.zeros(cost.shape, dtype=np.int64)
    for tap in taps:
        here, there = _overlap(int(tap), cost.shape)
        total[here] += filled[there]
        count[here] += is_known[there]
    return np.where(is_known, total / np.maximum(count, 1), np.nan)


def _taps(context_s: float, step_s: float) -> NDArray[np.int64]:
    if context_s < 0:
        raise ValueError(f"context_s: expected 0 or more, got {context_s}")
    each_side = int(context_s / CONTEXT_TAP_S + 1e-6)
    offsets = np.arange(-each_side, each_side + 1) * CONTEXT_TAP_S / step_s
    return np.unique(np.round(offsets).astype(np.int64))


def _overlap(tap: int, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where (i, j) and (i + tap, j + tap) both lie inside a matrix of that shape."""
    size = [max(0, length - abs(tap)) for length in shape]
    low, high = max(0, -tap), max(0, tap)
    here = (slice(low, low + size[0]), slice(low, low + size[1]))
    there = (slice(high, high + size[0]), slice(high, high + size[1]))
    return here, there
