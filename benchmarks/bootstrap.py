"""How sure a mean is, and whether one row beats another: bootstraps over what was drawn, sequences or recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.results import RowResult

DRAWS = 10_000
_CHUNK = 1000


def mean_interval(values: NDArray, *, seed: int = 0) -> tuple[float, float, float]:
    """Mean of the values (S,), and its 95 % percentile interval over DRAWS draws of them with replacement."""
    own = np.asarray(values, np.float64)
    chosen = np.random.default_rng(seed).integers(len(own), size=(DRAWS, len(own)))
    low, high = np.percentile(own[chosen].mean(1), [2.5, 97.5])
    return float(own.mean()), float(low), float(high)


class Difference(NamedTuple):
    """Points of Hit@k by which row a leads row b, with a 95 % interval."""

    difference: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether the interval excludes 0: what "beats" means here."""
        return self.low > 0 or self.high < 0


def paired_bootstrap(
    row_a: RowResult | Sequence[RowResult],
    row_b: RowResult | Sequence[RowResult],
    column: str,
    k: int = 1,
    n: int = DRAWS,
    seed: int = 0,
) -> Difference:
    """Hit@k of a minus that of b, and the percentile interval over `n` draws of recordings with replacement.

    The same recordings are drawn for both rows; queries of one recording stay together. Several rows on a side are
    seeds of one system, whose hits are averaged.

    Args:
        column: E.g. "HDM05 unseen/D1".

    Raises:
        ValueError: A row lacks the column, or the rows were measured on different queries.
    """
    queries, hits_a = _counts(row_a, column, k)
    other_queries, hits_b = _counts(row_b, column, k)
    if not np.array_equal(queries, other_queries):
        raise ValueError(f"{column}: expected two rows on the same queries of the same recordings, got different ones")
    generator = np.random.default_rng(seed)
    lead = hits_a - hits_b
    drawn = []
    for start in range(0, n, _CHUNK):
        size = (min(_CHUNK, n - start), len(queries))
        times = generator.multinomial(size[1], np.full(size[1], 1 / size[1]), size=size[0])
        drawn.append(100 * (times @ lead) / np.maximum(times @ queries, 1))
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    return Difference(float(100 * lead.sum() / queries.sum()), float(low), float(high))


def _counts(rows: RowResult | Sequence[RowResult], column: str, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Queries and mean hits of each recording."""
    rows = [rows] if isinstance(rows, RowResult) else list(rows)
    for row in rows:
        if column not in row.columns:
            raise ValueError(f"column: expected one of {', '.join(row.columns)} ({row.system}), got {column!r}")
    counted = [row.columns[column] for row in rows]
    queries = np.array(counted[0].take_queries, float)
    if any(not np.array_equal(queries, np.array(c.take_queries, float)) for c in counted):
        raise ValueError(f"{column}: expected seeds of one system on the same queries, got different ones")
    return queries, np.mean([np.array(c.take_hits[k], float) for c in counted], axis=0)
