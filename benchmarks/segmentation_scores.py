"""Figures of timelines against the true ones, one row a way, and whether ours leads: paired over sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.bootstrap import mean_interval
from poseflow_benchmarks.segmentation_metrics import (
    boundary_error_s,
    edit_score,
    macro_f1,
    matched,
    mean_iou,
    mean_over_frames,
    segment_f1,
)

Labels = NDArray[np.int64]

MEASURES: Mapping[str, Callable[[Labels, Labels, float], float]] = {
    "MoF": lambda truth, found, step_s: mean_over_frames(truth, found),
    "IoU": lambda truth, found, step_s: mean_iou(truth, found),
    "macro-F1": lambda truth, found, step_s: macro_f1(truth, found),
    "F1@10": lambda truth, found, step_s: segment_f1(truth, found, 0.10),
    "F1@25": lambda truth, found, step_s: segment_f1(truth, found, 0.25),
    "F1@50": lambda truth, found, step_s: segment_f1(truth, found, 0.50),
    "edit": lambda truth, found, step_s: edit_score(truth, found),
    "border, s": boundary_error_s,
}
DECIDING = ("MoF", "F1@50")


@dataclass(frozen=True)
class SegmentationRow:
    """One way on one kind of features.

    Attributes:
        method, features: Names; "ours" with our embedding is the default of `segment`.
        figures: Measure of MEASURES -> one figure a sequence; NaN where a border error is not defined.
        labels: Mean number of labels found.
    """

    method: str
    features: str
    figures: Mapping[str, tuple[float, ...]]
    labels: float

    @property
    def name(self) -> str:
        return f"{self.method}, {self.features}"

    def mean(self, measure: str) -> float:
        """Over the sequences where it is defined; NaN where it is in none."""
        known = [value for value in self.figures[measure] if not np.isnan(value)]
        return float(np.mean(known)) if known else float("nan")


@dataclass(frozen=True)
class Lead:
    """By how much ours leads the best other row of its block in one measure, with a 95 % interval over sequences."""

    measure: str
    best_other: str
    difference: float
    low: float
    high: float


def score_video(truth: Sequence[Labels], found: Sequence[Labels], step_s: float) -> dict[str, tuple[float, ...]]:
    """Figures of each sequence, its clusters matched with its actions by themselves."""
    fitted = [matched(true, own) for true, own in zip(truth, found, strict=True)]
    return _figures(truth, fitted, step_s)


def score_data_set(truth: Sequence[Labels], found: Sequence[Labels], step_s: float) -> dict[str, tuple[float, ...]]:
    """Figures of each sequence after one matching over all of them: a cluster is one action everywhere."""
    whole = matched(np.concatenate(truth), np.concatenate(found))
    fitted = np.split(whole, np.cumsum([len(true) for true in truth])[:-1])
    return _figures(truth, fitted, step_s)


def _figures(truth: Sequence[Labels], fitted: Sequence[Labels], step_s: float) -> dict[str, tuple[float, ...]]:
    pairs = list(zip(truth, fitted, strict=True))
    return {name: tuple(measure(*pair, step_s) for pair in pairs) for name, measure in MEASURES.items()}


def leads(rows: Sequence[SegmentationRow], ours: SegmentationRow, *, seed: int = 0) -> tuple[Lead, ...]:
    """Ours less the other row with the best mean, for each of DECIDING."""
    others = [row for row in rows if row is not ours]
    found = []
    for measure in DECIDING:
        best = max(others, key=lambda row: row.mean(measure))
        apart = np.array(ours.figures[measure]) - np.array(best.figures[measure])
        found.append(Lead(measure, best.name, *mean_interval(apart, seed=seed)))
    return tuple(found)
