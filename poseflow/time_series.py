"""Per-frame features of one person over time, and their resampling on a uniform grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poseflow.errors import NothingToScoreError

FINEST_STEP_S = 1 / 30
"""Human movement is slow against 1/30 s; a finer grid costs four times the work for each halving."""
LONGEST_BRIDGE_S = 0.2
"""Longest time between two seen frames that is filled by interpolation."""


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


def true_runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(start, stop) of each run of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
