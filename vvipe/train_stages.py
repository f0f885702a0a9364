"""The two training stages of V-VIPE."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from mmengine.model import BaseModel
from torch import Tensor

from vvipe import losses
from vvipe.datasets.pairs import PoseBank, PoseBatches, ViewBatches
from vvipe.geometry import np_mpjpe
from vvipe.models.vvipe import KeypointEncoder, PoseVAE
from vvipe.recipe import Recipe, Stage1, Stage2
from vvipe.train_loop import half_precision, run_iterations


class PoseVAETrainer(BaseModel):
    """Stage 1 as mmengine sees it: L = L_mse + L_triplet + L_KL (V-VIPE Eq. 2)."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.vae = PoseVAE(recipe.architecture)
        self.stage: Stage1 = recipe.stage1

    def forward(self, poses: Float[Tensor, "B 17 3"], mode: str = "loss") -> dict[str, Tensor]:
        stage = self.stage
        with half_precision(poses.device):
            mean, log_variance = self.vae.encode(poses)
            sample = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            decoded = self.vae.decode(sample)
        return {
            "loss_reconstruction": stage.reconstruction_weight * losses.reconstruction_loss(decoded, poses),
            "loss_triplet": stage.triplet_weight * losses.triplet_loss(mean, losses.pose_distances(poses)),
            "loss_kl": stage.kl_weight * losses.kl_loss(mean, log_variance),
        }


class MappingTrainer(BaseModel):
    """Stage 2 as mmengine sees it: the 2D encoder learns against the frozen decoder (V-VIPE 3.3)."""

    def __init__(self, recipe: Recipe, vae: PoseVAE) -> None:
        super().__init__()
        self.encoder = KeypointEncoder(recipe.architecture)
        self.stage: Stage2 = recipe.stage2
        self.vae = vae.requires_grad_(not self.stage.freezes_decoder)
        self.log_temperature = torch.nn.Parameter(torch.tensor(1.0))

    def train(self, mode: bool = True) -> MappingTrainer:
        """Batch statistics and dropout of the decoder stay frozen too; gradients pass through it."""
        super().train(mode)
        self.vae.train(mode and not self.stage.freezes_decoder)
        return self

    def forward(
        self,
        poses: Float[Tensor, "B 17 3"],
        keypoints: Float[Tensor, "V*B 13 C"],
        rotation: Float[Tensor, "V*B 3 3"],
        world: Float[Tensor, "B 17 3"],
        camera: Float[Tensor, "V*B 3 3"],
        mode: str = "loss",
    ) -> dict[str, Tensor]:
        stage, views = self.stage, self.stage.n_views
        with half_precision(keypoints.device):
            prediction = self.encoder(keypoints)
            decoded = self.vae.decode(prediction.vectors)
        target = poses.repeat(views, 1, 1)
        by_view = prediction.vectors.chunk(views)
        distances = losses.pose_distances(poses)
        triplets = torch.stack([losses.triplet_loss(vectors, distances) for vectors in by_view]).mean()
        terms = {
            "loss_reconstruction": stage.reconstruction_weight * losses.reconstruction_loss(decoded, target),
            "loss_triplet": stage.triplet_weight * triplets,
        }
        if stage.cross_view_weight:
            same = losses.same_poses(world, poses, kappa=losses.KAPPA)
            contrast = losses.cross_view_loss(by_view[0], by_view[1], same, temperature=self.log_temperature.exp())
            terms["loss_cross_view"] = stage.cross_view_weight * contrast
        if prediction.log_error is not None:
            error = np_mpjpe(decoded.detach(), target)
            terms["loss_error"] = stage.error_weight * losses.error_loss(prediction.log_error, error)
        if prediction.rotation is not None:
            terms["loss_rotation"] = stage.rotation_weight * losses.rotation_loss(prediction.rotation, rotation)
        return terms


def train_stages(
    recipe: Recipe,
    bank: PoseBank,
    *,
    work_dir: Path,
    seed: int = 0,
    device: str = "cpu",
    checkpoint_interval: int = 500,
    at_quarters: Callable[[KeypointEncoder, float], None] | None = None,
) -> tuple[PoseVAE, KeypointEncoder]:
    """The trained networks (on the CPU, in eval mode); continues from the checkpoints that `work_dir` holds.

    Whose they are the caller makes sure of (`vvipe.run_folder`).

    `work_dir`/stage1 and `work_dir`/stage2 hold checkpoints, TensorBoard logs and text logs. `at_quarters` is called
    with the 2D encoder at the quarters of stage 2.

    Raises:
        TrainingError: The loss left the finite numbers.
    """
    first = PoseBatches(
        bank,
        iterations=recipe.stage1.iterations,
        batch_size=recipe.stage1.batch_size,
        seed=seed,
        variety=recipe.variety,
    )
    torch.manual_seed(seed)
    vae_trainer = PoseVAETrainer(recipe)
    run = functools.partial(run_iterations, seed=seed, device=device, checkpoint_interval=checkpoint_interval)
    if recipe.stage1.iterations:
        run(vae_trainer, first, recipe.stage1, work_dir / "stage1", label=f"{recipe.name} stage 1 (VAE)")
    second = ViewBatches(
        bank,
        recipe.views,
        n_views=recipe.stage2.n_views,
        use_scores=recipe.architecture.use_scores,
        iterations=recipe.stage2.iterations,
        batch_size=recipe.stage2.batch_size,
        seed=seed,
        variety=recipe.variety,
    )
    torch.manual_seed(seed + 1)
    mapping = MappingTrainer(recipe, vae_trainer.vae)
    look = None if at_quarters is None else lambda model, share: at_quarters(model.encoder, share)
    label = f"{recipe.name} stage 2 (2D to embedding)"
    run(mapping, second, recipe.stage2, work_dir / "stage2", label=label, at_quarters=look)
    return mapping.vae.cpu().eval(), mapping.encoder.cpu().eval()
