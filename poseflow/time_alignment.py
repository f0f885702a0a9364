"""Alignment in time of two series of per-frame features, whatever the features and the frame rates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from poseflow.costs import PairDistance, average_diagonals, context_taps, cost_corridor, cost_matrix, steering_of
from poseflow.dtw import (
    PAUSE_FRAME,
    PAUSE_START,
    Alignment,
    OpenClip,
    Steering,
    align,
    align_corridor,
    mean_known,
    resolve_open,
)
from poseflow.time_series import TimeSeries, common_step, resample

TEMPO_CHARGE = 0.05
"""Chosen on takes of the CMU carve-out seen by two cameras (three seeds): against no charge, the median error of the
alignments fell by 16 to 34 % at unit, 12 to 25 % at changing and 7 to 20 % at double tempo, and rose by 7 to 46 % at
half tempo; twice the charge did worse at both of the last.
"""
STILL_REACH_S = 0.15
"""A frame stands still if the pose that long before it is that of as long after it."""
STILL_SHARE = 0.12
"""How near those two poses are then: this share of the way from a pose to itself up to two poses of the clips."""
EXACT_CELLS = 9_000_000
"""Largest cost matrix that is searched whole: 100 s against 100 s. Longer clips: coarsely first, then in a corridor."""
CONTEXT_S = 0.1
"""Chosen on excerpts of the CMU carve-out seen by two cameras with noise: at 0.75 to 1.33 times the speed it lowered
the mean error of alignments from 60 to 49 ms (Pr-VIPE's 0.3: 42), of 1.5 s windows from 645 to 562 (0.3: 594); at 0.5
to 2 times the speed from 84 to 81 (0.3: 80) and from 386 to 360 (0.3: 409).
"""
CORRIDOR_S = 2.0
"""Half width, to begin with, of the corridor around the coarse path; it doubles until the path keeps off its walls."""


@dataclass(frozen=True)
class TimeAlignment:
    """Which moment of one clip belongs to which of the other.

    Attributes:
        ref_s, query_s: (L,) times of the steps of the path, both rising.
        ref_values, query_values: (L, F) the features at those times.
        distance: (L,) distance of each pair; NaN where a side was not seen.
        ref_pauses, query_pauses: (L,) whether only that clip goes on, standing still, while the other one waits.
        cost: Mean of `distance`, each frame of the clip that was consumed whole weighing one; NaN where none is known.
        ref_coverage, query_coverage: Share of each clip, from its first to its last seen frame, that was compared.
        consumed_coverage: That share for the clip that had to be consumed whole (the lower one where both had to).
        open_clip: The clip that the path could enter and leave anywhere, or "neither".
        step_s: Time step of the grid.
        typical_cost: Mean distance of all pairs of frames, which the charges are shares of.
    """

    ref_s: NDArray[np.float64]
    query_s: NDArray[np.float64]
    ref_values: NDArray
    query_values: NDArray
    distance: NDArray[np.float64]
    ref_pauses: NDArray[np.bool_]
    query_pauses: NDArray[np.bool_]
    cost: float
    ref_coverage: float
    query_coverage: float
    consumed_coverage: float
    open_clip: OpenClip
    step_s: float
    typical_cost: float

    @property
    def is_moving(self) -> NDArray[np.bool_]:
        """(L,) whether neither clip pauses at that step."""
        return ~(self.ref_pauses | self.query_pauses)


@dataclass(frozen=True)
class PathSettings:
    """How a path is sought; charges are shares of the mean distance of all pairs of frames.

    Attributes:
        tempo_charge: Against wandering where the distances say little (`poseflow.dtw.Steering`).
        pause_start, pause_frame: Charge of a pause and of each frame of it; a clip may pause where it stands still.
        band_s: Most seconds that the path may be ahead of or behind unit tempo since its own start; None = any.
        context_s: Steers the path by distances averaged along the diagonal, over that time before and after a pair:
            better at one tempo, worse at others if it is long (Pr-VIPE: 0.3). Long clips go without.
        open_clip: The clip that the path may enter and leave anywhere.
        typical_cost: What the charges are shares of, if not of the clips at hand.
    """

    tempo_charge: float = TEMPO_CHARGE
    pause_start: float = PAUSE_START
    pause_frame: float = PAUSE_FRAME
    band_s: float | None = None
    context_s: float = CONTEXT_S
    open_clip: OpenClip = "longer"
    typical_cost: float | None = None

    def __post_init__(self) -> None:
        if self.context_s < 0:
            raise ValueError(f"context_s: expected 0 or more, got {self.context_s}")
        if self.band_s is not None and not self.band_s >= 0:
            raise ValueError(f"band_s: expected 0 or more seconds, got {self.band_s}")

    def steering(self, step_s: float, typical_cost: float) -> Steering:
        """The same in frames of `step_s`."""
        return Steering(
            tempo_charge=self.tempo_charge,
            pause_start=self.pause_start,
            pause_frame=self.pause_frame,
            band=None if self.band_s is None else round(self.band_s / step_s),
            typical_cost=typical_cost,
        )


def align_in_time(
    ref: TimeSeries,
    query: TimeSeries,
    *,
    distance: PairDistance,
    settings: PathSettings = PathSettings(),  # noqa: B008  (frozen)
) -> TimeAlignment:
    """The cheapest alignment: the shorter clip whole, the longer one open at both ends (neither if equally long).

    Exact for clips of ordinary length. The path of longer ones (more than EXACT_CELLS pairs of frames) is sought at a
    coarser step first, then exactly in a corridor around it, which is widened until the path keeps off its walls.

    Args:
        ref: The series that the other is compared with.
        query: The other series.
        distance: Distance of pairs of features.
        settings: Charges, band, and which clip is open.

    Raises:
        NothingToScoreError: A series has no seen frame.
        NoPathError: No path obeys the tempo limit and the band.
    """
    step_s = common_step(ref, query)
    grids = (resample(ref, step_s, side="reference"), resample(query, step_s, side="query"))
    shape = (len(grids[0].time_s), len(grids[1].time_s))
    settings = replace(settings, open_clip=resolve_open(settings.open_clip, shape))
    if shape[0] * shape[1] <= EXACT_CELLS:
        found, typical = _align_whole(*grids, step_s, distance, settings)
    else:
        found, typical = _align_long(*grids, step_s, distance, settings)
    return _result(*grids, found, step_s, typical, distance, settings.open_clip)


def stillness(grid: TimeSeries, step_s: float, *, distance: PairDistance, typical_cost: float) -> NDArray[np.bool_]:
    """(T,) whether the pose stays the same around each frame, so that the clip may pause there."""
    reach = max(1, round(STILL_REACH_S / step_s))
    still = np.zeros(len(grid.time_s), bool)
    if len(still) <= 2 * reach:
        return still
    both = grid.is_seen[: -2 * reach] & grid.is_seen[2 * reach :]
    before, after = grid.values[: -2 * reach][both], grid.values[2 * reach :][both]
    apart, itself = distance(before, after), distance(before, before)
    still[reach:-reach][both] = apart - itself <= STILL_SHARE * (typical_cost - itself)
    return still


def _align_whole(
    ref: TimeSeries, query: TimeSeries, step_s: float, distance: PairDistance, settings: PathSettings
) -> tuple[Alignment, float]:
    cost = cost_matrix(ref, query, distance=distance)
    typical = mean_known(cost) if settings.typical_cost is None else settings.typical_cost
    still = [stillness(grid, step_s, distance=distance, typical_cost=typical) for grid in (ref, query)]
    steer = steering_of(ref, distance)
    steered = average_diagonals(steer(cost), taps=context_taps(settings.context_s, step_s))
    steering = settings.steering(step_s, float(steer(np.array(typical))))
    found = align(steered, open_clip=settings.open_clip, ref_still=still[0], query_still=still[1], steering=steering)
    return found, typical


def _align_long(
    ref: TimeSeries, query: TimeSeries, step_s: float, distance: PairDistance, settings: PathSettings
) -> tuple[Alignment, float]:
    """The path in a corridor around the one of the clips averaged over a few frames; the rows are the whole clip."""
    every = int(np.ceil(np.sqrt(len(ref.time_s) * len(query.time_s) / EXACT_CELLS)))
    rough, typical = _align_whole(_averaged(ref, every), _averaged(query, every), step_s * every, distance, settings)
    is_swapped = settings.open_clip == "ref"
    rows, columns = (query, ref) if is_swapped else (ref, query)
    centre = _centre_of_corridor(rough.path[:, ::-1] if is_swapped else rough.path, every, len(rows.time_s))
    still = [stillness(grid, step_s, distance=distance, typical_cost=typical) for grid in (ref, query)]
    half = max(every, round(CORRIDOR_S / step_s))
    steer = steering_of(ref, distance)
    steering = settings.steering(step_s, float(steer(np.array(typical))))
    while True:
        width = min(2 * half + 1, len(columns.time_s))
        first = np.clip(centre - half, 0, len(columns.time_s) - width)
        corridor = cost_corridor(rows, columns, first, width, distance=distance)
        found = align_corridor(
            replace(corridor, cost=steer(corridor.cost)),
            open_clip=settings.open_clip,
            ref_still=still[0],
            query_still=still[1],
            steering=steering,
        )
        path = found.path[:, ::-1] if is_swapped else found.path
        if not _touches_wall(path, first, width, len(columns.time_s)) or width * len(rows.time_s) > EXACT_CELLS:
            return found, typical
        half *= 2


def _averaged(grid: TimeSeries, every: int) -> TimeSeries:
    """The grid with one frame for each `every`, the mean of those that were seen."""
    count = -(-len(grid.time_s) // every)
    missing = count * every - len(grid.time_s)
    seen = np.pad(grid.is_seen, (0, missing)).reshape(count, every)
    values = np.pad(np.where(grid.is_seen[:, None], grid.values, 0), ((0, missing), (0, 0)))
    total = values.reshape(count, every, -1).sum(1)
    mean = total / np.maximum(seen.sum(1), 1)[:, None]
    is_seen: NDArray[np.bool_] = np.asarray(seen.any(axis=1), bool)
    return TimeSeries(grid.time_s[::every], np.where(is_seen[:, None], mean, np.nan), is_seen)


def _centre_of_corridor(rough: NDArray[np.int64], every: int, rows: int) -> NDArray[np.int64]:
    """(R,) the column that the rough path gives each row; beyond its ends, at unit tempo."""
    at = (rough + 0.5) * every - 0.5
    row, keep = np.unique(at[:, 0], return_index=True)
    column = at[keep, 1]
    wanted = np.arange(rows)
    centre = np.interp(wanted, row, column)
    centre += np.minimum(wanted - row[0], 0) + np.maximum(wanted - row[-1], 0)
    return np.round(centre).astype(np.int64)


def _touches_wall(path: NDArray[np.int64], first: NDArray[np.int64], width: int, columns: int) -> bool:
    """Whether the path runs along a side of the corridor that is no side of the matrix."""
    start = first[path[:, 0]]
    place = path[:, 1] - start
    return bool((((place == 0) & (start > 0)) | ((place == width - 1) & (start + width < columns))).any())


def _result(
    ref: TimeSeries,
    query: TimeSeries,
    found: Alignment,
    step_s: float,
    typical: float,
    distance: PairDistance,
    open_clip: OpenClip,
) -> TimeAlignment:
    i, j = found.path.T
    distances = _distances(ref, query, i, j, distance)
    is_known = np.isfinite(distances)
    ref_coverage = len(np.unique(i[is_known])) / len(ref.time_s)
    query_coverage = len(np.unique(j[is_known])) / len(query.time_s)
    consumed = {"query": (ref_coverage,), "ref": (query_coverage,), "neither": (ref_coverage, query_coverage)}
    counted = is_known & (found.weights > 0)
    return TimeAlignment(
        ref_s=ref.time_s[i],
        query_s=query.time_s[j],
        ref_values=ref.values[i],
        query_values=query.values[j],
        distance=distances,
        ref_pauses=found.ref_pauses,
        query_pauses=found.query_pauses,
        cost=float(np.average(distances[counted], weights=found.weights[counted])) if counted.any() else float("nan"),
        ref_coverage=ref_coverage,
        query_coverage=query_coverage,
        consumed_coverage=min(consumed[open_clip]),
        open_clip=open_clip,
        step_s=step_s,
        typical_cost=typical,
    )


def _distances(
    ref: TimeSeries, query: TimeSeries, i: NDArray[np.int64], j: NDArray[np.int64], distance: PairDistance
) -> NDArray[np.float64]:
    """(L,) distances of the pairs of a path; NaN where a side was not seen."""
    both = ref.is_seen[i] & query.is_seen[j]
    distances = np.full(len(i), np.nan)
    distances[both] = distance(ref.values[i][both], query.values[j][both])
    return distances
