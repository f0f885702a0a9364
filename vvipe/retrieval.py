"""Cross-view retrieval as both papers measure it: Hit@k over ordered pairs of cameras."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations

import torch
from jaxtyping import Float
from torch import Tensor

from vvipe.cameras import Rig, project
from vvipe.datasets.bodies import coco13_joints
from vvipe.geometry import normalize_3d, np_mpjpe
from vvipe.losses import KAPPA

NEAR_DUPLICATE = 0.02
"""Poses of a take nearer than this (NP-MPJPE, torso lengths) to one kept before are left out of the index."""
_CHUNK = 2048


def deduplicate(
    poses: Float[Tensor, "N 17 3"], sequence: Tensor, *, threshold: float = NEAR_DUPLICATE, window: int = 10
) -> Tensor:
    """Indices kept by a greedy pass in time order within each take, against the last `window` kept."""
    kept: list[int] = []
    recent: list[int] = []
    for i in range(len(poses)):
        if recent and sequence[recent[-1]] != sequence[i]:
            recent = []
        if recent:
            distance = np_mpjpe(poses[recent], poses[i].expand(len(recent), -1, -1))
            if bool((distance < threshold).any()):
                continue
        kept.append(i)
        recent = [*recent, i][-window:]
    return torch.tensor(kept, dtype=torch.long)


def view_poses(poses: Float[Tensor, "N 17 3"], rig: Rig) -> Float[Tensor, "C N 13 2"]:
    """The poses' thirteen joints as each camera of the rig sees them (image units; the nose is joint 9)."""
    joints = coco13_joints(normalize_3d(poses))
    distance = torch.full((len(poses),), rig.distance)
    return torch.stack([project(joints, r.expand(len(poses), 3, 3), distance)[0] for r in rig.rotations()])


def camera_pairs(rig: Rig) -> dict[str, list[tuple[int, int]]]:
    """Ordered (query, index) camera pairs: ``all``, and ``unseen`` = a chest camera with one that is not.

    A rig of chest cameras alone has no ``unseen``.
    """
    pairs = {"all": list(permutations(range(len(rig)), 2))}
    unseen = [(a, b) for a, b in pairs["all"] if (a in rig.chest) != (b in rig.chest)]
    return pairs | {"unseen": unseen} if unseen else pairs


def nearest(query: Float[Tensor, "N D"], index: Float[Tensor, "M D"], *, count: int) -> Tensor:
    """(N, count) row numbers of `index` nearest to each query by L2, nearest first."""
    rows = [torch.cdist(chunk, index).topk(count, largest=False).indices for chunk in query.split(_CHUNK)]
    return torch.cat(rows)


class PoseMatcher:
    """Tells which poses of one set are the same pose (NP-MPJPE <= kappa); each pair is computed once."""

    def __init__(self, poses: Float[Tensor, "N 17 3"], *, kappa: float = KAPPA) -> None:
        self.poses, self.kappa = poses, kappa
        self._known: dict[int, bool] = {}

    def is_match(self, query: Tensor, retrieved: Tensor) -> Tensor:
        """Bool tensor of the inputs' shape: whether pose `retrieved`, aligned onto pose `query`, matches it."""
        keys = query * len(self.poses) + retrieved
        unique = keys.unique()
        new = torch.tensor([k for k in unique.tolist() if k not in self._known], dtype=torch.long)
        for chunk in new.split(100_000):
            q, r = chunk // len(self.poses), chunk % len(self.poses)
            match = np_mpjpe(self.poses[r], self.poses[q]) <= self.kappa
            self._known.update(zip(chunk.tolist(), match.tolist(), strict=True))
        found = torch.tensor([self._known[k] for k in unique.tolist()])
        return found[torch.searchsorted(unique, keys)]


def hit_rates(
    vectors: Float[Tensor, "C N D"],
    poses: Float[Tensor, "N 17 3"],
    pairs: Iterable[tuple[int, int]],
    *,
    ks: Sequence[int] = (1, 5, 10, 20),
    matcher: PoseMatcher | None = None,
) -> dict[int, float]:
    """Hit@k in [0, 1] averaged over ordered camera pairs: every embedding of one camera queried in another's.

    A hit at k: one of the k nearest has NP-MPJPE <= kappa to the query's own 3D pose (subject's own proportions).
    """
    matcher = matcher or PoseMatcher(poses)
    count = min(max(ks), len(poses))
    rows = torch.arange(len(poses))[:, None]
    rates = []
    for query, index in pairs:
        retrieved = nearest(vectors[query], vectors[index], count=count)
        hits = matcher.is_match(rows.expand_as(retrieved), retrieved).cummax(dim=1).values
        rates.append(torch.stack([hits[:, min(k, count) - 1].double().mean() for k in ks]))
    mean = torch.stack(rates).mean(0)
    return {k: float(rate) for k, rate in zip(ks, mean, strict=True)}
