"""The trained systems as the retrieval benchmark asks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vvipe.body_frame import body_aligned
from vvipe.fast_procrustes import aligned_errors
from vvipe.geometry import normalize_3d
from vvipe.models.vvipe import KeypointEncoder, encoder_input
from vvipe.retrieval import Representation
from vvipe.systems.matching import pair_distances
from vvipe.systems.networks import Lifter, ProbabilisticEncoder, is_usable, keypoint_input

_MAX_DISTANCES = 400_000
"""Sampled distances in memory at once; more leave the cache."""


@dataclass(frozen=True)
class PointSystem:
    """Embeddings compared by L2: keypoints and scores to (N, D) through `embed`; rows without 2D become NaN."""

    name: str
    embed: Callable[[Float[Tensor, "N 13 2"], Float[Tensor, "N 13"]], Float[Tensor, "N D"]]

    @torch.inference_mode()
    def represent(self, keypoints: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"]) -> Representation:
        vectors = self.embed(keypoints, scores)
        return Representation(vectors.masked_fill(~is_usable(keypoints)[:, None], torch.nan))

    def distance(self, query: Float[Tensor, "B D"], candidates: Float[Tensor, "B M D"]) -> Float[Tensor, "B M"]:
        return (query[:, None] - candidates).norm(dim=-1)


def encoder_system(name: str, network: nn.Module) -> PointSystem:
    """A point encoder of this package (L2-VIPE, VIPE, VIPE*)."""
    return PointSystem(name, lambda keypoints, scores: network(keypoint_input(keypoints, scores)))


def vvipe_system(name: str, encoder: KeypointEncoder) -> PointSystem:
    """V-VIPE's 2D encoder."""
    use_scores = encoder.architecture.use_scores
    return PointSystem(name, lambda k, s: encoder(encoder_input(k, s, use_scores=use_scores)).vectors)


@dataclass(frozen=True)
class ProbabilisticSystem:
    """Pr-VIPE: candidates by the means, sorted by sampled matching probability (Eq. 7, K samples a side).

    Attributes:
        noise: (2, K, D) the unit samples of queries and candidates, the same for all.
    """

    name: str
    network: ProbabilisticEncoder
    noise: Float[Tensor, "2 K D"]

    @torch.inference_mode()
    def represent(self, keypoints: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"]) -> Representation:
        gaussian = self.network(keypoint_input(keypoints, scores))
        mean = gaussian.mean.masked_fill(~is_usable(keypoints)[:, None], torch.nan)
        return Representation(mean, torch.stack([mean, gaussian.sd], 1))

    @torch.inference_mode()
    def distance(self, query: Float[Tensor, "B 2 D"], candidates: Float[Tensor, "B M 2 D"]) -> Float[Tensor, "B M"]:
        asked = query[:, :1] + query[:, 1:] * self.noise[0]
        n_samples = self.noise.shape[1]
        rows = max(1, _MAX_DISTANCES // (candidates.shape[1] * n_samples**2))
        parts = []
        for q, c in zip(asked.split(rows), candidates.split(rows), strict=True):
            found = c[:, :, :1] + c[:, :, 1:] * self.noise[1]
            matching = self.network.probability(pair_distances(q, found.flatten(1, 2)))
            parts.append(-matching.unflatten(2, (-1, n_samples)).mean((1, 3)))
        return torch.cat(parts)


def probabilistic_system(
    name: str, network: ProbabilisticEncoder, *, dimension: int, n_samples: int
) -> ProbabilisticSystem:
    """Pr-VIPE with its samples drawn once, so that the result is deterministic."""
    noise = torch.randn(2, n_samples, dimension, generator=torch.Generator().manual_seed(0))
    return ProbabilisticSystem(name, network, noise)


@dataclass(frozen=True)
class LifterSystem:
    """3D lifting: candidates by poses turned onto one figure, sorted by NP-MPJPE between the lifted poses."""

    name: str
    network: Lifter

    @torch.inference_mode()
    def lift(self, keypoints: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"]) -> Float[Tensor, "N 17 3"]:
        """Poses in the camera's frame, torso lengths; NaN where there is no 2D."""
        poses = self.network(keypoint_input(keypoints, scores))
        return poses.masked_fill(~is_usable(keypoints)[:, None, None], torch.nan)

    @torch.inference_mode()
    def represent(self, keypoints: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"]) -> Representation:
        poses = self.lift(keypoints, scores)
        seen = is_usable(keypoints)
        details = torch.zeros_like(poses)
        details[seen] = normalize_3d(poses[seen])
        return Representation(body_aligned(poses).flatten(1), details)

    @torch.inference_mode()
    def distance(self, query: Float[Tensor, "B 17 3"], candidates: Float[Tensor, "B M 17 3"]) -> Float[Tensor, "B M"]:
        b, m = candidates.shape[:2]
        target = query[:, None].expand(-1, m, -1, -1).flatten(0, 1)
        return aligned_errors(candidates.flatten(0, 1), target).reshape(b, m).float()
