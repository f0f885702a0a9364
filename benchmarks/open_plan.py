"""The rows of the open table that are trained: which systems, with which settings, for how long.

Every system sees the same poses (CMU's training takes at 20 Hz) in the same noise, 512 views an iteration, on the same
backbone. Optimisers and rates were chosen on the carve-out among TRIALS, each tried for TRIAL_ITERATIONS.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from vvipe.configs.vvipe_cmu import recipe as shipped
from vvipe.models.vvipe import Architecture
from vvipe.recipe import Optimization, Recipe, Stage1, Stage2
from vvipe.systems.recipe import Kind, SystemRecipe, training_views

ITERATIONS = 1500
ABLATION_ITERATIONS = 500
TRIAL_ITERATIONS = 400
LONG = 5
"""How many times the iterations the long runs take."""

TRIALS: dict[str, dict[str, Any]] = {
    "Adam 1e-3": {"optimizer": "Adam", "learning_rate": 1e-3},
    "Adam 3e-4": {"optimizer": "Adam", "learning_rate": 3e-4},
    "Adagrad 0.02": {"optimizer": "Adagrad", "learning_rate": 0.02, "anneals": False},
}
CHOSEN: dict[str, str] = {
    "lifter": "Adam 1e-3",
    "l2-vipe": "Adam 1e-3",
    "vipe": "Adam 1e-3",
    "pr-vipe": "Adam 1e-3",
    "vipe-star": "Adam 1e-3",
    "v-vipe": "Adam 1e-3",
}
"""The trial with the highest carve-out Hit@1 (results/trials.json)."""

Group = Literal["main", "seeds", "long", "ablation"]


@dataclass(frozen=True)
class PlannedRow:
    """One training and the row that it fills.

    Attributes:
        system: Title in the table; rows that differ by their seed alone share it.
        paper: Row of the papers' tables that it stands beside.
        is_ours: Whether the others are set against it.
        ablates: Of an ablation, the title of the unchanged system; its own where nothing is changed.
    """

    system: str
    recipe: SystemRecipe | Recipe
    group: Group
    seed: int = 0
    paper: str | None = None
    is_ours: bool = False
    ablates: str | None = None

    @property
    def file_name(self) -> str:
        """Of the row's JSON and of its work folder."""
        return f"{self.recipe.name}-seed{self.seed}"

    @property
    def sources(self) -> tuple[str, ...] | None:
        """The inputs that are measured, None = all; Pr-VIPE's ablations have those of the paper, detections."""
        return ("D1",) if self.group == "ablation" and isinstance(self.recipe, SystemRecipe) else None


def optimization(trial: str, iterations: int) -> Optimization:
    """One of TRIALS for that many iterations of 256 pairs of views, weights averaged."""
    return Optimization(iterations=iterations, batch_size=256, averages_weights=True, **TRIALS[trial])


def baseline(
    kind: Kind,
    name: str,
    *,
    augmented: bool = True,
    iterations: int = ITERATIONS,
    trial: str | None = None,
    **settings: Any,
) -> SystemRecipe:
    """A comparison system with its chosen optimiser."""
    return SystemRecipe(
        name,
        kind,
        dropout=0.2 if kind == "vipe-star" else 0.3,
        views=training_views(augmented=augmented),
        optimization=optimization(trial or CHOSEN[kind], iterations),
        **settings,
    )


def published_vvipe(
    name: str, *, augmented: bool = True, iterations: int = ITERATIONS, trial: str | None = None
) -> Recipe:
    """V-VIPE as published (vvipe.configs.vvipe_paper), with the noise, scores and averaging that all rows have."""
    settings = TRIALS[trial or CHOSEN["v-vipe"]]
    return Recipe(
        name,
        architecture=Architecture(use_scores=True),
        stage1=Stage1(iterations=max(1, iterations // 2), averages_weights=True, **settings),
        stage2=Stage2(iterations=iterations, averages_weights=True, **settings),
        views=training_views(augmented=augmented),
    )


def our_recipe() -> Recipe:
    """The shipped recipe for as many iterations and views as the comparison systems have."""
    return replace(
        shipped,
        name="ours-short",
        stage1=replace(shipped.stage1, iterations=ITERATIONS // 2),
        stage2=replace(shipped.stage2, iterations=ITERATIONS),
    )


def planned_rows() -> list[PlannedRow]:
    """All rows, the most wanted first."""
    return [*main_rows(), *long_rows(), *seed_rows(), *ablation_rows()]


def main_rows() -> list[PlannedRow]:
    """Each system with and without camera augmentation."""

    def pair(kind: Kind, title: str, stem: str, paper: str | None = None, **settings: Any) -> list[PlannedRow]:
        plain = baseline(kind, stem, augmented=False, **settings)
        augmented = baseline(kind, f"{stem}-aug", **settings)
        return [
            PlannedRow(f"{title} + aug", augmented, "main", paper=paper and f"{paper}+A"),
            PlannedRow(title, plain, "main", paper=paper),
        ]

    return [
        PlannedRow("V-VIPE + aug", published_vvipe("v-vipe-aug"), "main", paper="V-VIPE+A"),
        PlannedRow("Ours, trained as briefly", our_recipe(), "main", is_ours=True),
        *pair("pr-vipe", "Pr-VIPE (32-d)", "pr-vipe-32", "Pr-VIPE"),
        PlannedRow("V-VIPE", published_vvipe("v-vipe", augmented=False), "main", paper="V-VIPE"),
        *pair("lifter", "3D lifting + Procrustes", "lifter", "3D lifting"),
        *pair("vipe", "VIPE", "vipe", "VIPE"),
        *pair("l2-vipe", "L2-VIPE", "l2-vipe", "L2-VIPE"),
        PlannedRow("VIPE* + aug", baseline("vipe-star", "vipe-star-aug"), "main"),
        *pair("pr-vipe", "Pr-VIPE (16-d)", "pr-vipe-16", "Pr-VIPE", dimension=16),
        PlannedRow("VIPE*", baseline("vipe-star", "vipe-star", augmented=False), "main"),
    ]


def seed_rows() -> list[PlannedRow]:
    """Two more seeds of the two papers' systems and of ours."""
    repeated = {"v-vipe-aug", "pr-vipe-32-aug", "ours-short"}
    rows = [row for row in main_rows() if row.recipe.name in repeated]
    return [replace(row, group="seeds", seed=seed) for seed in (1, 2) for row in rows]


def long_rows() -> list[PlannedRow]:
    """The two papers' systems with LONG times the iterations."""
    iterations = LONG * ITERATIONS
    return [
        PlannedRow(
            f"Pr-VIPE (32-d) + aug, {LONG}x", baseline("pr-vipe", "pr-vipe-32-aug-long", iterations=iterations), "long"
        ),
        PlannedRow(f"V-VIPE + aug, {LONG}x", published_vvipe("v-vipe-aug-long", iterations=iterations), "long"),
    ]


def ablation_rows() -> list[PlannedRow]:
    """One change each to V-VIPE and Pr-VIPE, with ABLATION_ITERATIONS for the unchanged ones too."""
    return [*vvipe_ablations(), *prvipe_ablations()]


def vvipe_ablations() -> list[PlannedRow]:
    """V-VIPE without its parts (the paper's section 5), and with a heavier triplet loss; not augmented, as there."""
    base = published_vvipe("ablation-v-vipe", augmented=False, iterations=ABLATION_ITERATIONS)
    recipes = {
        "as published": base,
        "no triplet": _with_triplet(base, "ablation-v-vipe-no-triplet", 0.0),
        "triplet ten times as heavy": _with_triplet(base, "ablation-v-vipe-heavy-triplet", 1.0),
        "no rotation realignment": replace(base, name="ablation-v-vipe-no-rotation", canonical=False),
        "no pre-training": replace(
            base,
            name="ablation-v-vipe-no-pretraining",
            stage1=replace(base.stage1, iterations=0),
            stage2=replace(base.stage2, freezes_decoder=False),
        ),
        "no universal skeleton": replace(base, name="ablation-v-vipe-no-universal", universal=False),
    }
    ablates = "V-VIPE, as published"
    return [PlannedRow(f"V-VIPE, {title}", recipe, "ablation", ablates=ablates) for title, recipe in recipes.items()]


def _with_triplet(base: Recipe, name: str, weight: float) -> Recipe:
    return replace(
        base,
        name=name,
        stage1=replace(base.stage1, triplet_weight=weight),
        stage2=replace(base.stage2, triplet_weight=weight),
    )


def prvipe_ablations() -> list[PlannedRow]:
    """Pr-VIPE with other kappa, beta, K, D and augmentation ranges (its section 4.5 and appendix)."""

    def row(title: str, stem: str, **settings: Any) -> PlannedRow:
        recipe = baseline("pr-vipe", f"ablation-pr-vipe-{stem}", iterations=ABLATION_ITERATIONS, **settings)
        return PlannedRow(f"Pr-VIPE, {title}", recipe, "ablation", ablates=f"Pr-VIPE, {unchanged}")

    unchanged = "D = 32, kappa = 0.1, beta = 2, K = 20, 30 deg"
    rows = [row(unchanged, "base")]
    rows += [row(f"kappa = {kappa}", f"kappa{kappa}", kappa=kappa) for kappa in (0.05, 0.15)]
    rows += [row(f"beta = {beta:g}", f"beta{beta:g}", ratio=beta) for beta in (1.25, 3.0)]
    rows += [row(f"K = {k}", f"k{k}", n_samples=k) for k in (10, 30)]
    rows += [row(f"D = {d}", f"d{d}", dimension=d) for d in (8, 16, 64)]
    for angle in (15.0, 45.0):
        changed = row(f"elevation and roll within {angle:g} deg", f"angle{angle:g}")
        views = training_views(augmented=True, angle_deg=angle)
        rows.append(replace(changed, recipe=replace(changed.recipe, views=views)))
    return rows
