"""One way in to the ways of clustering windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poseflow.segmentation.agglomerative import LEAST_DISTANCE, join_windows
from poseflow.segmentation.changepoints import cut_windows
from poseflow.segmentation.density import fit_density
from poseflow.segmentation.kmeans import kmeans_windows
from poseflow.segmentation.settings import SegmentSettings
from poseflow.segmentation.twfinch import first_neighbour_windows


def cluster_windows(windows: NDArray[np.float32], settings: SegmentSettings, *, hop_s: float) -> NDArray[np.int64]:
    """(M,) labels from 0 of windows in order of time; only hdbscan leaves some out, as -1, where not all are alike.

    Args:
        windows: (M, W), at least one.
        settings: Method and its settings.
        hop_s: Time from one window to the next.
    """
    k = settings.clusters
    if k == 1 or len(windows) < 2:
        return np.zeros(len(windows), np.int64)
    match settings.method:
        case "kmeans":
            return kmeans_windows(windows, k, seed=settings.seed)
        case "twfinch":
            return first_neighbour_windows(windows, k, least_size=settings.min_cluster_s / hop_s)
        case "changepoint":
            least = max(1, round(settings.min_duration_s / hop_s))
            return cut_windows(windows, k, threshold=settings.threshold, least_size=least)
        case "hdbscan":
            size, core = hdbscan_sizes(settings, hop_s)
            labels = fit_density(windows, min_cluster_size=size, min_samples=core)[1]
            return np.zeros_like(labels) if (labels < 0).all() and _are_alike(windows) else labels
    return join_windows(windows, k, threshold=settings.threshold)


def hdbscan_sizes(settings: SegmentSettings, hop_s: float) -> tuple[int, int]:
    """(min_cluster_size, min_samples) in windows."""
    return max(2, round(settings.min_cluster_s / hop_s)), max(1, round(settings.core_s / hop_s))


def _are_alike(windows: NDArray[np.float32]) -> bool:
    """Whether the root mean square distance of two windows is below LEAST_DISTANCE: one thing is done all the time."""
    return bool(np.sqrt(2 * windows.astype(np.float64).var(0).sum()) < LEAST_DISTANCE)
