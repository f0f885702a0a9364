"""The dynamic programme of `poseflow.dtw`: the cheapest chains of runs and pauses through a corridor of cells."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOVING, ROWS_PAUSE, COLUMNS_PAUSE = 0, 1, 2
"""What happens in a pair of a path: both clips go on, or one alone, which stands still: the rows' or the columns'."""
_STATE, _ROWS_GO_ON, _COLUMNS_GO_ON = 3, 4, 8  # bits of Table.states

Row = NDArray[np.float64]


class Run(NamedTuple):
    """One block of a path: rows x columns (one of them 1), and the weight of each of its cells."""

    rows: int
    columns: int
    weight: float


@dataclass(frozen=True)
class Corridor:
    """The cells that a path may visit: W neighbouring columns in each of R rows.

    Attributes:
        cost: (R, W); NaN = unknown, infinite = not to be visited.
        first: (R,) column of the first cell of each row.
        n_columns: Number of columns of the matrix that the corridor runs through.
    """

    cost: NDArray[np.floating]
    first: NDArray[np.int64]
    n_columns: int

    def window(self, row: int, pad: int) -> slice:
        """Where the row's cells lie in arrays of all columns with `pad` entries on their left."""
        start = pad + int(self.first[row])
        return slice(start, start + self.cost.shape[1])


@dataclass(frozen=True)
class Rules:
    """What a path may do, and what it is charged while it is sought.

    Attributes:
        runs: The legal runs, the diagonal first, so that it wins ties.
        is_open: Whether a path may start and end in any column; else it starts in the first and ends in the last.
        unknown_charge: Of each cell whose cost is unknown.
        frame_charge: Of each frame beyond the first of a run.
        rows_still, columns_still: (R,) and (C,) where each clip may pause.
        pause_start, pause_frame: Charges of a pause, and of each frame of it.
        pause_weights: What the cost of a frame counts in a pause of the rows, and of the columns.
        band: Most frames that a path may be ahead of or behind unit tempo since its own start; None = any.
    """

    runs: tuple[Run, ...]
    is_open: bool
    unknown_charge: float
    frame_charge: float
    rows_still: NDArray[np.bool_]
    columns_still: NDArray[np.bool_]
    pause_start: float
    pause_frame: float
    pause_weights: tuple[float, float]
    band: int | None

    @property
    def pad(self) -> int:
        return max(max(run.rows, run.columns) for run in self.runs)


@dataclass(frozen=True)
class Table:
    """All that is needed to trace the best path to any cell of the last row.

    Attributes:
        last: (C,) least charged sums of the paths that end in the last row; infinite where none does.
        moves: (R, W) which run the best path without a pause ends with.
        states: (R, W) bits: whether the best path ends in a pause, and whether pauses go on from the cell before.
    """

    last: Row
    moves: NDArray[np.uint8]
    states: NDArray[np.uint8]


class _Paths(NamedTuple):
    """The best paths to the cells of one row: sums, and the columns that they start in (with a band alone)."""

    sums: Row
    starts: NDArray[np.int64]

    def at(self, window: slice, by: int) -> _Paths:
        """The paths `by` columns to the left of the window."""
        left = slice(window.start - by, window.stop - by)
        return _Paths(self.sums[left], self.starts[left])


class _Costs(NamedTuple):
    """Costs of cells: known (0 where unknown, infinite outside), and charges of the unknown (None = all are known)."""

    known: Row
    unknown: Row | None

    def sums(self, window: slice) -> _Costs:
        """Those of a window, to be summed up."""
        return _Costs(self.known[window], None if self.unknown is None else self.unknown[window])

    def plus(self, other: _Costs) -> _Costs:
        known = self.known + other.known
        if self.unknown is None or other.unknown is None:
            return _Costs(known, self.unknown if other.unknown is None else other.unknown)
        return _Costs(known, self.unknown + other.unknown)

    def charged(self, weight: float) -> Row:
        """The known ones by their weight, and the charges."""
        charged = weight * self.known
        return charged if self.unknown is None else charged + self.unknown


def fill(corridor: Corridor, rules: Rules) -> Table:
    """The table of the best paths; every row looks back `rules.pad` rows at most."""
    shape = corridor.cost.shape
    moves, states = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    size, pad = rules.pad + corridor.n_columns, rules.pad
    before: deque[_Paths] = deque([_start(size, pad, is_open=rules.is_open)], maxlen=pad)
    costs: deque[_Costs] = deque(maxlen=pad)
    moving = pausing = _nowhere(size)
    for row in range(shape[0]):
        window = corridor.window(row, pad)
        costs.append(_row_costs(corridor.cost[row], window, size, rules.unknown_charge))
        found, moves[row] = _run_on(before, costs, window, rules, row)
        if rules.rows_still[row]:
            pausing, goes_on = _pause_rows(moving, pausing, costs[-1], window, rules, row)
            states[row] |= np.where(goes_on, _ROWS_GO_ON, 0).astype(np.uint8)
        else:
            pausing = _nowhere(size)
        moving = found
        best, state = _better(found, pausing, window, ROWS_PAUSE)
        if rules.columns_still[corridor.first[row] : corridor.first[row] + shape[1]].any():
            held, goes_on = _pause_columns(found, costs[-1], window, rules, row)
            states[row] |= np.where(goes_on, _COLUMNS_GO_ON, 0).astype(np.uint8)
            best, held_state = _better(best, held, window, COLUMNS_PAUSE)
            state = np.where(held_state > 0, held_state, state)
        states[row] |= state
        before.append(best)
    return Table(before[-1].sums[pad:], moves, states)


def trace(
    table: Table, corridor: Corridor, rules: Rules, end: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int8]]:
    """The best path that ends in column `end`: its cells (L, 2), their weights (L,) and states (L,), in order."""
    steps: list[tuple[int, int, float, int]] = []
    row, column, pausing = len(table.moves) - 1, end, -1
    while row >= 0:
        place = column - int(corridor.first[row])
        bits = int(table.states[row, place])
        state = bits & _STATE if pausing < 0 else pausing
        if state == MOVING:
            run = rules.runs[table.moves[row, place]]
            for k in range(run.rows * run.columns):
                steps.append((row - k * (run.rows > 1), column - k * (run.columns > 1), run.weight, MOVING))
            row, column, pausing = row - run.rows, column - run.columns, -1
            continue
        steps.append((row, column, rules.pause_weights[state - 1], state))
        is_rows = state == ROWS_PAUSE
        pausing = state if bits & (_ROWS_GO_ON if is_rows else _COLUMNS_GO_ON) else MOVING
        row, column = row - is_rows, column - (not is_rows)
    rows, columns, weights, kinds = zip(*steps[::-1], strict=True)
    cells = np.stack([np.array(rows, np.int64), np.array(columns, np.int64)], axis=1)
    return cells, np.array(weights), np.array(kinds, np.int8)


def _nowhere(size: int) -> _Paths:
    return _Paths(np.full(size, np.inf), np.zeros(size, np.int64))


def _start(size: int, pad: int, *, is_open: bool) -> _Paths:
    """Paths that have not begun: ahead of any column, or of column 0 alone."""
    sums = np.full(size, np.inf)
    sums[pad - 1 : None if is_open else pad] = 0.0
    return _Paths(sums, np.arange(size) - pad + 1)


def _row_costs(cost: NDArray[np.floating], window: slice, size: int, unknown_charge: float) -> _Costs:
    known = np.full(size, np.inf)
    known[window] = cost
    is_unknown = np.isnan(known)
    if not is_unknown.any():
        return _Costs(known, None)
    known[is_unknown] = 0.0
    return _Costs(known, np.where(is_unknown, unknown_charge, 0.0))


def _run_on(
    before: deque[_Paths], costs: deque[_Costs], window: slice, rules: Rules, row: int
) -> tuple[_Paths, NDArray[np.uint8]]:
    """The best paths to the row that end with a run, and which run that is (W,)."""
    found = _nowhere(len(costs[-1].known))
    sums, starts = found.sums[window], found.starts[window]
    moves = np.zeros(len(sums), np.uint8)
    across, down = costs[-1].sums(window), costs[-1].sums(window)
    for number, run in enumerate(rules.runs):
        if run.rows > row + 1:
            continue
        if run.columns > 1:
            left = slice(window.start - run.columns + 1, window.stop - run.columns + 1)
            across = across.plus(costs[-1].sums(left))
        elif run.rows > 1:
            down = down.plus(costs[-run.rows].sums(window))
        arrivals = before[-run.rows].at(window, run.columns)
        candidate = (across if run.columns > 1 else down).charged(run.weight)
        candidate += arrivals.sums + rules.frame_charge * (run.rows + run.columns - 2)
        candidate = _inside_band(candidate, arrivals.starts, window, rules, row)
        is_better = candidate < sums
        np.copyto(sums, candidate, where=is_better)
        np.copyto(starts, arrivals.starts, where=is_better)
        moves[is_better] = number
    return found, moves


def _pause_rows(
    moving: _Paths, pausing: _Paths, costs: _Costs, window: slice, rules: Rules, row: int
) -> tuple[_Paths, NDArray[np.bool_]]:
    """The best paths that end with the columns' clip holding while the rows' clip, still, goes on; and which go on."""
    entered, continued = moving.sums[window] + rules.pause_start, pausing.sums[window]
    goes_on = continued <= entered
    paths = _nowhere(len(costs.known))
    step = costs.sums(window).charged(rules.pause_weights[0]) + rules.pause_frame
    paths.starts[window] = np.where(goes_on, pausing.starts[window], moving.starts[window])
    paths.sums[window] = np.where(goes_on, continued, entered) + step
    paths.sums[window] = _inside_band(paths.sums[window], paths.starts[window], window, rules, row)
    return paths, goes_on


def _pause_columns(
    moving: _Paths, costs: _Costs, window: slice, rules: Rules, row: int
) -> tuple[_Paths, NDArray[np.bool_]]:
    """The best paths that end with the rows' clip holding while the columns' clip, still, goes on; and which go on.

    A pause from column a to column b costs S(b) - S(a), S the running sum; so the best entry is a running minimum,
    within each stretch of still columns and the column before it.
    """
    paths = _nowhere(len(costs.known))
    goes_on = np.zeros(window.stop - window.start, bool)
    is_finite = np.isfinite(costs.known[window])
    weight = rules.pause_weights[1]
    step = _Costs(np.where(is_finite, costs.known[window], 0.0), costs.sums(window).unknown).charged(weight)
    total = np.cumsum(step + rules.pause_frame)
    first = window.start - rules.pad
    still = rules.columns_still[first : first + len(total)] & is_finite
    here = np.flatnonzero(still)
    least, source = _least_before(moving.sums[window] + rules.pause_start - total, here)
    there = window.start + here
    paths.sums[there] = least + total[here]
    paths.starts[there] = moving.starts[window.start + np.maximum(source, 0)]
    goes_on[here] = source < here - 1
    paths.sums[window] = _inside_band(paths.sums[window], paths.starts[window], window, rules, row)
    return paths, goes_on


def _least_before(values: Row, places: NDArray[np.int64]) -> tuple[Row, NDArray[np.int64]]:
    """The least of the values that lead up to each place (P,) of a stretch of neighbouring places, and where it is.

    Up to each place lead the values from the one before its stretch (infinite, at -1, where there is none) to the one
    before the place; of equals the last. All stretches at once, by doubling how far back is looked.
    """
    numbers = np.arange(len(places))
    is_first = np.diff(places, prepend=-2) > 1
    depth = numbers - np.maximum.accumulate(np.where(is_first, numbers, 0))
    least, source = np.where(places > 0, values[places - 1], np.inf), places - 1
    reach, deepest = 1, int(depth.max(initial=0))
    while reach <= deepest:
        later = np.flatnonzero(depth >= reach)
        is_less = least[later - reach] < least[later]
        later = later[is_less]
        least[later], source[later] = least[later - reach], source[later - reach]
        reach *= 2
    return least, source


def _inside_band(sums: Row, starts: NDArray[np.int64], window: slice, rules: Rules, row: int) -> Row:
    """The sums, infinite where the path has left the band around unit tempo from its own start."""
    if rules.band is None:
        return sums
    columns = np.arange(window.start, window.stop) - rules.pad
    return np.where(np.abs(columns - starts - row) <= rules.band, sums, np.inf)


def _better(best: _Paths, other: _Paths, window: slice, state: int) -> tuple[_Paths, NDArray[np.uint8]]:
    """The better of two sets of paths, and `state` (W,) where it is the second, else 0."""
    is_other = other.sums[window] < best.sums[window]
    if not is_other.any():
        return best, np.zeros(len(is_other), np.uint8)
    merged = _Paths(best.sums.copy(), best.starts.copy())
    merged.sums[window] = np.where(is_other, other.sums[window], best.sums[window])
    merged.starts[window] = np.where(is_other, other.starts[window], best.starts[window])
    return merged, np.where(is_other, state, 0).astype(np.uint8)
