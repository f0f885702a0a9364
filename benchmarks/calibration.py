"""What `match_probability` and the uncertainty are worth on people and cameras that the model never saw.

Pairs of views of HDM05 from two cameras, of two kinds: each query's nearest candidates, where retrieval decides, and
pairs balanced over NP-MPJPE. The calibration was fitted on CMU people; so are the two rivals, on the same kinds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from poseflow_benchmarks.machine import Machine, this_machine
from poseflow_benchmarks.open_sets import Input, RetrievalSet, carve_out_sets, open_sets
from poseflow_benchmarks.retrieval import NOISE_SEED
from scipy.special import expit
from scipy.stats import rankdata, spearmanr
from torch import Tensor

from vvipe.calibration import calibration_error, fit_logistic
from vvipe.embedder import Embedder
from vvipe.geometry import np_mpjpe
from vvipe.retrieval import nearest
from vvipe.view_pairs import EmbeddedViews, ViewPairs, balanced, nearest_pairs, random_pairs

N_CAMERA_PAIRS = 12
_NEIGHBOURS = 20  # views of the nearest 2D, whose 3D tells how ambiguous a view is


@dataclass(frozen=True)
class CalibrationRow:
    """How good one probability is on one kind of pairs."""

    source: str
    pairs: str
    predictor: str
    n: int
    base_rate: float
    ece: float
    brier: float
    auc: float


@dataclass(frozen=True)
class AmbiguityRow:
    """Views sorted by how ambiguous their 2D is, in fifths: what the model's uncertainty says of them.

    Attributes:
        ambiguity: Mean NP-MPJPE between a view's pose and those of the views of the same camera with the nearest 2D.
        uncertainty: Mean expected NP-MPJPE that the model gives them.
        spearman: Rank correlation of the two over all views of the input.
    """

    source: str
    fifth: int
    ambiguity: float
    uncertainty: float
    spearman: float


@dataclass(frozen=True)
class CalibrationReport:
    """All rows and what made them."""

    rows: tuple[CalibrationRow, ...]
    ambiguity: tuple[AmbiguityRow, ...]
    model: str
    seed: int
    machine: Machine

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        lines = ["| 2D | pairs | probability | n | matches | ECE | Brier | AUC |", "|---" * 8 + "|"]
        lines += [
            f"| {r.source} | {r.pairs} | {r.predictor} | {r.n} | {100 * r.base_rate:.1f} % | {r.ece:.3f} | "
            f"{r.brier:.3f} | {r.auc:.3f} |"
            for r in self.rows
        ]
        lines += ["", "| 2D | fifth | ambiguity | uncertainty | rank correlation |", "|---" * 5 + "|"]
        lines += [
            f"| {r.source} | {r.fifth} | {r.ambiguity:.3f} | {r.uncertainty:.3f} | {r.spearman:.2f} |"
            for r in self.ambiguity
        ]
        lines.append(f"\nECE over 15 bins of equal mass. Model {self.model}; seed {self.seed}.")
        return "\n".join(lines)


def run_calibration(mocap: Path, *, embedder: Embedder, seed: int = NOISE_SEED) -> CalibrationReport:
    """The model's probabilities on HDM05 under the eleven cameras beside a constant and the distance alone."""
    known, unseen = carve_out_sets(mocap)[1], open_sets(mocap)[1]
    rows: list[CalibrationRow] = []
    ambiguous: list[AmbiguityRow] = []
    for fitted_on, tested_on in zip(known.inputs(seed=seed), unseen.inputs(seed=seed), strict=True):
        learnt = view_pairs(embedder, known, fitted_on, seed=seed)
        tested = view_pairs(embedder, unseen, tested_on, seed=seed)
        for kind in tested:
            rows += _judge(embedder, tested_on.source, kind, learnt[kind], tested[kind])
        ambiguous += _ambiguity_rows(embedder, unseen, tested_on)
    return CalibrationReport(tuple(rows), tuple(ambiguous), embedder.model_id, seed, this_machine())


def view_pairs(embedder: Embedder, retrieval_set: RetrievalSet, given: Input, *, seed: int) -> dict[str, ViewPairs]:
    """The two kinds of pairs: "nearest" and "balanced", over N_CAMERA_PAIRS pairs of cameras."""
    predictions = [
        embedder.predict(keypoints.numpy(), scores.numpy(), "coco13")
        for keypoints, scores in zip(given.keypoints, given.scores, strict=True)
    ]
    views = [EmbeddedViews(torch.from_numpy(p.vectors), torch.from_numpy(p.uncertainty)) for p in predictions]
    choices = retrieval_set.views.camera_pairs()["unseen"]
    chosen = np.random.default_rng(seed).choice(len(choices), min(N_CAMERA_PAIRS, len(choices)), replace=False)
    poses, generator = retrieval_set.views.poses, torch.Generator().manual_seed(seed)
    cameras = [(views[choices[n][0]], views[choices[n][1]]) for n in chosen]
    close = [nearest_pairs(poses, query, index) for query, index in cameras]
    loose = [random_pairs(poses, query, index, generator=generator) for query, index in cameras]
    return {"nearest": ViewPairs.joined(close), "balanced": balanced(ViewPairs.joined([*close, *loose]), seed=seed)}


def _judge(embedder: Embedder, source: str, kind: str, learnt: ViewPairs, tested: ViewPairs) -> list[CalibrationRow]:
    weights = fit_logistic(np.log(learnt.distance + 1e-6)[:, None], learnt.is_match)
    distance_only = expit(weights[0] + weights[1] * np.log(tested.distance + 1e-6))
    tested_columns = (tested.distance, tested.uncertainty_a, tested.uncertainty_b)
    predictors = {
        "ours": embedder.calibration.match_probability(*tested_columns, is_retrieved=kind == "nearest"),
        "distance alone": distance_only,
        "constant": np.full(len(tested.error), learnt.is_match.mean()),
    }
    truth = tested.is_match
    return [
        CalibrationRow(
            source,
            kind,
            name,
            len(truth),
            float(truth.mean()),
            calibration_error(probability, truth),
            float(np.mean((probability - truth) ** 2)),
            area_under_curve(probability, truth),
        )
        for name, probability in predictors.items()
    ]


def area_under_curve(score: NDArray, truth: NDArray[np.bool_]) -> float:
    """Chance in [0, 1] that a match scores higher than a non-match, ties half (Mann-Whitney); NaN without both."""
    n_true = int(truth.sum())
    n_false = len(truth) - n_true
    if not n_true or not n_false:
        return float("nan")
    return float((rankdata(score)[truth].sum() - n_true * (n_true + 1) / 2) / (n_true * n_false))


def ambiguity(
    poses: Float[Tensor, "N 17 3"], keypoints: Float[Tensor, "N 13 2"], *, count: int = _NEIGHBOURS
) -> Float[Tensor, " N"]:
    """Mean NP-MPJPE of each view's pose to those of the `count` views of the same camera with the nearest 2D."""
    flat = keypoints.nan_to_num(0.0).flatten(1)
    found = nearest(flat, flat, count=count + 1)[:, 1:]
    target = poses[:, None].expand(-1, found.shape[1], -1, -1)
    return np_mpjpe(poses[found.flatten()], target.flatten(0, 1)).reshape(found.shape).mean(1)


def _ambiguity_rows(embedder: Embedder, retrieval_set: RetrievalSet, given: Input) -> list[AmbiguityRow]:
    """Pr-VIPE's Figs. 5 to 8 in figures: does uncertainty grow where one 2D view fits many 3D poses?"""
    spread, uncertainty = [], []
    for keypoints, scores in zip(given.keypoints, given.scores, strict=True):
        spread.append(ambiguity(retrieval_set.views.poses, keypoints).numpy())
        uncertainty.append(embedder.predict(keypoints.numpy(), scores.numpy(), "coco13").uncertainty)
    measured, expected = np.concatenate(spread), np.concatenate(uncertainty)
    known = np.isfinite(expected)
    measured, expected = measured[known], expected[known]
    correlation = float(spearmanr(measured, expected).statistic)
    fifths = np.array_split(np.argsort(measured), 5)
    return [
        AmbiguityRow(given.source, n, float(measured[rows].mean()), float(expected[rows].mean()), correlation)
        for n, rows in enumerate(fifths, start=1)
    ]
