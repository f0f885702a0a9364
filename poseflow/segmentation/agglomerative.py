"""Windows joined from the bottom up by the mean distance of their members (average linkage)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

LEAST_DISTANCE = 0.3
"""Mean distance of a clip's windows below which it counts as this: what is always the same is one action."""


def join_windows(windows: NDArray[np.float32], k: int | None, *, threshold: float) -> NDArray[np.int64]:
    """(M,) labels from 0.

    Args:
        windows: (M, W).
        k: How many; None = as many as stay apart.
        threshold: Without K, groups are joined up to this share of the mean distance of all windows.
    """
    if len(windows) < 2:
        return np.zeros(len(windows), np.int64)
    apart = pdist(windows.astype(np.float64))
    tree = linkage(apart, "average")
    if k is not None:
        return fcluster(tree, min(k, len(windows)), "maxclust").astype(np.int64) - 1
    limit = threshold * max(float(apart.mean()), LEAST_DISTANCE)
    return fcluster(tree, limit, "distance").astype(np.int64) - 1
