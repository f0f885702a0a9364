"""Cross-view retrieval as both papers measure it: Hit@k over ordered pairs of cameras."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from vvipe.cameras import Rig, project
from vvipe.datasets.bodies import coco13_joints
from vvipe.geometry import normalize_3d
from vvipe.pose_matches import PoseMatcher

KS = (1, 5, 10, 20)
RERANKED = 200
"""How many of the nearest by L2 a finer distance sorts anew."""
_CHUNK = 512
_RERANK_CHUNK = 256
_FEW = 20_000
"""Up to so many retrieved poses are compared at once; of more, the deeper ones only where the nearer ones miss."""


@dataclass(frozen=True)
class Representation:
    """What a system makes of N sets of keypoints.

    Attributes:
        vectors: (N, D) candidates are found by L2 among these; a NaN row is never retrieved and finds nothing.
        details: (N, ...) what the finer distance takes (e.g. mean and sd, or a 3D pose), or None without one.
    """

    vectors: Float[Tensor, "N D"]
    details: Float[Tensor, "N ..."] | None = None

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2:
            raise ValueError(f"Representation.vectors: expected (N, D), got {tuple(self.vectors.shape)}")
        if self.details is not None and len(self.details) != len(self.vectors):
            raise ValueError(f"Representation.details: expected {len(self.vectors)} rows, got {len(self.details)}")


class RetrievalSystem(Protocol):
    """What is compared in the benchmark: keypoints in, something that can be searched out."""

    @property
    def name(self) -> str:
        """Of the row in the table."""
        ...

    def represent(self, keypoints: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"]) -> Representation:
        """The representation of keypoints that `normalize_2d` normalised; NaN = missing."""
        ...

    def distance(self, query: Float[Tensor, "B ..."], candidates: Float[Tensor, "B M ..."]) -> Float[Tensor, "B M"]:
        """The finer distance between details, lower = nearer; asked only where `represent` gives details."""
        ...


Distance = Callable[[Tensor, Tensor], Tensor]
"""`RetrievalSystem.distance`."""


class HitRanks(NamedTuple):
    """Where each query first finds its own pose, for P ordered camera pairs and N poses.

    Attributes:
        ranks: (P, N) 0 = the nearest one is a hit; `depth` or more = none among those looked at.
        ranks_without_self: The same with the query's own frame left out of the index.
        depth: How many of the nearest were looked at.
    """

    ranks: Int64[Tensor, "P N"]
    ranks_without_self: Int64[Tensor, "P N"]
    depth: int

    def rate(self, k: int) -> float:
        """Hit@k in [0, 1], the mean over queries and camera pairs."""
        return float((self.ranks < k).double().mean())


def view_poses(poses: Float[Tensor, "N 17 3"], rig: Rig) -> Float[Tensor, "C N 13 2"]:
    """The poses' thirteen joints as each camera of the rig sees them (image units; the nose is joint 9)."""
    joints = coco13_joints(normalize_3d(poses))
    distance = torch.full((len(poses),), rig.distance)
    return torch.stack([project(joints, r.expand(len(poses), 3, 3), distance)[0] for r in rig.rotations()])


def nearest(query: Float[Tensor, "N D"], index: Float[Tensor, "M D"], *, count: int) -> Int64[Tensor, "N count"]:
    """Row numbers of `index` nearest to each query by L2, nearest first; -1 where there is none.

    NaN rows of `index` are never retrieved and NaN queries retrieve nothing.
    """
    # Differences decide: about the index's own middle the products keep more digits.
    is_valid = torch.isfinite(index).all(1)
    middle = index[is_valid].mean(0) if bool(is_valid.any()) else torch.zeros(index.shape[1])
    index = torch.where(is_valid[:, None], index - middle, 0.0)
    squared = torch.where(is_valid, index.square().sum(1), torch.inf)
    rows = []
    for chunk in query.split(_CHUNK):
        can_ask = torch.isfinite(chunk).all(1)
        asked = torch.where(can_ask[:, None], chunk - middle, 0.0)
        found = torch.addmm(squared, asked, index.T, alpha=-2).topk(min(count, len(index)), largest=False)
        rows.append(torch.where(can_ask[:, None] & torch.isfinite(found.values), found.indices, -1))
    return torch.cat(rows)


def retrieve(
    query: Representation,
    index: Representation,
    *,
    count: int,
    distance: Distance | None = None,
    pool: int = RERANKED,
) -> Int64[Tensor, "N count"]:
    """Row numbers of `index` nearest to each query, nearest first; -1 where there is none.

    With details and a finer distance, the `pool` nearest by L2 are sorted anew by that distance.
    """
    if distance is None or query.details is None or index.details is None:
        return nearest(query.vectors, index.vectors, count=count)
    candidates = nearest(query.vectors, index.vectors, count=max(pool, count))
    rows = []
    for start in range(0, len(candidates), _RERANK_CHUNK):
        chunk = candidates[start : start + _RERANK_CHUNK]
        finer = distance(query.details[start : start + _RERANK_CHUNK], index.details[chunk.clamp_min(0)])
        order = torch.where(chunk >= 0, finer, torch.inf).sort(dim=1, stable=True).indices[:, :count]
        rows.append(chunk.gather(1, order))
    return torch.cat(rows)


def hit_ranks(
    representations: Sequence[Representation],
    pairs: Iterable[tuple[int, int]],
    *,
    matcher: PoseMatcher,
    distance: Distance | None = None,
    depth: int = max(KS),
    pool: int = RERANKED,
    leave_one_out: bool = True,
) -> HitRanks:
    """Where every pose of one camera is first found in another, for each ordered (query, index) camera pair.

    A hit: NP-MPJPE <= kappa to the query's own 3D pose (17 joints, subject's own proportions).

    Args:
        representations: One a camera, rows in the order of the matcher's poses.
        distance: `RetrievalSystem.distance`; see `retrieve`.
        leave_one_out: Also look without the query's own frame; else those ranks repeat the others.
    """
    ranks, without_self = [], []
    own = torch.arange(len(matcher))[:, None]
    for query, index in pairs:
        found = retrieve(representations[query], representations[index], count=depth + 1, distance=distance, pool=pool)
        ranks.append(_first_match(found[:, :depth], matcher, depth))
        if leave_one_out:
            without_self.append(_first_match(_without(own, found)[:, :depth], matcher, depth))
    stacked = torch.stack(ranks)
    return HitRanks(stacked, torch.stack(without_self) if leave_one_out else stacked, depth)


def _without(own: Int64[Tensor, "N 1"], found: Int64[Tensor, "N K"]) -> Int64[Tensor, "N K"]:
    """`found` in the same order, each row's own number last and made -1."""
    order = (found == own).long().sort(dim=1, stable=True).indices
    return torch.where(found == own, -1, found).gather(1, order)


def _first_match(found: Int64[Tensor, "N K"], matcher: PoseMatcher, depth: int) -> Int64[Tensor, " N"]:
    """Column of the first match in each row, `depth` where there is none; looks no deeper than it must."""
    rank = torch.full((len(found),), depth)
    searching = torch.arange(len(found))
    ends = (depth,) if found.numel() <= _FEW else (*(k for k in KS if k < depth), depth)
    for start, end in pairwise((0, *ends)):
        columns = found[searching, start:end]
        if not columns.numel():
            break
        is_match = matcher.is_match(searching[:, None].expand_as(columns), columns)
        has_match = is_match.any(1)
        rank[searching[has_match]] = start + is_match[has_match].long().argmax(1)
        searching = searching[~has_match]
    return rank
