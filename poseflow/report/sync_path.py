"""The warp path as a player follows it: one position, from 0, at which each clip has its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SMOOTHED_S = 0.2
"""Stretch over which the path is averaged, in seconds of both clips together: six steps of an alignment at 30 Hz."""
_CORNER_TOLERANCE_S = 0.008
_FINE_S = 1 / 120
WAITING_SLOPE = 3.2
"""From this slope on the reference waits for the query; a matched tempo is at most 3."""
TEMPO_WINDOW_S = 0.5
"""Stretch of the path over which the tempo of a moment is read."""


@dataclass(frozen=True)
class SyncPath:
    """Where each clip is at each position of the player; straight between the corners.

    Attributes:
        position_s: (P,) seconds of play from 0, rising; those of the reference, but for where it waits.
        times_s: (C, P) times of each of the C clips, in seconds of its source, never falling.
    """

    position_s: NDArray[np.float64]
    times_s: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not len(self.position_s) or self.times_s.shape[1:] != self.position_s.shape:
            raise ValueError(f"SyncPath: expected (C, P) times, got {self.times_s.shape}, {self.position_s.shape}")
        if (np.diff(self.position_s) <= 0).any() or (np.diff(self.times_s) < 0).any():
            raise ValueError("SyncPath: expected rising positions and times that never fall")

    @property
    def duration_s(self) -> float:
        return float(self.position_s[-1])

    def times_at(self, position_s: ArrayLike) -> NDArray[np.float64]:
        """(C, ...) the clips' times at positions."""
        return np.stack(
            [np.interp(np.asarray(position_s, np.float64), self.position_s, times) for times in self.times_s]
        )

    def position_of(self, time_s: ArrayLike, *, clip: int) -> NDArray[np.float64]:
        """Positions at which a clip is at `time_s`, the first where it waits; those of the ends outside."""
        times, first = np.unique(self.times_s[clip], return_index=True)
        return np.asarray(np.interp(np.asarray(time_s, np.float64), times, self.position_s[first]))

    def json(self) -> dict[str, Any]:
        """What clock.js reads."""
        return {"position": self.position_s.round(4).tolist(), "times": self.times_s.round(4).tolist()}


def single_path(start_s: float, end_s: float) -> SyncPath:
    """One clip from `start_s` to `end_s`, as it was filmed."""
    if end_s <= start_s:
        return SyncPath(np.zeros(1), np.array([[start_s]]))
    return SyncPath(np.array([0.0, end_s - start_s]), np.array([[start_s, end_s]]))


def matched_path(ref_s: ArrayLike, query_s: ArrayLike) -> SyncPath:
    """The path of a match for two clips: reference first, query second.

    Args:
        ref_s: (L,) times of the steps, never falling.
        query_s: (L,) the same of the query.

    Raises:
        ValueError: There is no step, or a time falls.
    """
    steps = np.stack([np.asarray(ref_s, np.float64), np.asarray(query_s, np.float64)], axis=1)
    if not len(steps) or (np.diff(steps, axis=0) < 0).any():
        raise ValueError("matched_path: expected at least one step, and times that never fall")
    corners = _simplified(_smoothed(steps[np.concatenate([[True], (np.diff(steps, axis=0) > 0).any(1)])]))
    ref_steps, query_steps = np.diff(corners, axis=0).T
    lengths = np.where(query_steps > WAITING_SLOPE * ref_steps, query_steps, ref_steps)
    # A sliver of the reference against nothing of the query still takes its time: positions rise.
    return SyncPath(np.concatenate([[0.0], np.cumsum(lengths)]), corners.T.copy())


def tempo_at(path: SyncPath, position_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Speed of the query / speed of the reference around positions; NaN where the query stands still."""
    before = np.clip(position_s - TEMPO_WINDOW_S / 2, 0, path.duration_s)
    after = np.clip(position_s + TEMPO_WINDOW_S / 2, 0, path.duration_s)
    ref_s, query_s = path.times_at(after) - path.times_at(before)
    with np.errstate(divide="ignore", invalid="ignore"):
        tempo = ref_s / query_s
    return np.where(np.isfinite(tempo), tempo, np.nan)


def _smoothed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The path finely sampled along the sum of both times, each point the mean of a window that shrinks at the ends."""
    along = points.sum(1) - points[0].sum()
    count = int(np.ceil(along[-1] / _FINE_S))
    fine = np.linspace(0, along[-1], count + 1)
    sampled = np.stack([np.interp(fine, along, points[:, column]) for column in (0, 1)], axis=1)
    sums = np.concatenate([np.zeros((1, 2)), np.cumsum(sampled, axis=0)])
    index = np.arange(count + 1)
    half = np.minimum(round(_SMOOTHED_S / 2 / _FINE_S), np.minimum(index, count - index))
    return np.asarray((sums[index + half + 1] - sums[index - half]) / (2 * half + 1)[:, None])


def _simplified(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners of a polyline within _CORNER_TOLERANCE_S of `points` in both coordinates (Douglas and Peucker).

    Between rising ends, the least of the larger of both coordinates' distances to the chord has a closed form.
    """
    kept = np.zeros(len(points), bool)
    kept[[0, -1]] = True
    stack = [(0, len(points) - 1)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        run, rise = points[last] - points[first]
        x, y = (points[first + 1 : last] - points[first]).T
        distance = np.abs(x * rise - y * run) / (run + rise)
        worst = int(np.argmax(distance))
        if distance[worst] > _CORNER_TOLERANCE_S:
            kept[first + 1 + worst] = True
            stack += [(first, first + 1 + worst), (first + 1 + worst, last)]
    return points[kept]
