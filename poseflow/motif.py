"""The movement that a clip repeats most, found in its self-similarity, and where it is done.

Stretches of many lengths compete. Each is looked for everywhere at half to double tempo; what it explains by its other
places is its score. How often the movement is done is voted on by the best stretch of each length: a part of a
movement comes as often as the whole, and two repetitions as one stretch are outvoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.costs import PairDistance, cost_matrix
from poseflow.time_series import TimeSeries, resample
from poseflow.warped_places import Place, apart_places, warped_costs

_MAX_FRAMES = 1500
_LEAST_FRAMES = 3
_OWN_MOVEMENT = 1e-6


@dataclass(frozen=True)
class MotifSettings:
    """What counts as a movement done again; chosen with `poseflow bench count --on development`.

    Attributes:
        step_s: Grid on which the clip is compared with itself; longer clips get a coarser one.
        lengths_s: Lengths that are tried.
        least_movement: A stretch moves if its own frames are that share of the clip's mean distance apart.
        rough_likeness: Two stretches may be one movement if their frames, at one tempo, are nearer to each other than
            this share of how far the frames within one stretch are apart.
        likeness: They are if that is so at the best tempo.
        relative: And if they are no farther than this many times the typical one,
        always: or than this share.
        own_movement: A place moves itself: its frames are at least this share as far apart as the stretch's.
        candidates: Stretches of each length that are looked at closely.
        tempo_charge: Of each step that leaves the stretch's tempo, as a share of the clip's mean distance.
        evidence_s: Least time explained by the places but for the best.
        share: Stretches vote whose score is at least this share of the best one's.
    """

    step_s: float = 0.1
    lengths_s: tuple[float, ...] = (0.5, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 2.8, 3.6, 4.6)
    least_movement: float = 0.35
    rough_likeness: float = 0.8
    likeness: float = 0.65
    relative: float = 2.5
    always: float = 0.3
    own_movement: float = 0.3
    candidates: int = 7
    tempo_charge: float = 0.05
    evidence_s: float = 0.25
    share: float = 0.4


@dataclass(frozen=True)
class Motif:
    """A stretch that occurs again.

    Attributes:
        start_s, end_s: Where the stretch is that the others were found by.
        places: (start_s, end_s) of each time, in order of time, that stretch among them.
    """

    start_s: float
    end_s: float
    places: tuple[tuple[float, float], ...]

    @property
    def times(self) -> int:
        """How often."""
        return len(self.places)


@dataclass(frozen=True)
class _Stretch:
    """Rows of the self-similarity: its length, its start, and the mean distance of its own frames."""

    frames: int
    start: int
    within: float


@dataclass(frozen=True)
class _Found:
    """A stretch and its places, the nearest first; `score` in frames."""

    stretch: _Stretch
    places: tuple[Place, ...]
    score: float


@dataclass(frozen=True)
class _Grid:
    """The clip on a grid of `step_s`, and its self-similarity (N, N), 0 where two frames are as near as can be."""

    time_s: NDArray[np.float64]
    step_s: float
    apart: NDArray[np.float64]


def find_motif(
    clip: TimeSeries,
    *,
    distance: PairDistance,
    around: tuple[float, float] | None = None,
    settings: MotifSettings = MotifSettings(),  # noqa: B008  (frozen)
) -> Motif | None:
    """The movement that explains most of the clip by being done again; None where nothing is.

    Args:
        clip: Features over time, with a seen frame.
        distance: Of pairs of features.
        around: (start_s, end_s) of one time that the movement is done: parts of that stretch alone are tried.
        settings: What counts as done again.
    """
    grid = _self_similarity(clip, distance, settings)
    typical = float(grid.apart.mean())
    if not typical > _OWN_MOVEMENT:
        return None
    stretches = _promising(grid, typical, settings) if around is None else _parts_of(grid, around, settings)
    found = [f for f in _looked_for(grid, stretches, typical, settings) if len(f.places) >= 2]
    best = max((f.score for f in found), default=0.0)
    if best * grid.step_s < settings.evidence_s:
        return None
    chosen = _elected([f for f in found if f.score >= settings.share * best])
    places = sorted((float(grid.time_s[p.start]), float(grid.time_s[p.end - 1] + grid.step_s)) for p in chosen.places)
    start_s = float(grid.time_s[chosen.stretch.start])
    return Motif(start_s, start_s + chosen.stretch.frames * grid.step_s, tuple(places))


def find_place(
    pattern: TimeSeries,
    clip: TimeSeries,
    *,
    distance: PairDistance,
    likeness: float,
    settings: MotifSettings = MotifSettings(),  # noqa: B008  (frozen)
) -> tuple[float, float] | None:
    """(start_s, end_s) where the clip is most like the pattern, at half to double tempo; None where it is not.

    Args:
        pattern: A movement, from another camera perhaps.
        clip: What is searched.
        distance: Of pairs of features.
        likeness: Largest mean distance, as a share of how far the pattern's own frames are apart.
        settings: Grid and tempo charge.
    """
    whole = _self_similarity(clip, distance, settings)
    ref, grid = resample(pattern, whole.step_s, side="reference"), resample(clip, whole.step_s)
    apart, own = cost_matrix(ref, grid, distance=distance), cost_matrix(ref, ref, distance=distance)
    if not np.isfinite(apart).any():
        return None
    floor = min(float(np.nanmin(apart)), float(np.nanmin(own)))
    apart = np.where(np.isfinite(apart), apart, np.nanmax(apart)) - floor
    charge = settings.tempo_charge * float(whole.apart.mean())
    means, first = warped_costs(apart, np.array([0]), np.array([len(apart)]), charge=charge)
    end = int(means[0].argmin())
    if not means[0, end] <= likeness * (float(np.nanmean(own)) - floor):
        return None
    return float(grid.time_s[first[0, end]]), float(grid.time_s[end] + whole.step_s)


def _self_similarity(clip: TimeSeries, distance: PairDistance, settings: MotifSettings) -> _Grid:
    length_s = float(clip.time_s[-1] - clip.time_s[0])
    step_s = max(settings.step_s, length_s / _MAX_FRAMES)
    grid = resample(clip, step_s)
    apart = cost_matrix(grid, grid, distance=distance)
    if not np.isfinite(apart).any():
        return _Grid(grid.time_s, step_s, np.zeros_like(apart))
    filled = np.where(np.isfinite(apart), apart, np.nanmax(apart))
    return _Grid(grid.time_s, step_s, filled - filled.min())


def _frame_counts(grid: _Grid, settings: MotifSettings) -> list[int]:
    counts = dict.fromkeys(round(seconds / grid.step_s) for seconds in settings.lengths_s)
    return [frames for frames in counts if _LEAST_FRAMES <= frames <= len(grid.apart) / 2]


def _promising(grid: _Grid, typical: float, settings: MotifSettings) -> list[_Stretch]:
    """Of each length the stretches that explain most at one tempo, some apart from each other."""
    chosen: list[_Stretch] = []
    for frames in _frame_counts(grid, settings):
        means, within = diagonal_means(grid.apart, frames), mean_within(grid.apart, frames)
        limits = settings.rough_likeness * within
        limits[within < settings.least_movement * typical] = 0.0
        scores = _rough_scores(means, limits)
        kept: list[int] = []
        for start in np.argsort(-scores, kind="stable"):
            if scores[start] <= 0 or len(kept) == settings.candidates:
                break
            if all(abs(start - other) >= max(1, frames // 4) for other in kept):
                kept.append(int(start))
        chosen += [_Stretch(frames, start, float(within[start])) for start in kept]
    return chosen


def _rough_scores(means: NDArray[np.float64], limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) how far below its limit each row's local minima are, in all; 0 for rows with fewer than two."""
    padded = np.pad(means, ((0, 0), (1, 1)), constant_values=np.inf)
    is_low = (means < limits[:, None]) & (means < padded[:, :-2]) & (means <= padded[:, 2:])
    gains = np.where(is_low, 1 - means / np.maximum(limits, 1e-12)[:, None], 0.0).sum(1)
    return np.where(is_low.sum(1) >= 2, gains, 0.0)


def _parts_of(grid: _Grid, around: tuple[float, float], settings: MotifSettings) -> list[_Stretch]:
    """Stretches of 0.35 to 1.15 times the length of `around`, inside it but for 0.2 s."""
    start = int(np.searchsorted(grid.time_s, around[0] - 1e-6))
    frames_around = max(1, round((around[1] - around[0]) / grid.step_s))
    reach = max(1, round(0.2 / grid.step_s))
    parts = []
    for frames in _frame_counts(grid, settings):
        if not 0.35 * frames_around <= frames <= 1.15 * frames_around:
            continue
        within = mean_within(grid.apart, frames)
        last = min(len(within) - 1, start + frames_around - frames + reach)
        parts += [_Stretch(frames, i, float(within[i])) for i in range(max(0, start - reach), last + 1, reach)]
    return [part for part in parts if part.within > 0]


def _looked_for(grid: _Grid, stretches: Sequence[_Stretch], typical: float, settings: MotifSettings) -> list[_Found]:
    """Each stretch with its places; the nearest one, which is its own, adds nothing to the score."""
    if not stretches:
        return []
    sums = _corner_sums(grid.apart)
    starts, frames = (np.array([getattr(s, name) for s in stretches]) for name in ("start", "frames"))
    means, first = warped_costs(grid.apart, starts, frames, charge=settings.tempo_charge * typical)
    found = []
    for number, stretch in enumerate(stretches):
        limit = settings.likeness * stretch.within
        places = apart_places(
            means[number],
            first[number],
            limit=limit,
            relative=settings.relative,
            always=settings.always * stretch.within,
        )
        moving = settings.own_movement * stretch.within
        places = [place for place in places if _mean_between(sums, place.start, place.end) >= moving]
        gains = [(limit - place.cost) / stretch.within * (place.end - place.start) for place in places]
        found.append(_Found(stretch, tuple(places), sum(gains) - max(gains, default=0.0)))
    return found


def _elected(found: Sequence[_Found]) -> _Found:
    """The best stretch with the count that the best ones of all lengths vote for, shorter ones with more weight."""
    best_of: dict[int, _Found] = {}
    for one in found:
        known = best_of.get(one.stretch.frames)
        if known is None or one.score > known.score:
            best_of[one.stretch.frames] = one
    votes: dict[int, float] = {}
    for one in best_of.values():
        votes[len(one.places)] = votes.get(len(one.places), 0.0) + one.score / np.sqrt(one.stretch.frames)
    count = max(votes, key=lambda n: votes[n])
    return max((one for one in best_of.values() if len(one.places) == count), key=lambda one: one.score)


def diagonal_means(matrix: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """(N, N) -> (N - frames + 1,) squared: mean of the `frames` cells of the diagonal that starts at each cell."""
    n = len(matrix) - frames + 1
    total = np.zeros((n, n))
    for k in range(frames):
        total += matrix[k : k + n, k : k + n]
    return total / frames


def mean_within(matrix: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """(N - frames + 1,) mean distance between the frames of each stretch."""
    i = np.arange(len(matrix) - frames + 1)
    return np.asarray(_mean_between(_corner_sums(matrix), i, i + frames))


def _corner_sums(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N + 1, N + 1) sums of all cells before each row and column."""
    sums = np.zeros((len(matrix) + 1, len(matrix) + 1))
    sums[1:, 1:] = matrix.cumsum(0).cumsum(1)
    return sums


def _mean_between(sums: NDArray[np.float64], start: Any, end: Any) -> Any:
    """Mean of the square block from `start` to `end` on the diagonal."""
    return (sums[end, end] - sums[start, end] - sums[end, start] + sums[start, start]) / (end - start) ** 2
