"""Rows that no system of keypoints is: what 3D itself retrieves, what chance does, what could be found at all.

A query's own frame is in the index of the other camera, and its 3D pose is the same there: any vector made of true 3D
finds it at once, 100 % by construction. What can fail is the search with that frame left out, `hits_without_self`:
whether the nearest *other* pose is within kappa. So every row carries both, and a bound is read off the second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int64
from poseflow_benchmarks.open_sets import RetrievalSet
from poseflow_benchmarks.results import Column, RowResult, column_key
from poseflow_benchmarks.retrieval import NOISE_SEED, make_row, rank_columns
from torch import Tensor

from vvipe.geometry import canonicalize, to_canonical
from vvipe.retrieval import KS, Representation

SOURCE_3D = "3D"
"""The input of rows that look at no keypoints."""
PoseEncoder = Callable[[Float[Tensor, "N 17 3"]], Float[Tensor, "N D"]]


def bound_rows(sets: Sequence[RetrievalSet]) -> list[RowResult]:
    """True canonical 3D compared by L2, on the universal skeleton and on each subject's own; the ceiling; chance."""
    return [
        pose_row("true canonical 3D, universal skeleton", lambda poses: poses.flatten(1), sets),
        pose_row("true canonical 3D, own proportions", lambda poses: poses.flatten(1), sets, is_universal=False),
        count_row("ceiling: whether there is a match", _exists, sets),
        count_row("chance", chance, sets),
    ]


def pose_row(name: str, encode: PoseEncoder, sets: Sequence[RetrievalSet], *, is_universal: bool = True) -> RowResult:
    """L2 between what `encode` makes of true canonical poses, e.g. a model's 3D encoder; all cameras see the same.

    Args:
        encode: Takes canonical poses in torso lengths, on the universal skeleton if `is_universal`.
    """
    start = time.perf_counter()
    columns: dict[str, Column] = {}
    for s in sets:
        vectors = encode(to_canonical(s.views.poses) if is_universal else canonicalize(s.views.poses))
        cameras = [Representation(vectors)] * s.views.n_cameras
        columns |= rank_columns(cameras, s, SOURCE_3D, n_valid=len(s) * s.views.n_cameras)
    return make_row(name, columns, sets, seed=NOISE_SEED, seconds=time.perf_counter() - start)


def count_row(
    name: str,
    probability: Callable[[Int64[Tensor, " N"], int, int], Float[Tensor, " N"]],
    sets: Sequence[RetrievalSet],
) -> RowResult:
    """Expected hits by the number of matches alone: `probability(matches, index size, k)` of each query."""
    start = time.perf_counter()
    columns = {}
    for s in sets:
        matches, n = s.matcher.count_matches(), len(s)
        with_self = {k: probability(matches, n, k) for k in KS}
        without = {k: probability(matches - 1, n - 1, k) for k in KS}
        for choice, label in s.columns.items():
            pairs = len(s.views.camera_pairs()[choice])
            columns[column_key(label, SOURCE_3D)] = _expected(s, pairs, with_self, without)
    return make_row(name, columns, sets, seed=NOISE_SEED, seconds=time.perf_counter() - start)


def chance(matches: Int64[Tensor, " N"], n: int, k: int) -> Float[Tensor, " N"]:
    """P(k rows drawn from n without replacement hold one of the matches): 1 - C(n - m, k) / C(n, k)."""
    missed = torch.ones(len(matches), dtype=torch.float64)
    for drawn in range(min(k, n)):
        missed = missed * (n - matches - drawn).clamp_min(0) / (n - drawn)
    return 1 - missed


def _exists(matches: Int64[Tensor, " N"], n: int, k: int) -> Float[Tensor, " N"]:
    return (matches > 0).double()


def _expected(
    retrieval_set: RetrievalSet, n_pairs: int, with_self: dict[int, Tensor], without: dict[int, Tensor]
) -> Column:
    take, n_takes = retrieval_set.views.take, len(retrieval_set.take_names)

    def per_take(hits: Float[Tensor, " N"]) -> tuple[float, ...]:
        sums = torch.zeros(n_takes, dtype=torch.float64).index_add_(0, take, hits * n_pairs)
        return tuple(round(value, 3) for value in sums.tolist())

    return Column(
        n_poses=len(retrieval_set),
        n_pairs=n_pairs,
        n_valid=len(retrieval_set) * retrieval_set.views.n_cameras,
        hits={k: round(100 * float(hits.mean()), 3) for k, hits in with_self.items()},
        hits_without_self={k: round(100 * float(hits.mean()), 3) for k, hits in without.items()},
        take_queries=tuple((torch.bincount(take, minlength=n_takes) * n_pairs).tolist()),
        take_hits={k: per_take(hits) for k, hits in with_self.items()},
    )
