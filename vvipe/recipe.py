"""A training recipe: every choice of a V-VIPE run in one frozen record."""

from __future__ import annotations

import importlib
import runpy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vvipe.datasets.pairs import PoseVariety, ViewRange
from vvipe.models.vvipe import Architecture


@dataclass(frozen=True)
class Optimization:
    """How long and how a network is trained.

    Attributes:
        batch_size: Poses, each in one or two views.
        optimizer: A class of torch.optim.
        anneals: Linear warm-up over a tenth of the iterations, then cosine to zero; else a constant rate.
        averages_weights: Whether the result is an exponential moving average of the weights.
    """

    iterations: int
    batch_size: int = 512
    learning_rate: float = 1e-3
    optimizer: Literal["Adam", "AdamW", "Adagrad"] = "Adam"
    anneals: bool = True
    averages_weights: bool = False


@dataclass(frozen=True)
class Stage1(Optimization):
    """The 3D pose VAE (section 3.2). The paper's unit weights cannot be literal: the KL would empty the latent.

    Weights apply to the loss functions of vvipe.losses as they stand.
    """

    iterations: int = 2000
    reconstruction_weight: float = 10.0
    triplet_weight: float = 0.1
    kl_weight: float = 0.01


@dataclass(frozen=True)
class Stage2(Optimization):
    """The 2D mapping network (section 3.3), with the decoder frozen.

    Attributes:
        n_views: Views of each pose in a batch; the cross-view loss needs two.
        freezes_decoder: The paper's choice; False trains it with the encoder.
        cross_view_weight: InfoNCE between the two views (0 in the paper).
        error_weight, rotation_weight: Of the heads that the architecture has.
    """

    iterations: int = 4000
    n_views: int = 1
    freezes_decoder: bool = True
    reconstruction_weight: float = 10.0
    triplet_weight: float = 0.1
    cross_view_weight: float = 0.0
    error_weight: float = 0.0
    rotation_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.n_views not in (1, 2):
            raise ValueError(f"Stage2.n_views: expected 1 or 2, got {self.n_views}")
        if self.cross_view_weight and self.n_views != 2:
            raise ValueError("Stage2.cross_view_weight: needs n_views = 2")


@dataclass(frozen=True)
class Recipe:
    """Everything that a run depends on besides its data and seed.

    Attributes:
        name: Of the model that comes out.
        fps: Rate at which the takes are sampled.
        universal: Whether targets have everybody's proportions made the same (section 3.1).
        canonical: Whether targets are turned into the canonical frame (Eq. 1); else they stay as captured.
    """

    name: str
    fps: float = 20.0
    universal: bool = True
    canonical: bool = True
    architecture: Architecture = field(default_factory=Architecture)
    stage1: Stage1 = field(default_factory=Stage1)
    stage2: Stage2 = field(default_factory=Stage2)
    variety: PoseVariety = field(default_factory=PoseVariety)
    views: ViewRange = field(default_factory=ViewRange)


def load_recipe(name_or_path: str) -> Recipe:
    """The recipe of vvipe.configs by name, or the `recipe` of a Python file.

    Raises:
        ValueError: There is no such recipe, or the file defines none.
    """
    if name_or_path.endswith(".py"):
        if not Path(name_or_path).is_file():
            raise ValueError(f"recipe {name_or_path}: no such file")
        recipe = runpy.run_path(name_or_path).get("recipe")
    else:
        if name_or_path not in recipe_names():
            raise ValueError(f"unknown recipe {name_or_path!r}; known: {', '.join(recipe_names())}, or give a .py file")
        recipe = importlib.import_module(f"vvipe.configs.{name_or_path}").recipe
    if not isinstance(recipe, Recipe):
        raise ValueError(f"recipe {name_or_path}: expected a variable `recipe` of type vvipe.recipe.Recipe")
    return recipe


def recipe_names() -> list[str]:
    """Names of the recipes that ship."""
    folder = Path(__file__).with_name("configs")
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
