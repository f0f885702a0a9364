"""K-means with k-means++ seeds, deterministic for a seed, and the choice of K where nobody knows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESTARTS = 5
LARGEST_K = 12
LEAST_SILHOUETTE = 0.2
"""Below it there is one cluster."""
_ITERATIONS = 50


def squared_distances(points: NDArray, centres: NDArray) -> NDArray[np.float64]:
    """(N, F) and (K, F) -> (N, K) squared Euclidean distances."""
    a, b = np.asarray(points, np.float64), np.asarray(centres, np.float64)
    apart = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    return np.maximum(apart, 0)


def kmeans(points: NDArray, k: int, *, seed: int = 0, restarts: int = 1) -> tuple[NDArray[np.int64], NDArray]:
    """Labels (N,) and centres (K, F) of the best of `restarts` runs; K falls to the number of distinct points."""
    points = np.asarray(points, np.float64)
    generator = np.random.default_rng(seed)
    best: tuple[float, NDArray[np.int64], NDArray] | None = None
    for _ in range(restarts):
        centres = _lloyd(points, _seeds(points, k, generator))
        apart = squared_distances(points, centres)
        labels = apart.argmin(1)
        cost = float(apart[np.arange(len(points)), labels].sum())
        if best is None or cost < best[0]:
            best = (cost, labels.astype(np.int64), centres)
    if best is None:
        raise ValueError(f"restarts: expected 1 or more, got {restarts}")
    return best[1], best[2]


def kmeans_windows(windows: NDArray, k: int | None, *, seed: int = 0) -> NDArray[np.int64]:
    """(M,) labels; without K the one of 2 to LARGEST_K with the best silhouette, or 1 where none is good."""
    if k is not None:
        return kmeans(windows, min(k, len(windows)), seed=seed, restarts=RESTARTS)[0]
    tried = [kmeans(windows, n, seed=seed, restarts=RESTARTS) for n in range(2, min(LARGEST_K, len(windows) - 1) + 1)]
    scored = [(silhouette(windows, centres), labels) for labels, centres in tried if len(centres) > 1]
    best = max(scored, key=lambda pair: pair[0], default=(0.0, None))
    if best[1] is None or best[0] < LEAST_SILHOUETTE:
        return np.zeros(len(windows), np.int64)
    return best[1]


def silhouette(points: NDArray, centres: NDArray) -> float:
    """Simplified silhouette in [0, 1]: mean of 1 - (distance to the own centre / to the next nearest one)."""
    near = np.sqrt(np.sort(squared_distances(points, centres), axis=1)[:, :2])
    return float(np.mean(1 - near[:, 0] / np.maximum(near[:, 1], 1e-12)))


def _seeds(points: NDArray[np.float64], k: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """k-means++: each next seed with a chance that grows with its squared distance from those there are."""
    chosen = [int(generator.integers(len(points)))]
    apart = squared_distances(points, points[chosen])[:, 0]
    while len(chosen) < k and apart.sum() > 1e-12 * len(points):
        chosen.append(int(generator.choice(len(points), p=apart / apart.sum())))
        apart = np.minimum(apart, squared_distances(points, points[chosen[-1:]])[:, 0])
    return points[chosen]


def _lloyd(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centres after at most _ITERATIONS rounds; one that loses all its points stays where it is."""
    labels = None
    for _ in range(_ITERATIONS):
        nearest = squared_distances(points, centres).argmin(1)
        if labels is not None and (nearest == labels).all():
            break
        labels = nearest
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, points)
        counts = np.bincount(labels, minlength=len(centres))[:, None]
        centres = np.where(counts > 0, sums / np.maximum(counts, 1), centres)
    return centres
