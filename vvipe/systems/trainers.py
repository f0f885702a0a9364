"""The losses of the comparison systems, as mmengine's Runner takes them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, cast

import torch
from jaxtyping import Float
from mmengine.model import BaseModel
from torch import Tensor, nn

from vvipe import losses
from vvipe.models.blocks import ResidualMLP
from vvipe.skeleton import H36M17
from vvipe.systems import matching
from vvipe.systems.networks import Lifter, PointEncoder, ProbabilisticEncoder
from vvipe.systems.recipe import SystemRecipe
from vvipe.train_loop import half_precision

N_VIEWS = 2
"""Every batch holds each pose in two views: anchors and positives."""


class SystemTrainer(BaseModel):
    """One network and its loss on a batch of `ViewBatches`."""

    network: nn.Module

    def __init__(self, recipe: SystemRecipe) -> None:
        super().__init__()
        self.recipe = recipe

    def forward(
        self,
        poses: Float[Tensor, "B 17 3"],
        keypoints: Float[Tensor, "2*B 13 3"],
        rotation: Float[Tensor, "2*B 3 3"],
        world: Float[Tensor, "B 17 3"],
        camera: Float[Tensor, "2*B 3 3"],
        mode: str = "loss",
    ) -> dict[str, Tensor]:
        with half_precision(keypoints.device):
            output = self.network(keypoints)
        return self.losses(output, poses, world, camera)

    @abstractmethod
    def losses(self, output: Any, poses: Tensor, world: Tensor, camera: Tensor) -> dict[str, Tensor]:
        """The terms of the loss, weighted."""


class LifterTrainer(SystemTrainer):
    """Squared error of the pose in the camera's frame (Martinez et al., ICCV 2017)."""

    def __init__(self, recipe: SystemRecipe) -> None:
        super().__init__(recipe)
        self.network = Lifter(recipe)

    def losses(self, output: Any, poses: Tensor, world: Tensor, camera: Tensor) -> dict[str, Tensor]:
        target = world.repeat(N_VIEWS, 1, 1) @ camera.transpose(1, 2)
        return {"loss_pose": losses.reconstruction_loss(output, target)}


class L2VIPETrainer(SystemTrainer):
    """L2-VIPE: triplets on squared distances of unit vectors (Pr-VIPE 4.2; FaceNet's hinge)."""

    def __init__(self, recipe: SystemRecipe) -> None:
        super().__init__(recipe)
        self.network = nn.Sequential(PointEncoder(recipe), UnitLength())

    def losses(self, output: Any, poses: Tensor, world: Tensor, camera: Tensor) -> dict[str, Tensor]:
        r = self.recipe
        anchors, others = output.chunk(N_VIEWS)
        to_positive = (anchors - others).square().sum(-1)
        same = losses.same_poses(world, poses, kappa=r.kappa)
        with torch.no_grad():
            distances = torch.cdist(anchors, others).square()
            negative, found = matching.semi_hard_negatives(distances, to_positive, same)
        to_negative = (anchors - others[negative]).square().sum(-1)
        hinge = (to_positive - to_negative + r.margin).clamp_min(0)[found]
        return {
            "loss_triplet": matching.active_mean(hinge),
            "loss_positive": r.positive_weight * to_positive.mean(),
        }


class UnitLength(nn.Module):
    """Vectors on the unit sphere."""

    def forward(self, vectors: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        return nn.functional.normalize(vectors, dim=-1)


class VIPETrainer(SystemTrainer):
    """VIPE: Pr-VIPE's triplet ratio and positive pairwise losses on point embeddings (Pr-VIPE 3.2)."""

    def __init__(self, recipe: SystemRecipe) -> None:
        super().__init__(recipe)
        self.network = PointEncoder(recipe)
        self.probability = matching.MatchProbability()

    def losses(self, output: Any, poses: Tensor, world: Tensor, camera: Tensor) -> dict[str, Tensor]:
        anchors, others = (points[:, None] for points in output.chunk(N_VIEWS))
        same = losses.same_poses(world, poses, kappa=self.recipe.kappa)
        return _ratio_losses(self.recipe, self.probability, anchors, others, same)


class PrVIPETrainer(SystemTrainer):
    """Pr-VIPE: the same on sampled embeddings, with a unit Gaussian prior (Pr-VIPE 3.3)."""

    def __init__(self, recipe: SystemRecipe) -> None:
        super().__init__(recipe)
        self.network = ProbabilisticEncoder(recipe)

    def losses(self, output: Any, poses: Tensor, world: Tensor, camera: Tensor) -> dict[str, Tensor]:
        r, probability = self.recipe, cast(ProbabilisticEncoder, self.network).probability
        noise = torch.randn(len(output.mean), r.n_samples, r.dimension, device=output.mean.device)
        anchors, others = output.sample(noise).chunk(N_VIEWS)
        same = losses.same_poses(world, poses, kappa=r.kappa)
        terms = _ratio_losses(r, probability, anchors, others, same)
        prior = losses.kl_loss(output.mean, 2 * output.log_sd)
        return terms | {"loss_prior": r.prior_weight * prior}


def _ratio_losses(
    recipe: SystemRecipe,
    probability: matching.MatchProbability,
    anchors: Float[Tensor, "B K D"],
    others: Float[Tensor, "B K D"],
    same: Tensor,
) -> dict[str, Tensor]:
    """Triplet ratio loss max(0, D(a, p) - D(a, n) + log beta) and positive pairwise loss, D = -log P(match)."""
    to_positive = -matching.sampled_probability(probability, anchors, others).log()
    distances = matching.all_match_distances(probability, anchors, others)
    negative, found = matching.semi_hard_negatives(distances, distances.diagonal(), same)
    to_negative = -matching.sampled_probability(probability, anchors, others[negative]).log()
    ratio = torch.log(torch.tensor(recipe.ratio))
    hinge = (to_positive - to_negative + ratio).clamp_min(0)[found]
    return {
        "loss_ratio": matching.active_mean(hinge),
        "loss_positive": recipe.positive_weight * to_positive.mean(),
    }


class VIPEStarTrainer(SystemTrainer):
    """VIPE* (Hong et al., ICCV 2021): an embedding that decodes to bone directions, contrasted between views.

    Negatives are poses of the batch of which some bone differs by more than 45 degrees.
    """

    def __init__(self, recipe: SystemRecipe) -> None:
        super().__init__(recipe)
        self.network = PointEncoder(recipe)
        n_bones = len(H36M17.bones)
        self.decoder = ResidualMLP(recipe.dimension, 3 * n_bones, width=512, blocks=1, dropout=recipe.dropout)

    def losses(self, output: Any, poses: Tensor, world: Tensor, camera: Tensor) -> dict[str, Tensor]:
        with half_precision(output.device):
            decoded = self.decoder(output)
        directions = bone_directions(poses)
        target = directions.flatten(1).repeat(N_VIEWS, 1)
        first, second = output.chunk(N_VIEWS)
        distance = torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")
        differs = (torch.einsum("ibk,jbk->ijb", directions, directions) < 0.5**0.5).any(-1)
        apart = (1 - distance).clamp_min(0)[differs].square()
        return {
            "loss_bones": (decoded.float() - target).square().sum(-1).mean(),
            "loss_together": distance.diagonal().square().mean(),
            "loss_apart": apart.mean() if apart.numel() else distance.sum() * 0,
        }


def bone_directions(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N 16 3"]:
    """Unit vectors along the bones."""
    parents, children = (list(ends) for ends in zip(*H36M17.bones, strict=True))
    return nn.functional.normalize(poses[:, children] - poses[:, parents], dim=-1)


TRAINERS: dict[str, type[SystemTrainer]] = {
    "lifter": LifterTrainer,
    "l2-vipe": L2VIPETrainer,
    "vipe": VIPETrainer,
    "pr-vipe": PrVIPETrainer,
    "vipe-star": VIPEStarTrainer,
}
