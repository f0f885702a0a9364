"""Pairs of views with known NP-MPJPE: what probabilities are fitted on, and judged by."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vvipe.geometry import np_mpjpe
from vvipe.losses import KAPPA
from vvipe.retrieval import nearest

CANDIDATES = 50
"""How many of the nearest embeddings of another view each view is paired with."""
MAX_ERROR = 0.5
"""Balanced pairs are uniform over NP-MPJPE up to here, torso lengths."""
_ERROR_BINS = 25
_N_BALANCED = 50_000


@dataclass(frozen=True)
class EmbeddedViews:
    """N poses as one camera each saw them: (N, D) vectors and (N,) uncertainties, NaN where there was no 2D."""

    vectors: Float[Tensor, "N D"]
    uncertainty: Float[Tensor, " N"]


@dataclass(frozen=True)
class ViewPairs:
    """P pairs of views, all arrays (P,).

    Attributes:
        distance: L2 between the embeddings.
        uncertainty_a, uncertainty_b: Expected NP-MPJPE of each view's own pose.
        error: True NP-MPJPE between the two poses, torso lengths.
        query: Number of the first pose.
    """

    distance: NDArray[np.float64]
    uncertainty_a: NDArray[np.float64]
    uncertainty_b: NDArray[np.float64]
    error: NDArray[np.float64]
    query: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.error)

    @property
    def is_match(self) -> NDArray[np.bool_]:
        """Whether they are the same pose, NP-MPJPE <= kappa."""
        return self.error <= KAPPA

    def take(self, rows: NDArray) -> ViewPairs:
        """The pairs of those row numbers, or where a mask is true."""
        return ViewPairs(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[ViewPairs]) -> ViewPairs:
        """One after the other."""
        return cls(*(np.concatenate([getattr(p, field.name) for p in parts]) for field in dataclasses.fields(cls)))


def pair_views(
    poses: Float[Tensor, "N 17 3"], query: EmbeddedViews, index: EmbeddedViews, asked: Tensor, found: Tensor
) -> ViewPairs:
    """Pose `asked` seen in `query` with pose `found` seen in `index`; pairs without an embedding are left out."""
    is_known = torch.isfinite(query.vectors).all(1)[asked] & torch.isfinite(index.vectors).all(1)[found]
    asked, found = asked[is_known], found[is_known]
    distance = (query.vectors[asked] - index.vectors[found]).norm(dim=-1)
    error = np_mpjpe(poses[found], poses[asked])
    first, second = query.uncertainty[asked], index.uncertainty[found]
    d, ua, ub, e = (column.double().numpy() for column in (distance, first, second, error))
    return ViewPairs(d, ua, ub, e, asked.numpy())


def nearest_pairs(poses: Float[Tensor, "N 17 3"], query: EmbeddedViews, index: EmbeddedViews) -> ViewPairs:
    """Every view with its CANDIDATES nearest in the other camera, where retrieval decides."""
    found = nearest(query.vectors, index.vectors, count=CANDIDATES)
    asked = torch.arange(len(poses))[:, None].expand_as(found)
    return pair_views(poses, query, index, asked[found >= 0], found[found >= 0])


def random_pairs(
    poses: Float[Tensor, "N 17 3"], query: EmbeddedViews, index: EmbeddedViews, *, generator: torch.Generator
) -> ViewPairs:
    """As many pairs of any two poses."""
    asked = torch.arange(len(poses)).repeat(CANDIDATES)
    found = torch.randint(len(poses), asked.shape, generator=generator)
    return pair_views(poses, query, index, asked, found)


def balanced(pool: ViewPairs, *, seed: int) -> ViewPairs:
    """As many pairs of every step of NP-MPJPE up to MAX_ERROR, as far as the rarest step allows."""
    generator = np.random.default_rng(seed)
    step = np.floor(pool.error / MAX_ERROR * _ERROR_BINS).astype(int)
    bins = [rows for rows in (np.flatnonzero(step == number) for number in range(_ERROR_BINS)) if len(rows)]
    count = min(*(len(rows) for rows in bins), _N_BALANCED // _ERROR_BINS) if len(bins) > 1 else len(bins[0])
    return pool.take(np.concatenate([generator.choice(rows, count, replace=False) for rows in bins]))
