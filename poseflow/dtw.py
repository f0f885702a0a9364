"""Exact dynamic time warping: tempo limited by the step pattern, pauses of their own, ends open for the longer clip.

Both clips are sampled with one uniform time step, so that an index is a time and a slope is a tempo. A path is a chain
of runs joined by diagonal moves; a run pairs one frame of one clip with 1 to `max_tempo` frames of the other. No frame
is paired with more, so a frozen frame cannot absorb a clip, and the tempo stays in [1 / max_tempo, max_tempo]. Only a
clip that stands still itself may leave that range: it pauses, at a charge, while the other one waits.

Each frame of the clip that is consumed whole weighs one, shared among its partners. All legal paths then have the same
total weight, so the smallest sum is the smallest mean, and comparing starts and ends favours neither short nor long
partners. Where both clips are consumed whole, each frame of either weighs a half, for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poseflow.dtw_table import COLUMNS_PAUSE, ROWS_PAUSE, Corridor, Rules, Run, fill, trace
from poseflow.errors import NoPathError

MAX_TEMPO = 3
"""Most frames of one clip that one frame of the other may be paired with."""
PAUSE_START = 4.0
PAUSE_FRAME = 0.01
"""Both chosen, with the rule of what stands still, on 40 excerpts of the CMU carve-out at 0.75 to 1.33 times the speed,
half of them with a hold of 1 to 3 s put in, seen by two cameras with noise: against no pauses, the median error of the
alignments with a hold fell from 127 to 73 ms, and that of the others stayed; 0.0 s of false pauses a minute in them.
"""

OpenClip = Literal["longer", "ref", "query", "neither"]
Weighting = Literal["time", "cells"]


@dataclass(frozen=True)
class Alignment:
    """The cheapest path through a cost matrix.

    Attributes:
        path: (L, 2) int64 pairs (reference index, query index), both rising, one of them at every step.
        weights: (L,) how much each pair counts in `cost`.
        cost: Weighted mean cost of the pairs whose cost is known; NaN where none is.
        ref_pauses, query_pauses: (L,) whether only that clip goes on, standing still, while the other one waits.
    """

    path: NDArray[np.int64]
    weights: NDArray[np.float64]
    cost: float
    ref_pauses: NDArray[np.bool_]
    query_pauses: NDArray[np.bool_]


@dataclass(frozen=True)
class Steering:
    """How a path is sought; every charge is a share of `typical_cost`.

    Attributes:
        max_tempo: Most frames that one frame may be paired with.
        tempo_charge: What each frame beyond the first of a run is charged while the path is sought; it keeps a path
            from wandering where the costs say little.
        pause_start: What a pause is charged.
        pause_frame: What each frame of a pause is charged.
        band: Most frames that a path may be ahead of or behind unit tempo since its own start; None = any. A cell
            keeps its cheapest path alone, and the band counts from the start of that one.
        weighting: "time" as in the module's text, or "cells": every cell weighs one and the sum is least (the
            textbook's symmetric DTW, which favours paths of few cells where an end is open).
        typical_cost: None = the mean of the known costs.
    """

    max_tempo: int = MAX_TEMPO
    tempo_charge: float = 0.0
    pause_start: float = PAUSE_START
    pause_frame: float = PAUSE_FRAME
    band: int | None = None
    weighting: Weighting = "time"
    typical_cost: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.max_tempo < 128:
            raise ValueError(f"max_tempo: expected 1 or more, below 128, got {self.max_tempo}")
        for name in ("tempo_charge", "pause_start", "pause_frame"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if self.band is not None and self.band < 0:
            raise ValueError(f"band: expected 0 or more frames, got {self.band}")


def align(
    cost: NDArray[np.floating],
    *,
    open_clip: OpenClip = "longer",
    ref_still: NDArray[np.bool_] | None = None,
    query_still: NDArray[np.bool_] | None = None,
    steering: Steering = Steering(),  # noqa: B008  (frozen)
) -> Alignment:
    """The path with the lowest mean cost, by exact dynamic programming.

    Args:
        cost: (T_ref, T_query), one uniform time step on both axes; NaN = unknown (a frame was not seen). While the path
            is sought, each unknown cell is charged the typical cost, whatever its run: as good as a random pairing, so
            that a path neither hides among unseen frames nor gains by rushing through them. They count nothing in the
            cost that is returned.
        open_clip: The clip that the path may enter and leave anywhere; the other one is consumed whole. "longer" opens
            neither where both have the same length.
        ref_still: (T_ref,) frames at which the reference stands still, and so may pause; None = none.
        query_still: (T_query,) the same of the query.
        steering: Tempo limit, charges and band.

    Raises:
        ValueError: The matrix is empty or infinite.
        NoPathError: No path obeys the tempo limit and the band (a ValueError too).
    """
    _check(cost)
    side = resolve_open(open_clip, cost.shape)
    still = [np.zeros(n, bool) if s is None else s for s, n in zip((ref_still, query_still), cost.shape, strict=True)]
    corridor = whole(cost.T if side == "ref" else cost)
    return align_corridor(corridor, open_clip=side, ref_still=still[0], query_still=still[1], steering=steering)


def whole(cost: NDArray[np.floating]) -> Corridor:
    """The corridor that is the whole matrix."""
    return Corridor(cost, np.zeros(len(cost), np.int64), cost.shape[1])


def align_corridor(
    corridor: Corridor,
    *,
    open_clip: OpenClip,
    ref_still: NDArray[np.bool_],
    query_still: NDArray[np.bool_],
    steering: Steering,
) -> Alignment:
    """`align` within a corridor, whose rows are the clip that is consumed whole: the query's where `ref` is open."""
    is_open, swapped = open_clip != "neither", open_clip == "ref"
    still = (query_still, ref_still) if swapped else (ref_still, query_still)
    rules = _rules(corridor, steering, is_open=is_open, rows_still=still[0], columns_still=still[1])
    table = fill(corridor, rules)
    end = int(np.argmin(table.last)) if is_open else corridor.n_columns - 1
    if not np.isfinite(table.last[end]):
        shape = (corridor.n_columns, len(corridor.cost)) if swapped else (len(corridor.cost), corridor.n_columns)
        within = "" if steering.band is None else f" and stays within a band of {steering.band} frames"
        raise NoPathError(
            f"no path between {shape[0]} and {shape[1]} frames keeps the tempo within 1/{steering.max_tempo} to "
            f"{steering.max_tempo}{within}; open the longer clip"
        )
    cells, weights, states = trace(table, corridor, rules, end)
    costs = corridor.cost[cells[:, 0], cells[:, 1] - corridor.first[cells[:, 0]]]
    is_known = np.isfinite(costs) & (weights > 0)
    mean = np.average(costs[is_known], weights=weights[is_known]) if is_known.any() else np.nan
    pauses = (states == ROWS_PAUSE, states == COLUMNS_PAUSE)
    ref_pauses, query_pauses = pauses[::-1] if swapped else pauses
    return Alignment(cells[:, ::-1] if swapped else cells, weights, float(mean), ref_pauses, query_pauses)


def resolve_open(open_clip: OpenClip, shape: tuple[int, ...]) -> OpenClip:
    """The clip that "longer" means for a matrix of that shape; other choices as they are."""
    if open_clip not in ("longer", "ref", "query", "neither"):
        raise ValueError(f"open_clip: expected longer, ref, query or neither, got {open_clip!r}")
    if open_clip != "longer":
        return open_clip
    if shape[0] == shape[1]:
        return "neither"
    return "ref" if shape[0] > shape[1] else "query"


def mean_known(cost: NDArray[np.floating]) -> float:
    """Mean of the known, finite costs; 1 if nothing is known."""
    is_known = np.isfinite(cost)
    return float(cost[is_known].mean(dtype=np.float64)) if is_known.any() else 1.0


def _check(cost: NDArray[np.floating]) -> None:
    if cost.ndim != 2 or 0 in cost.shape:
        raise ValueError(f"cost: expected a matrix with at least one row and one column, got shape {cost.shape}")
    if np.isinf(cost).any():
        raise ValueError("cost: expected finite numbers, or NaN where a frame was not seen; got infinity")


def _rules(
    corridor: Corridor,
    steering: Steering,
    *,
    is_open: bool,
    rows_still: NDArray[np.bool_],
    columns_still: NDArray[np.bool_],
) -> Rules:
    typical = mean_known(corridor.cost) if steering.typical_cost is None else steering.typical_cost
    return Rules(
        runs=_runs(steering.max_tempo, is_open=is_open, weighting=steering.weighting),
        is_open=is_open,
        unknown_charge=typical,
        frame_charge=steering.tempo_charge * typical,
        rows_still=rows_still,
        columns_still=columns_still,
        pause_start=steering.pause_start * typical,
        pause_frame=steering.pause_frame * typical,
        pause_weights=(1.0, 0.0) if is_open else (0.5, 0.5),
        band=steering.band,
    )


def _runs(max_tempo: int, *, is_open: bool, weighting: Weighting) -> tuple[Run, ...]:
    """The legal runs, the diagonal first, so that it wins ties."""
    row_share, column_share = (1.0, 0.0) if is_open else (0.5, 0.5)

    def run(rows: int, columns: int) -> Run:
        if weighting == "cells":
            return Run(rows, columns, 1.0)
        return Run(rows, columns, row_share / columns + column_share / rows)

    longer = [run(*block) for length in range(2, max_tempo + 1) for block in ((1, length), (length, 1))]
    return (run(1, 1), *longer)
