"""The movement that a clip repeats most, found in its self-similarity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poseflow.costs import PairDistance, cost_matrix
from poseflow.time_series import TimeSeries, resample

_MAX_FRAMES = 1500
_APART = 0.9
"""How far two occurrences are apart at least, as a share of their length."""


@dataclass(frozen=True)
class MotifSettings:
    """What counts as a movement done again.

    Attributes:
        step_s: Grid on which the clip is compared with itself; longer clips get a coarser one.
        lengths_s: Lengths that are tried.
        likeness: Two stretches are the same movement if their frames are nearer to each other than this share of how
            far the frames within one stretch are apart.
        least_movement: A stretch moves if its own frames are that share of the clip's mean distance apart.
        least_times: How often it has to occur.
        share: The shortest of the stretches that explain at least this share of what the best one does is taken: else
            two repetitions would be one.
    """

    step_s: float = 0.1
    lengths_s: tuple[float, ...] = (0.8, 1.1, 1.5, 2.0, 2.8, 4.0)
    likeness: float = 0.6
    least_movement: float = 0.35
    least_times: int = 2
    share: float = 0.97


@dataclass(frozen=True)
class Motif:
    """A stretch that occurs again.

    Attributes:
        start_s, end_s: Where.
        times: How often, itself included, by the rough comparison.
        limit: Mean distance of frames up to which a stretch still is the same movement.
    """

    start_s: float
    end_s: float
    times: int
    limit: float


def find_motif(
    clip: TimeSeries,
    *,
    distance: PairDistance,
    settings: MotifSettings = MotifSettings(),  # noqa: B008  (frozen)
) -> Motif | None:
    """The stretch that explains most of the clip by its occurrences; None where nothing is done again."""
    length_s = float(clip.time_s[-1] - clip.time_s[0])
    step_s = max(settings.step_s, length_s / _MAX_FRAMES)
    grid = resample(clip, step_s)
    apart = cost_matrix(grid, grid, distance=distance)
    floor = float(np.nanmin(apart)) if np.isfinite(apart).any() else np.nan
    apart = np.where(np.isfinite(apart), apart, np.nanmax(apart)) - floor
    typical = float(apart.mean())
    if not typical > 1e-6:
        return None
    candidates: list[tuple[float, Motif]] = []
    for seconds in settings.lengths_s:
        frames = round(seconds / step_s)
        if 3 <= frames <= len(apart) / 2:
            for explained, start, times, limit in _stretches(apart, frames, typical, settings):
                start_s = float(grid.time_s[start])
                candidates.append((explained, Motif(start_s, start_s + frames * step_s, times, limit + floor)))
    if not candidates:
        return None
    enough = settings.share * max(explained for explained, _ in candidates)
    return min((c for c in candidates if c[0] >= enough), key=lambda c: (round(c[1].end_s - c[1].start_s, 6), -c[0]))[1]


def _stretches(
    apart: NDArray[np.float64], frames: int, typical: float, settings: MotifSettings
) -> Iterator[tuple[float, int, int, float]]:
    """(share explained, first frame, times, limit) of each stretch of that length that occurs again."""
    stretches = diagonal_means(apart, frames)
    within = _mean_within(apart, frames)
    for start in np.flatnonzero(within >= settings.least_movement * typical):
        likeness = stretches[start] / within[start]
        places = _apart_minima(likeness, frames, settings.likeness)
        if len(places) >= settings.least_times:
            explained = float((settings.likeness - likeness[places]).sum()) * frames / len(apart)
            yield explained, int(start), len(places), settings.likeness * float(within[start])


def diagonal_means(matrix: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """(N, N) -> (N - frames + 1,) squared: mean of the `frames` cells of the diagonal that starts at each cell."""
    n = len(matrix) - frames + 1
    total = np.zeros((n, n))
    for k in range(frames):
        total += matrix[k : k + n, k : k + n]
    return total / frames


def _mean_within(matrix: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """(N - frames + 1,) mean distance between the frames of each stretch."""
    sums = np.zeros((len(matrix) + 1, len(matrix) + 1))
    sums[1:, 1:] = matrix.cumsum(0).cumsum(1)
    i = np.arange(len(matrix) - frames + 1)
    j = i + frames
    return (sums[j, j] - sums[i, j] - sums[j, i] + sums[i, i]) / frames**2


def _apart_minima(values: NDArray[np.float64], frames: int, limit: float) -> NDArray[np.int64]:
    """The lowest places below `limit`, hardly overlapping a lower one."""
    chosen: list[int] = []
    reach = max(1, round(_APART * frames))
    order = np.argsort(values, kind="stable")
    free = np.ones(len(values), bool)
    for place in order:
        if values[place] >= limit:
            break
        if free[place]:
            chosen.append(int(place))
            free[max(0, place - reach + 1) : place + reach] = False
    return np.array(chosen, dtype=np.int64)
