"""Exact dynamic time warping on a cost matrix: tempo limited by the step pattern, ends open for the longer clip.

Both clips are sampled with one uniform time step, so that an index is a time and a slope is a tempo. A path is a chain
of runs joined by diagonal moves; a run pairs one frame of one clip with 1 to `max_tempo` frames of the other. No frame
is paired with more, so a frozen frame cannot absorb a clip, and the tempo stays in [1 / max_tempo, max_tempo].

Each frame of the clip that is consumed whole weighs one, shared among its partners. All legal paths then have the same
total weight, so the smallest sum is the smallest mean, and comparing starts and ends favours neither short nor long
partners. Where both clips are consumed whole, each frame of either weighs a half, for the same reason.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_TEMPO = 3
"""Most frames of one clip that one frame of the other may be paired with."""

OpenClip = Literal["longer", "ref", "query", "neither"]
Weighting = Literal["time", "cells"]


@dataclass(frozen=True)
class Alignment:
    """The cheapest path through a cost matrix.

    Attributes:
        path: (L, 2) int64 pairs (reference index, query index), both rising, one of them at every step.
        weights: (L,) how much each pair counts in `cost`.
        cost: Weighted mean cost of the pairs whose cost is known; NaN where none is.
    """

    path: NDArray[np.int64]
    weights: NDArray[np.float64]
    cost: float


class _Run(NamedTuple):
    """One block of a path: rows x columns (one of them 1), and the weight of each of its cells."""

    rows: int
    columns: int
    weight: float


def align(
    cost: NDArray[np.floating],
    *,
    open_clip: OpenClip = "longer",
    max_tempo: int = MAX_TEMPO,
    tempo_charge: float = 0.0,
    weighting: Weighting = "time",
) -> Alignment:
    """The path with the lowest mean cost, by exact dynamic programming.

    Args:
        cost: (T_ref, T_query), one uniform time step on both axes; NaN = unknown (a frame was not seen). While the path
            is sought, each unknown cell is charged the mean of the known ones, whatever its run: as good as a random
            pairing, so that a path neither hides among unseen frames nor gains by rushing through them. They count
            nothing in the cost that is returned.
        open_clip: The clip that the path may enter and leave anywhere; the other one is consumed whole. "longer" opens
            neither where both have the same length.
        max_tempo: Most frames that one frame may be paired with.
        tempo_charge: What each frame beyond the first of a run is charged while the path is sought, as a share of the
            mean known cost; it keeps a path from wandering where the costs say little.
        weighting: "time" as in the module's text, or "cells": every cell weighs one and the sum is least (the
            textbook's symmetric DTW, which favours paths of few cells where an end is open).

    Raises:
        ValueError: The matrix is empty or infinite, or no path obeys the tempo limit.
    """
    _check(cost, max_tempo, tempo_charge)
    side = _resolve_open(open_clip, cost.shape)
    rows_cost = cost.T if side == "ref" else cost
    runs = _runs(max_tempo, is_open=side != "neither", weighting=weighting)
    last_row, moves = _accumulate(rows_cost, runs, is_open=side != "neither", tempo_charge=tempo_charge)
    end = int(np.argmin(last_row)) if side != "neither" else len(last_row) - 1
    if not np.isfinite(last_row[end]):
        raise ValueError(
            f"no path between {cost.shape[0]} and {cost.shape[1]} frames keeps the tempo within 1/{max_tempo} to "
            f"{max_tempo}; open the longer clip"
        )
    cells, weights = _trace(moves, runs, end)
    known = np.isfinite(rows_cost[cells[:, 0], cells[:, 1]])
    mean = np.average(rows_cost[cells[:, 0], cells[:, 1]][known], weights=weights[known]) if known.any() else np.nan
    return Alignment(cells[:, ::-1] if side == "ref" else cells, weights, float(mean))


def _check(cost: NDArray[np.floating], max_tempo: int, tempo_charge: float) -> None:
    if cost.ndim != 2 or 0 in cost.shape:
        raise ValueError(f"cost: expected a matrix with at least one row and one column, got shape {cost.shape}")
    if np.isinf(cost).any():
        raise ValueError("cost: expected finite numbers, or NaN where a frame was not seen; got infinity")
    if max_tempo < 1:
        raise ValueError(f"max_tempo: expected 1 or more, got {max_tempo}")
    if not 0 <= tempo_charge < np.inf:
        raise ValueError(f"tempo_charge: expected 0 or more, got {tempo_charge}")


def _resolve_open(open_clip: OpenClip, shape: tuple[int, ...]) -> OpenClip:
    if open_clip not in ("longer", "ref", "query", "neither"):
        raise ValueError(f"open_clip: expected longer, ref, query or neither, got {open_clip!r}")
    if open_clip != "longer":
        return open_clip
    if shape[0] == shape[1]:
        return "neither"
    return "ref" if shape[0] > shape[1] else "query"


def _runs(max_tempo: int, *, is_open: bool, weighting: Weighting) -> list[_Run]:
    """The legal runs, the diagonal first, so that it wins ties."""
    row_share, column_share = (1.0, 0.0) if is_open else (0.5, 0.5)

    def run(rows: int, columns: int) -> _Run:
        if weighting == "cells":
            return _Run(rows, columns, 1.0)
        return _Run(rows, columns, row_share / columns + column_share / rows)

    longer = [run(*block) for length in range(2, max_tempo + 1) for block in ((1, length), (length, 1))]
    return [run(1, 1), *longer]


def _split_unknown(cost: NDArray[np.floating]) -> NDArray[np.float64]:
    """(2, R, C): the costs, 0 where unknown; and the charges for the unknown, 0 where known (1 if nothing is known)."""
    is_known = np.isfinite(cost)
    return np.stack([np.where(is_known, cost, 0.0), np.where(is_known, 0.0, _mean_known(cost))]).astype(np.float64)


def _mean_known(cost: NDArray[np.floating]) -> float:
    """Mean of the known costs; 1 if nothing is known."""
    is_known = np.isfinite(cost)
    return float(cost[is_known].mean()) if is_known.any() else 1.0


def _shifted_right(row: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    return np.concatenate([np.zeros((len(row), by)), row[:, :-by]], axis=1)


def _accumulate(
    cost: NDArray[np.floating], runs: list[_Run], *, is_open: bool, tempo_charge: float
) -> tuple[NDArray[np.float64], NDArray[np.int16]]:
    """The last row (C,) of least weighted sums, and (R, C) which run each best path ends with.

    `before` holds the last rows of sums with `pad` columns of infinity on their left: ahead of column 0 there is only
    the start, at column -1.
    """
    layers = _split_unknown(cost)
    n_columns, pad = cost.shape[1], runs[-1].rows
    start = np.full(pad + n_columns, np.inf)
    start[pad - 1 : None if is_open else pad] = 0.0
    before = deque([start], maxlen=pad)
    moves = np.zeros(cost.shape, dtype=np.int16)
    frame_charge = tempo_charge * _mean_known(cost)
    for i in range(len(cost)):
        best = np.full(n_columns, np.inf)
        across = down = layers[:, i]
        for number, (rows, columns, weight) in enumerate(runs):
            if rows > i + 1 or columns > n_columns:
                continue
            if columns > 1:
                across = across + _shifted_right(layers[:, i], columns - 1)
            elif rows > 1:
                down = down + layers[:, i - rows + 1]
            known, charge = across if columns > 1 else down
            arrivals = before[-rows][pad - columns : len(start) - columns]
            candidate = arrivals + weight * known + charge + frame_charge * (rows + columns - 2)
            is_better = candidate < best
            moves[i][is_better] = number
            best = np.where(is_better, candidate, best)
        before.append(np.concatenate([start[:pad] + np.inf, best]))
    return best, moves


def _trace(moves: NDArray[np.int16], runs: list[_Run], end: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The (L, 2) cells (row, column) of the best path that ends in column `end`, in order, and their weights (L,)."""
    cells: list[tuple[int, int]] = []
    weights: list[float] = []
    row, column = len(moves) - 1, end
    while row >= 0:
        run = runs[moves[row, column]]
        length = run.rows * run.columns
        cells.extend((row - k * (run.rows > 1), column - k * (run.columns > 1)) for k in range(length))
        weights.extend([run.weight] * length)
        row, column = row - run.rows, column - run.columns
    return np.array(cells[::-1], dtype=np.int64), np.array(weights[::-1])
