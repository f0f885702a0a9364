"""Distances between all frames of two clips: matrices, corridors, means along the diagonal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from poseflow.dtw_table import Corridor
from poseflow.time_series import TimeSeries

CONTEXT_TAP_S = 0.1
"""Distance of the pairs that may be averaged along the diagonal (Pr-VIPE: every third frame at 30 Hz)."""
BATCH_PAIRS = 65536
ROWS_AT_ONCE = 128

PairDistance = Callable[[NDArray, NDArray], NDArray]
"""(N, F) and (N, F) -> (N,) distances, lower = nearer; NaN where a pair cannot be compared."""


@runtime_checkable
class MatrixDistance(Protocol):
    """A PairDistance that is quicker on all pairs of two sets of features."""

    def __call__(self, a: NDArray, b: NDArray, /) -> NDArray: ...

    def matrix(self, a: NDArray, b: NDArray) -> NDArray:
        """(N, F) and (M, F) -> (N, M) distances."""
        ...


@runtime_checkable
class SteeringDistance(Protocol):
    """A PairDistance whose paths are sought by another figure than the one they are judged by."""

    def __call__(self, a: NDArray, b: NDArray, /) -> NDArray: ...

    def steer(self, distances: NDArray, nearest: float) -> NDArray:
        """What a path minimises instead of these distances: it never falls where they rise; NaN stays NaN.

        Args:
            distances: Of any shape.
            nearest: The distance of a moment to itself.
        """
        ...


def steering_of(clip: TimeSeries, distance: PairDistance) -> Callable[[NDArray], NDArray]:
    """Distances -> what a path minimises: the distances themselves, unless their kind steers by another figure."""
    if not isinstance(distance, SteeringDistance):
        return lambda distances: distances
    one = clip.values[clip.is_seen][:1]
    nearest = float(distance(one, one)[0]) if len(one) else 0.0
    return partial(distance.steer, nearest=0.0 if np.isnan(nearest) else nearest)


def cost_matrix(ref: TimeSeries, query: TimeSeries, *, distance: PairDistance) -> NDArray[np.float64]:
    """(T_ref, T_query) distances of all pairs of seen frames, NaN elsewhere; computed in batches of bounded size."""
    rows, columns = np.flatnonzero(ref.is_seen), np.flatnonzero(query.is_seen)
    cost = np.full((len(ref.time_s), len(query.time_s)), np.nan)
    rows_at_once = max(1, BATCH_PAIRS // max(1, len(columns)))
    for start in range(0, len(rows), rows_at_once):
        batch = rows[start : start + rows_at_once]
        cost[np.ix_(batch, columns)] = _all_pairs(ref.values[batch], query.values[columns], distance)
    return cost


def cost_corridor(
    rows: TimeSeries, columns: TimeSeries, first: NDArray[np.int64], width: int, *, distance: PairDistance
) -> Corridor:
    """The distances of each row's frame to `width` neighbouring frames of `columns`, from `first` (R,) on."""
    cost = np.empty((len(first), width), np.float32)
    for start in range(0, len(first), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        low, high = int(first[block].min()), int(first[block].max()) + width
        near = TimeSeries(columns.time_s[low:high], columns.values[low:high], columns.is_seen[low:high])
        here = TimeSeries(rows.time_s[block], rows.values[block], rows.is_seen[block])
        found = cost_matrix(here, near, distance=distance)
        cost[block] = np.take_along_axis(found, first[block, None] - low + np.arange(width), axis=1)
    return Corridor(cost, first, len(columns.time_s))


def _all_pairs(a: NDArray, b: NDArray, distance: PairDistance) -> NDArray:
    if isinstance(distance, MatrixDistance):
        return distance.matrix(a, b)
    return np.asarray(distance(np.repeat(a, len(b), axis=0), np.tile(b, (len(a), 1)))).reshape(len(a), len(b))


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


def context_taps(context_s: float, step_s: float) -> NDArray[np.int64]:
    """Offsets in frames of the pairs that are averaged, over `context_s` before and after a pair."""
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
