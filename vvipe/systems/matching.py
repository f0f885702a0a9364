"""Pr-VIPE's matching probability, and the distances and negatives that its losses are made of."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

_ANCHORS_AT_ONCE = 4
"""Whose distances to all candidates stay in a processor's cache."""


class MatchProbability(nn.Module):
    """P(match) of a distance: sigmoid(-a d + b) brought into [0.05, 0.95] (Pr-VIPE Eq. 5), a > 0 and b learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.raw_scale = nn.Parameter(torch.tensor(-0.65))
        self.offset = nn.Parameter(torch.tensor(-0.5))

    def forward(self, distance: Float[Tensor, "*N"]) -> Float[Tensor, "*N"]:
        scale = nn.functional.elu(self.raw_scale) + 1
        return 0.9 * torch.sigmoid(self.offset - scale * distance) + 0.05


def sampled_probability(
    probability: MatchProbability, a: Float[Tensor, "*N K D"], b: Float[Tensor, "*N K D"]
) -> Float[Tensor, "*N"]:
    """Mean P(match) over all K x K pairs of samples (Pr-VIPE Eq. 7)."""
    return probability(pair_distances(a, b)).mean((-2, -1))


def pair_distances(a: Float[Tensor, "*N K D"], b: Float[Tensor, "*N K D"]) -> Float[Tensor, "*N K K"]:
    """Euclidean distances with a gradient everywhere, by matrix products."""
    squares = a.square().sum(-1)[..., :, None] + b.square().sum(-1)[..., None, :]
    return (squares - 2 * a @ b.transpose(-2, -1)).clamp_min(1e-6).sqrt()


@torch.no_grad()
def all_match_distances(
    probability: MatchProbability, a: Float[Tensor, "N K D"], b: Float[Tensor, "N K D"]
) -> Float[Tensor, "N N"]:
    """-log P(match) of every anchor with every candidate, over all K x K pairs of samples."""
    n, k, _ = b.shape
    candidates = b.flatten(0, 1)
    few = a.split(_ANCHORS_AT_ONCE)
    means = [probability(pair_distances(c.flatten(0, 1), candidates)).reshape(-1, k, n, k).mean((1, 3)) for c in few]
    return -torch.cat(means).log()


def semi_hard_negatives(
    distances: Float[Tensor, "N N"], positive: Float[Tensor, " N"], same: Bool[Tensor, "N N"]
) -> tuple[Tensor, Bool[Tensor, " N"]]:
    """For each anchor the nearest candidate of another pose that is farther than its positive, and whether one is."""
    allowed = ~same & (distances > positive[:, None])
    nearest, negative = distances.masked_fill(~allowed, math.inf).min(1)
    return negative, torch.isfinite(nearest)


def active_mean(losses: Float[Tensor, " N"]) -> Float[Tensor, ""]:
    """The mean of the losses over 0, as the public code of Pr-VIPE takes it."""
    return losses.sum() / (losses > 0).sum().clamp_min(1)
