"""Rows of results of our own for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from poseflow_benchmarks.machine import Machine
from poseflow_benchmarks.results import Column, RowResult

KS = (1, 5, 10, 20)


def make_column(hits: Sequence[float], queries: Sequence[int]) -> Column:
    """The same hits for every k."""
    percent = 100 * sum(hits) / sum(queries)
    return Column(
        n_poses=sum(queries),
        n_pairs=1,
        n_valid=sum(queries),
        hits=dict.fromkeys(KS, percent),
        hits_without_self=dict.fromkeys(KS, percent / 2),
        take_queries=tuple(queries),
        take_hits=dict.fromkeys(KS, tuple(hits)),
    )


def make_row(
    system: str, hits: Sequence[float] | Mapping[str, Sequence[float]], queries: Sequence[int], **fields: Any
) -> RowResult:
    """A row whose recordings had `hits` of `queries`, in one column ("HDM05 unseen/D1") or those named."""
    columns = hits if isinstance(hits, Mapping) else {"HDM05 unseen/D1": hits}
    return RowResult(
        system=system,
        columns={key: make_column(values, queries) for key, values in columns.items()},
        takes={key.split("/")[0]: tuple(f"take{i}" for i in range(len(queries))) for key in columns},
        noise_seed=0,
        seconds=1.5,
        machine=Machine("a processor", 2),
        versions={"torch": "2"},
        command="poseflow bench retrieval",
        **fields,
    )
