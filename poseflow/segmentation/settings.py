"""Settings of segmentation, each default in one place.

Where they come from is recorded in DEFAULTS_FILE, written by `scripts/choose_segment_settings.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from poseflow.segmentation.pose_grid import STEP_S, GridSettings
from poseflow.segmentation.words import WordSettings

Method = Literal["joining", "hdbscan", "twfinch", "kmeans", "changepoint"]
METHODS: tuple[str, ...] = get_args(Method)
DEFAULTS_FILE = Path(__file__).parents[1] / "segment_defaults.json"
MAX_WINDOWS = 8000
"""Windows of one clip; longer clips get them farther apart, so that memory stays below 2 GB."""


@dataclass(frozen=True)
class SegmentSettings:
    """How a timeline is found.

    Attributes:
        method: How windows are clustered: ``joining`` (average linkage), ``hdbscan``, ``twfinch`` (first neighbours,
            weighted by time), ``kmeans``, or ``changepoint`` (cuts first, then joining of the pieces).
        clusters: How many labels, where somebody knows; hdbscan finds them itself.
        min_duration_s: Shortest segment.
        threshold: Of joining and changepoint: groups nearer than this share of the clip's mean distance are one.
        switch_cost: Price of a change of label, in nats (`poseflow.segmentation.resegment`).
        min_cluster_s: Of hdbscan and twfinch: least time that a label takes in all.
        core_s: Of hdbscan: how much like a moment must be near for it to be the core of a cluster.
        density_window_s: Of hdbscan, in place of the words' `window_s`: wide windows make bridges between clusters.
        seed: Of k-means, for words and clusters.
        grid, words: What frames and windows are described by.
    """

    method: Method = "joining"
    clusters: int | None = None
    min_duration_s: float = 1.0
    threshold: float = 0.85
    switch_cost: float = 20.0
    min_cluster_s: float = 6.0
    core_s: float = 3.0
    density_window_s: float = 1.0
    seed: int = 0
    grid: GridSettings = GridSettings()
    words: WordSettings = WordSettings()

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {self.method!r}")
        if self.clusters is not None and self.clusters < 1:
            raise ValueError(f"clusters: expected 1 or more, got {self.clusters}")
        if self.clusters is not None and self.method == "hdbscan":
            raise ValueError("clusters: hdbscan finds how many there are; take another method where you know K")
        if min(self.min_duration_s, self.threshold, self.switch_cost, self.min_cluster_s, self.core_s) < 0:
            raise ValueError("SegmentSettings: expected durations, threshold and costs of 0 or more")

    @property
    def windows(self) -> WordSettings:
        """How words become windows, for the method."""
        return replace(self.words, window_s=self.density_window_s) if self.method == "hdbscan" else self.words

    @property
    def least_frames(self) -> int:
        """Grid frames of the shortest segment."""
        return max(1, round(self.min_duration_s / STEP_S))
