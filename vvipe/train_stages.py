"""The two training stages on mmengine's Runner, one command, resumable bit for bit on a CPU."""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from mmengine.hooks import CheckpointHook, Hook, LoggerHook
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.registry import LOOPS
from mmengine.runner import BaseLoop, Runner, find_latest_checkpoint
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from vvipe import losses
from vvipe.datasets.pairs import PoseBank, PoseBatches, ViewBatches, iteration_seed
from vvipe.errors import TrainingError
from vvipe.geometry import np_mpjpe
from vvipe.models.vvipe import KeypointEncoder, PoseVAE
from vvipe.recipe import Recipe, Stage1, Stage2


class PoseVAETrainer(BaseModel):
    """Stage 1 as mmengine sees it: L = L_mse + L_triplet + L_KL (V-VIPE Eq. 2)."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.vae = PoseVAE(recipe.architecture)
        self.stage: Stage1 = recipe.stage1

    def forward(self, poses: Float[Tensor, "B 17 3"], mode: str = "loss") -> dict[str, Tensor]:
        mean, log_variance = self.vae.encode(poses)
        sample = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        stage = self.stage
        return {
            "loss_reconstruction": stage.reconstruction_weight
            * losses.reconstruction_loss(self.vae.decode(sample), poses),
            "loss_triplet": stage.triplet_weight * losses.triplet_loss(mean, losses.pose_distances(poses)),
            "loss_kl": stage.kl_weight * losses.kl_loss(mean, log_variance),
        }


class MappingTrainer(BaseModel):
    """Stage 2 as mmengine sees it: the 2D encoder learns against the frozen decoder (V-VIPE 3.3)."""

    def __init__(self, recipe: Recipe, vae: PoseVAE) -> None:
        super().__init__()
        self.encoder = KeypointEncoder(recipe.architecture)
        self.vae = vae.requires_grad_(False)
        self.stage: Stage2 = recipe.stage2
        self.log_temperature = torch.nn.Parameter(torch.tensor(1.0))

    def train(self, mode: bool = True) -> MappingTrainer:
        """Batch statistics and dropout of the decoder stay frozen too; gradients pass through it."""
        super().train(mode)
        self.vae.eval()
        return self

    def forward(
        self,
        poses: Float[Tensor, "B 17 3"],
        keypoints: Float[Tensor, "V*B 13 C"],
        rotation: Float[Tensor, "V*B 3 3"],
        mode: str = "loss",
    ) -> dict[str, Tensor]:
        stage, views = self.stage, self.stage.n_views
        prediction = self.encoder(keypoints)
        decoded, target = self.vae.decode(prediction.vectors), poses.repeat(views, 1, 1)
        by_view = prediction.vectors.chunk(views)
        distances = losses.pose_distances(poses)
        triplets = torch.stack([losses.triplet_loss(vectors, distances) for vectors in by_view]).mean()
        terms = {
            "loss_reconstruction": stage.reconstruction_weight * losses.reconstruction_loss(decoded, target),
            "loss_triplet": stage.triplet_weight * triplets,
        }
        if stage.cross_view_weight:
            contrast = losses.cross_view_loss(by_view[0], by_view[1], distances, temperature=self.log_temperature.exp())
            terms["loss_cross_view"] = stage.cross_view_weight * contrast
        if prediction.log_error is not None:
            error = np_mpjpe(decoded.detach(), target)
            terms["loss_error"] = stage.error_weight * losses.error_loss(prediction.log_error, error)
        if prediction.rotation is not None:
            terms["loss_rotation"] = stage.rotation_weight * losses.rotation_loss(prediction.rotation, rotation)
        return terms


@LOOPS.register_module()
class IterationLoop(BaseLoop):
    """A train loop whose iteration i sees item i of the data set and a random state seeded by (seed, stage, i).

    mmengine's own loop replays its sampler to resume and leaves dropout to the global generator; here nothing needs
    replaying, so that a run resumed after a kill equals an unbroken one.
    """

    def __init__(self, runner: Runner, dataloader: DataLoader, max_iters: int, seed: int) -> None:
        super().__init__(runner, dataloader)
        self.max_iters, self.max_epochs, self.seed = max_iters, 1, seed
        self._iter = self._epoch = 0  # mmengine sets these two when it resumes

    @property
    def iter(self) -> int:
        return self._iter

    @property
    def epoch(self) -> int:
        return self._epoch

    def run(self) -> torch.nn.Module:
        runner = self.runner
        runner.call_hook("before_train")
        runner.call_hook("before_train_epoch")
        runner.model.train()
        while self.iter < self.max_iters:
            self._run_iteration(self.dataloader.dataset[self.iter])
        runner.call_hook("after_train_epoch")
        runner.call_hook("after_train")
        return runner.model

    def _run_iteration(self, batch: dict[str, Tensor]) -> None:
        runner = self.runner
        torch.manual_seed(iteration_seed(self.seed, self.dataloader.dataset.stage + 2, self.iter))
        runner.call_hook("before_train_iter", batch_idx=self.iter, data_batch=batch)
        outputs = runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)
        total = float(outputs["loss"])
        if not torch.isfinite(torch.tensor(total)):
            raise TrainingError(f"the loss became {total} at iteration {self.iter}: lower the learning rate")
        runner.call_hook("after_train_iter", batch_idx=self.iter, data_batch=batch, outputs=outputs)
        self._iter += 1


class ProgressHook(Hook):
    """A progress bar on stderr, silent where stderr is no terminal."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.bar: tqdm | None = None

    def before_train(self, runner: Runner) -> None:
        self.bar = tqdm(total=runner.max_iters, initial=runner.iter, desc=self.label, unit="it", disable=None)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if self.bar is not None:
            self.bar.update()

    def after_train(self, runner: Runner) -> None:
        if self.bar is not None:
            self.bar.close()


def train_stages(
    recipe: Recipe,
    bank: PoseBank,
    *,
    work_dir: Path,
    seed: int = 0,
    device: str = "cpu",
    checkpoint_interval: int = 500,
) -> tuple[PoseVAE, KeypointEncoder]:
    """The trained networks (on the CPU, in eval mode); continues from the checkpoints that `work_dir` holds.

    `work_dir`/stage1 and `work_dir`/stage2 hold checkpoints, TensorBoard logs and text logs.

    Raises:
        TrainingError: The loss left the finite numbers, or a checkpoint of another recipe lies in `work_dir`.
    """
    first = PoseBatches(
        bank,
        iterations=recipe.stage1.iterations,
        batch_size=recipe.stage1.batch_size,
        seed=seed,
        mirror=recipe.mirror,
    )
    torch.manual_seed(seed)
    vae_trainer = PoseVAETrainer(recipe)
    run = functools.partial(_run, seed=seed, device=device, checkpoint_interval=checkpoint_interval)
    run(vae_trainer, first, recipe.stage1, work_dir / "stage1", label=f"{recipe.name} stage 1 (VAE)")
    second = ViewBatches(
        bank,
        recipe.views,
        n_views=recipe.stage2.n_views,
        use_scores=recipe.architecture.use_scores,
        iterations=recipe.stage2.iterations,
        batch_size=recipe.stage2.batch_size,
        seed=seed,
        mirror=recipe.mirror,
    )
    torch.manual_seed(seed + 1)
    mapping = MappingTrainer(recipe, vae_trainer.vae)
    run(mapping, second, recipe.stage2, work_dir / "stage2", label=f"{recipe.name} stage 2 (2D to embedding)")
    return mapping.vae.cpu().eval(), mapping.encoder.cpu().eval()


def _run(
    model: BaseModel,
    batches: Dataset,
    stage: Stage1 | Stage2,
    work_dir: Path,
    *,
    label: str,
    seed: int,
    device: str,
    checkpoint_interval: int,
) -> None:
    """One stage on mmengine's Runner, from the latest checkpoint in `work_dir` or from the start."""
    work_dir.mkdir(parents=True, exist_ok=True)
    with _quiet_mmengine():
        runner = Runner(
            model=model.to(device),
            work_dir=str(work_dir),
            experiment_name=f"{work_dir.parent.name}-{work_dir.name}-{id(model)}",
            train_dataloader=DataLoader(batches, batch_size=None),
            train_cfg={"type": "IterationLoop", "max_iters": stage.iterations, "seed": seed},
            optim_wrapper={"optimizer": {"type": "Adam", "lr": stage.learning_rate}},
            param_scheduler=_schedule(stage),
            default_hooks={
                "logger": LoggerHook(interval=50, log_metric_by_epoch=False),
                "sampler_seed": None,
                "checkpoint": CheckpointHook(interval=checkpoint_interval, by_epoch=False, max_keep_ckpts=2),
            },
            custom_hooks=[ProgressHook(label)],
            visualizer={"type": "Visualizer", "vis_backends": [{"type": "TensorboardVisBackend"}]},
            resume=find_latest_checkpoint(str(work_dir)) is not None,
            randomness={"seed": seed},
            log_level="INFO",
            default_scope=None,
        )
        runner.train()


def _schedule(stage: Stage1 | Stage2) -> list[dict[str, Any]]:
    """Linear warm-up over a tenth of the iterations, then cosine to zero (the paper is silent)."""
    warm_up = max(1, stage.iterations // 10)
    rise = {"type": "LinearLR", "start_factor": 0.04, "by_epoch": False, "begin": 0, "end": warm_up}
    if stage.iterations == warm_up:
        return [rise]
    fall = {"type": "CosineAnnealingLR", "eta_min": stage.learning_rate * 1e-3, "by_epoch": False}
    return [rise, fall | {"begin": warm_up, "end": stage.iterations}]


@contextlib.contextmanager
def _quiet_mmengine() -> Iterator[None]:
    """mmengine's log in its file alone, its own warnings off, and its checkpoints loadable.

    A checkpoint of ours holds the log history, which torch >= 2.6 loads only if it is allow-listed.
    """
    import numpy as np

    reconstruct = np.empty(0).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    trusted = [HistoryBuffer, np.ndarray, np.dtype, reconstruct, scalar, getattr, *_dtype_classes()]
    with (
        warnings.catch_warnings(),
        torch.serialization.safe_globals(trusted),
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        warnings.simplefilter("ignore")
        yield


def _dtype_classes() -> list[type]:
    import numpy as np

    return [type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "bool")]
