"""Which poses are the same pose (NP-MPJPE <= kappa), decided once a pair; and poses left out as near-duplicates."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from vvipe.fast_procrustes import aligned_errors
from vvipe.geometry import normalize_3d, np_mpjpe
from vvipe.losses import KAPPA

NEAR_DUPLICATE = 0.02
"""Poses of a take nearer than this (NP-MPJPE, torso lengths) to one kept before are left out of the index."""
_CHUNK = 50_000
_UNKNOWN, _DIFFERENT, _SAME = 0, 1, 2


class PoseMatcher:
    """Tells which of N poses are the same pose: NP-MPJPE <= kappa, the retrieved pose aligned onto the query's.

    Answers are kept in N * N bytes, shared by all camera pairs and systems; memory is touched only where asked.

    Args:
        poses: Any unit, everybody's own proportions.
    """

    def __init__(self, poses: Float[Tensor, "N 17 3"], *, kappa: float = KAPPA) -> None:
        self.poses, self.kappa = normalize_3d(poses), kappa
        self._known = torch.from_numpy(np.zeros(len(poses) ** 2, np.uint8))

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def n_decided(self) -> int:
        """Pairs of poses that were compared so far."""
        return int((self._known != _UNKNOWN).sum())

    def is_match(self, query: Int64[Tensor, "*S"], retrieved: Int64[Tensor, "*S"]) -> Bool[Tensor, "*S"]:
        """Whether pose `retrieved` is the pose `query`; both row numbers, and -1 (nothing retrieved) is no match."""
        is_there = retrieved >= 0
        keys = torch.where(is_there, query * len(self) + retrieved, 0)
        asked = keys[is_there]
        self._decide(asked[self._known[asked] == _UNKNOWN].unique())
        return is_there & (self._known[keys] == _SAME)

    def count_matches(self) -> Int64[Tensor, " N"]:
        """For each pose, how many of the N are the same pose, itself included; decides all N * N pairs."""
        everyone = torch.arange(len(self))
        rows = [self.is_match(torch.full_like(everyone, i), everyone).sum() for i in range(len(self))]
        return torch.stack(rows) if rows else torch.zeros(0, dtype=torch.long)

    def _decide(self, keys: Int64[Tensor, " K"]) -> None:
        for chunk in keys.split(_CHUNK):
            query, retrieved = self.poses[chunk // len(self)], self.poses[chunk % len(self)]
            is_same = aligned_errors(retrieved, query) <= self.kappa
            self._known[chunk] = torch.where(is_same, _SAME, _DIFFERENT).to(torch.uint8)


def deduplicate(
    poses: Float[Tensor, "N 17 3"], take: Int64[Tensor, " N"], *, threshold: float = NEAR_DUPLICATE, window: int = 10
) -> Int64[Tensor, " M"]:
    """Row numbers kept by a greedy pass in time order within each take, against the last `window` kept.

    It looks at 3D poses alone, so that every camera keeps the same rows.
    """
    kept: list[int] = []
    recent: list[int] = []
    for i in range(len(poses)):
        if recent and take[recent[-1]] != take[i]:
            recent = []
        if recent:
            distance = np_mpjpe(poses[recent], poses[i].expand(len(recent), -1, -1))
            if bool((distance < threshold).any()):
                continue
        kept.append(i)
        recent = [*recent, i][-window:]
    return torch.tensor(kept, dtype=torch.long)
