"""Ways to segment described films: ours, and what others do with the same features.

The others cluster means and standard deviations over short windows, whose length was chosen for each of them on
compositions of CMU (`scripts/choose_segment_settings.py`); a change of label costs them nothing, as published. Films
that are segmented together get one set of labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.segmentation_features import Described
from scipy.ndimage import gaussian_filter1d

from poseflow.segment import label_grid
from poseflow.segmentation.cluster import cluster_windows
from poseflow.segmentation.pose_grid import STEP_S, PoseGrid
from poseflow.segmentation.settings import MAX_WINDOWS, SegmentSettings

Segmenter = Callable[[Sequence[Described], int | None], list[NDArray[np.int64]]]
"""Described films (N frames each) and K or None -> labels (N,) of each, -1 where none."""

APART_S = 60.0
"""Films that are segmented together by ours lie that far apart in time, so that no window sees two of them."""


@dataclass(frozen=True)
class OtherMethod:
    """What another method clusters.

    Attributes:
        window_s: Standard deviation of the Gaussian window; 0 = the frames themselves.
        settings: Of the clustering.
    """

    window_s: float
    settings: SegmentSettings


OTHERS: Mapping[str, OtherMethod] = {
    "k-means": OtherMethod(2.0, SegmentSettings(method="kmeans")),
    "agglomerative": OtherMethod(2.0, SegmentSettings(method="joining")),
    "TW-FINCH": OtherMethod(1.5, SegmentSettings(method="twfinch")),
    "HDBSCAN": OtherMethod(1.5, SegmentSettings(method="hdbscan")),
}
EQUAL_PARTS = 6
"""Equal split where nobody knows K: the mean number of actions in the compositions of CMU."""
OURS_METHOD = "ours"


def segmenters(settings: SegmentSettings) -> dict[str, Segmenter]:
    """Name -> way; ours last, with `settings`."""
    others: dict[str, Segmenter] = {name: partial(cluster_others, chosen=chosen) for name, chosen in OTHERS.items()}
    return {"equal split": equal_split} | others | {OURS_METHOD: partial(segment_ours, settings=settings)}


def equal_split(films: Sequence[Described], k: int | None) -> list[NDArray[np.int64]]:
    """K stretches of one length over all films."""
    lengths = [len(film.frames) for film in films]
    labels = np.arange(sum(lengths)) * (EQUAL_PARTS if k is None else k) // sum(lengths)
    return np.split(labels, np.cumsum(lengths)[:-1])


def cluster_others(films: Sequence[Described], k: int | None, *, chosen: OtherMethod) -> list[NDArray[np.int64]]:
    """Windows of the features alone, clustered; each frame has the label of the window that it lies in."""
    lengths = [len(film.frames) for film in films]
    hop = max(round(chosen.settings.words.hop_s / STEP_S), -(-sum(lengths) // MAX_WINDOWS))
    windows = [moments(film.frames, chosen.window_s / STEP_S)[min(hop // 2, len(film.frames) - 1) :: hop]
               for film in films]  # fmt: skip
    settings = replace(chosen.settings, clusters=None if chosen.settings.method == "hdbscan" else k)
    labels = cluster_windows(np.concatenate(windows).astype(np.float32), settings, hop_s=hop * STEP_S)
    own = np.split(labels, np.cumsum([len(some) for some in windows])[:-1])
    return [one[np.minimum(np.arange(n) // hop, len(one) - 1)] for one, n in zip(own, lengths, strict=True)]


def segment_ours(films: Sequence[Described], k: int | None, *, settings: SegmentSettings) -> list[NDArray[np.int64]]:
    """The pipeline of `segment` on the films' features."""
    settings = replace(settings, clusters=None if settings.method == "hdbscan" else k)
    gap = round(APART_S / STEP_S) if len(films) > 1 else 0
    labels = label_grid(_in_a_row([film.grid for film in films], gap), settings).labels
    starts = np.cumsum([0, *(len(film.frames) + gap for film in films[:-1])])
    return [labels[start : start + len(film.frames)] for start, film in zip(starts, films, strict=True)]


def moments(frames: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    """(N, 2 F) mean and sd of the features (N, F) in a Gaussian window of `deviation` frames; the features at 0."""
    if deviation == 0:
        return frames
    mean = gaussian_filter1d(frames, deviation, axis=0)
    square = gaussian_filter1d(frames**2, deviation, axis=0)
    return np.concatenate([mean, np.sqrt(np.maximum(square - mean**2, 0))], axis=1)


def _in_a_row(grids: Sequence[PoseGrid], gap: int) -> PoseGrid:
    """One grid of them all, `gap` unseen frames behind each but the last."""
    behind = [gap] * (len(grids) - 1) + [0]
    values, seen, source = (
        np.concatenate([np.concatenate([part, np.zeros((n, *part.shape[1:]), part.dtype)]) for part, n in
                        zip(parts, behind, strict=True)])
        for parts in zip(*((grid.values, grid.is_seen, grid.source) for grid in grids), strict=True)
    )  # fmt: skip
    return PoseGrid(STEP_S * np.arange(len(values), dtype=np.float64), values, seen, source)
