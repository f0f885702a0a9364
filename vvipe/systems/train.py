"""Trains a comparison system; resumable, like V-VIPE's own training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from vvipe.datasets.pairs import PoseBank, PoseVariety, ViewBatches
from vvipe.retrieval import RetrievalSystem
from vvipe.run_folder import claim_folder
from vvipe.systems.networks import Lifter, ProbabilisticEncoder
from vvipe.systems.recipe import SystemRecipe
from vvipe.systems.retrieval import LifterSystem, encoder_system, probabilistic_system
from vvipe.systems.trainers import N_VIEWS, TRAINERS
from vvipe.train_loop import run_iterations


def train_system(
    recipe: SystemRecipe,
    bank: PoseBank,
    *,
    work_dir: Path,
    seed: int = 0,
    device: str = "cpu",
    checkpoint_interval: int = 500,
    at_quarters: Callable[[RetrievalSystem, float], None] | None = None,
) -> RetrievalSystem:
    """The trained system; continues from the checkpoints in `work_dir`, and loads it if it is done.

    Args:
        at_quarters: Called with the system as it stands and the share of the iterations done.

    Raises:
        TrainingError: `work_dir` holds another run, or the loss left the finite numbers.
    """
    claim_folder(work_dir, {"recipe": dataclasses.asdict(recipe), "data": bank.fingerprint(), "seed": seed})
    weights = work_dir / "network.safetensors"
    if weights.exists():
        return load_system(recipe, weights)
    torch.manual_seed(seed)
    trainer = TRAINERS[recipe.kind](recipe)
    look = None
    if at_quarters is not None:
        look = lambda model, share: at_quarters(as_system(recipe, model.network), share)  # noqa: E731
    run_iterations(
        trainer,
        _batches(recipe, bank, seed),
        recipe.optimization,
        work_dir / "training",
        label=recipe.name,
        seed=seed,
        device=device,
        checkpoint_interval=checkpoint_interval,
        at_quarters=look,
    )
    network = trainer.network.cpu().eval()
    save_file(network.state_dict(), weights)
    return as_system(recipe, network)


def _batches(recipe: SystemRecipe, bank: PoseBank, seed: int) -> ViewBatches:
    return ViewBatches(
        bank,
        recipe.views,
        n_views=N_VIEWS,
        use_scores=True,
        iterations=recipe.optimization.iterations,
        batch_size=recipe.optimization.batch_size,
        seed=seed,
        variety=PoseVariety(),
    )


def load_system(recipe: SystemRecipe, weights: Path) -> RetrievalSystem:
    """The system of that recipe with the weights that `train_system` left."""
    network = TRAINERS[recipe.kind](recipe).network
    network.load_state_dict(load_file(weights))
    return as_system(recipe, network.eval())


def as_system(recipe: SystemRecipe, network: nn.Module) -> RetrievalSystem:
    """The network as the retrieval benchmark asks it."""
    if isinstance(network, Lifter):
        return LifterSystem(recipe.name, network)
    if isinstance(network, ProbabilisticEncoder):
        return probabilistic_system(recipe.name, network, dimension=recipe.dimension, n_samples=recipe.n_samples)
    return encoder_system(recipe.name, network)
