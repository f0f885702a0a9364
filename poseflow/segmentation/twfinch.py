"""First-neighbour clustering with a charge for time apart (the idea of TW-FINCH, Sarfraz et al., CVPR 2021).

Each window is joined with its nearest other one, where distances are multiplied by the share of the clip between the
two; the groups are averaged and joined again, until K are left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

_ROWS_AT_ONCE = 1024


def first_neighbour_windows(windows: NDArray[np.float32], k: int | None, *, least_size: float) -> NDArray[np.int64]:
    """(M,) labels from 0.

    Args:
        windows: (M, W) in order of time.
        k: How many; None = the finest partition whose groups have `least_size` members in the mean.
        least_size: In windows.
    """
    position = np.linspace(0, 1, len(windows))
    labels = np.arange(len(windows))
    while labels.max(initial=0) > 0:
        centres, times = _means(windows, labels), _means(position[:, None], labels)[:, 0]
        joined = _join_first_neighbours(centres, times)[labels]
        if k is not None and joined.max() + 1 < k:
            return _down_to(windows, position, labels, k)
        if k is None and len(labels) / (labels.max() + 1) >= least_size:
            return labels
        labels = joined
        if k is not None and labels.max() + 1 == k:
            break
    return labels


def _join_first_neighbours(centres: NDArray, times: NDArray) -> NDArray[np.int64]:
    """(G,) group of each, where each is in one group with its nearest."""
    nearest = np.empty(len(centres), np.int64)
    for start in range(0, len(centres), _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(centres)))
        apart = _weighted(centres[rows], times[rows], centres, times)
        apart[np.arange(len(rows)), rows] = np.inf
        nearest[rows] = apart.argmin(1)
    links = coo_array((np.ones(len(nearest)), (np.arange(len(nearest)), nearest)), shape=(len(nearest),) * 2)
    return connected_components(links, directed=False)[1].astype(np.int64)


def _weighted(a: NDArray, a_times: NDArray, b: NDArray, b_times: NDArray) -> NDArray[np.float64]:
    """Cosine distance times time apart."""
    return np.maximum(cdist(a, b, "cosine"), 0) * np.abs(a_times[:, None] - b_times)


def _down_to(windows: NDArray, position: NDArray, labels: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Joins the two nearest groups until K are left."""
    while labels.max() + 1 > k:
        centres, times = _means(windows, labels), _means(position[:, None], labels)[:, 0]
        apart = _weighted(centres, times, centres, times)
        np.fill_diagonal(apart, np.inf)
        one, other = sorted(np.unravel_index(apart.argmin(), apart.shape))
        labels = np.where(labels == other, one, labels)
        labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    return labels


def _means(values: NDArray, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    sums = np.zeros((labels.max() + 1, values.shape[1]))
    np.add.at(sums, labels, values)
    return sums / np.bincount(labels)[:, None]
