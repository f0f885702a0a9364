"""The comparison systems' networks: keypoints in, one of the papers' outputs out; all on one backbone."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vvipe.models.blocks import ResidualMLP
from vvipe.models.vvipe import encoder_input
from vvipe.skeleton import COCO13, H36M17
from vvipe.systems.matching import MatchProbability
from vvipe.systems.recipe import SystemRecipe


class Gaussian(NamedTuple):
    """N diagonal Gaussians."""

    mean: Float[Tensor, "N D"]
    log_sd: Float[Tensor, "N D"]

    @property
    def sd(self) -> Float[Tensor, "N D"]:
        return self.log_sd.exp()

    def sample(self, noise: Float[Tensor, "N K D"]) -> Float[Tensor, "N K D"]:
        return self.mean[:, None] + self.sd[:, None] * noise


class PointEncoder(nn.Module):
    """(N, 13, 3) keypoints and scores to (N, D)."""

    def __init__(self, recipe: SystemRecipe, outputs: int | None = None) -> None:
        super().__init__()
        self.mlp = backbone(recipe, 3 * COCO13.n_joints, outputs or recipe.dimension)

    def forward(self, keypoints: Float[Tensor, "N 13 3"]) -> Float[Tensor, "N D"]:
        return self.mlp(keypoints.flatten(1)).float()


class ProbabilisticEncoder(nn.Module):
    """Pr-VIPE: a Gaussian for each set of keypoints, sd = ELU + 1, and what makes distances probabilities."""

    def __init__(self, recipe: SystemRecipe) -> None:
        super().__init__()
        self.points = PointEncoder(recipe, 2 * recipe.dimension)
        self.probability = MatchProbability()

    def forward(self, keypoints: Float[Tensor, "N 13 3"]) -> Gaussian:
        mean, raw_sd = self.points(keypoints).chunk(2, -1)
        # log(ELU(x) + 1), which rounds to log 0 below x = -17 if taken literally.
        return Gaussian(mean, torch.where(raw_sd < 0, raw_sd, raw_sd.clamp_min(0).log1p()))


class Lifter(nn.Module):
    """Martinez et al.: keypoints to a 3D pose in the camera's frame, torso lengths, pelvis at the origin."""

    def __init__(self, recipe: SystemRecipe) -> None:
        super().__init__()
        self.points = PointEncoder(recipe, 3 * H36M17.n_joints)

    def forward(self, keypoints: Float[Tensor, "N 13 3"]) -> Float[Tensor, "N 17 3"]:
        poses = self.points(keypoints).unflatten(-1, (H36M17.n_joints, 3))
        return poses - poses[:, :1]


def backbone(recipe: SystemRecipe, inputs: int, outputs: int) -> ResidualMLP:
    """The residual MLP of the recipe's size."""
    return ResidualMLP(inputs, outputs, width=recipe.width, blocks=recipe.blocks, dropout=recipe.dropout)


def keypoint_input(keypoints: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"]) -> Float[Tensor, "N 13 3"]:
    """Normalised keypoints and scores as all encoders here take them; missing joints are 0."""
    return encoder_input(keypoints, scores, use_scores=True)


def is_usable(keypoints: Float[Tensor, "N 13 2"]) -> Tensor:
    """(N,) bool: whether normalisation left anything to embed."""
    return torch.isfinite(keypoints).all(-1).any(-1)
