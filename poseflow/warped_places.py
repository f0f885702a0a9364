"""Where stretches of one series come again in another, faster or slower: many stretches in one pass over a matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEVER = np.float32(1e9)


@dataclass(frozen=True)
class Place:
    """Columns that a stretch is found in.

    Attributes:
        start, end: First column, and the one after the last.
        cost: Mean cost of the stretch's rows there.
    """

    start: int
    end: int
    cost: float


def warped_costs(
    cost: NDArray[np.floating], starts: NDArray[np.int64], lengths: NDArray[np.int64], *, charge: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The cheapest place of each stretch that ends at each column, at half to double tempo.

    A step goes on by one row and one column, by two columns, or by two rows; every row weighs the same.

    Args:
        cost: (R, N) of every row against every column, finite.
        starts, lengths: (P,) rows of the stretches, at least one each.
        charge: Of each step that is not by one row and one column.

    Returns:
        (P, N) mean cost of a stretch's rows, very large where none ends, and (P, N) the first column of the place.
    """
    rows = np.asarray(cost, np.float32)
    count, columns = len(starts), rows.shape[1]
    before = None
    last = rows[starts], np.broadcast_to(np.arange(columns), (count, columns)), rows[starts]
    means, first = np.full((count, columns), _NEVER, np.float32), np.zeros((count, columns), np.int64)
    for row in range(int(lengths.max())):
        if row:
            own = rows[np.minimum(starts + row, len(rows) - 1)]
            before, last = last, _step(before, last, own, charge)
        is_done = lengths == row + 1
        means[is_done], first[is_done] = last[0][is_done] / (row + 1), last[1][is_done]
    return np.minimum(means, _NEVER), first


_Row = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]
"""Total cost up to a row and each column, the first column of that path, and the row's own costs."""


def _step(before: _Row | None, last: _Row, own: NDArray[np.float32], charge: float) -> _Row:
    """The row after `last`, which came after `before`."""
    choices = np.full((3, *own.shape), _NEVER, np.float32)
    starts = np.zeros((3, *own.shape), np.int64)
    choices[0, :, 1:], starts[0, :, 1:] = last[0][:, :-1], last[1][:, :-1]
    choices[1, :, 2:], starts[1, :, 2:] = last[0][:, :-2] + charge, last[1][:, :-2]
    if before is not None:
        choices[2, :, 1:] = before[0][:, :-1] + last[2][:, 1:] + charge
        starts[2, :, 1:] = before[1][:, :-1]
    chosen = choices.argmin(0)[None]
    total = np.minimum(np.take_along_axis(choices, chosen, 0)[0] + own, _NEVER)
    return total, np.take_along_axis(starts, chosen, 0)[0], own


def apart_places(
    means: NDArray[np.floating],
    first: NDArray[np.int64],
    *,
    limit: float,
    relative: float = np.inf,
    always: float = 0.0,
    overlap: float = 0.1,
) -> list[Place]:
    """The cheapest places, hardly overlapping each other, in the order of their cost.

    Args:
        means, first: (N,) of one stretch, as `warped_costs` gives them.
        limit: Only below this.
        relative: From the third on, no dearer than this many times the median of those found but for the first.
        always: Up to this, though.
        overlap: Share of a place, at each end, that may lie in another.
    """
    candidates = np.flatnonzero(means < limit)
    free = np.ones(len(means), bool)
    found: list[Place] = []
    for column in candidates[np.argsort(means[candidates], kind="stable")]:
        place = Place(int(first[column]), int(column) + 1, float(means[column]))
        shared = int(overlap * (place.end - place.start))
        inside = slice(place.start + shared, max(place.end - shared, place.start + shared + 1))
        if not free[inside].all():
            continue
        if len(found) >= 2 and place.cost > max(always, relative * float(np.median([p.cost for p in found[1:]]))):
            break
        found.append(place)
        free[inside] = False
    return found
