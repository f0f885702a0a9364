"""HDBSCAN's clusters of windows as plain arrays: fitted by the package, predicted from the arrays alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poseflow.segmentation.kmeans import squared_distances

NOISE = -1
_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class DensityModel:
    """What HDBSCAN's approximate prediction needs of a fit on M points.

    Attributes:
        points: (M, W) float32.
        core_distance: (M,) float64, to the `min_samples`-th neighbour, oneself included.
        point_cluster: (M,) int64 cluster of the condensed tree from which each point falls out.
        point_lambda: (M,) float64 where it does.
        cluster_parent: (C,) int64 each cluster's parent, by number from the root's; the root is its own.
        cluster_lambda: (C,) float64 where each splits off its parent; 0 for the root.
        cluster_label: (C,) int64 label, NOISE above the chosen clusters.
        max_lambda: (C,) float64 of the chosen cluster that each belongs to; 0 where none is.
        exemplars: (E,) int64 the points at the heart of each chosen cluster.
        min_samples: Neighbours that make a point dense.
    """

    points: NDArray[np.float32]
    core_distance: NDArray[np.float64]
    point_cluster: NDArray[np.int64]
    point_lambda: NDArray[np.float64]
    cluster_parent: NDArray[np.int64]
    cluster_lambda: NDArray[np.float64]
    cluster_label: NDArray[np.int64]
    max_lambda: NDArray[np.float64]
    exemplars: NDArray[np.int64]
    min_samples: int

    @property
    def n_labels(self) -> int:
        return int(self.cluster_label.max(initial=NOISE)) + 1

    def predict(self, windows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(N,) labels, NOISE where none, and how well each belongs, in [0, 1]: what `approximate_predict` gives."""
        labels, strength = np.full(len(windows), NOISE, np.int64), np.zeros(len(windows))
        if self.n_labels == 0:
            return labels, strength
        for start in range(0, len(windows), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            neighbour, level = self._nearest(windows[rows])
            labels[rows], strength[rows] = self._climb(neighbour, level)
        return labels, strength

    def _nearest(self, windows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Each window's neighbour by mutual reachability, and the lambda at which it joins it."""
        count = min(2 * self.min_samples, len(self.points))
        rough = squared_distances(windows, self.points)
        near = np.argpartition(rough, min(2 * count, rough.shape[1] - 1), axis=1)[:, : 2 * count]
        # Exact distances of the candidates: the expanded square loses digits where points nearly coincide.
        apart = np.linalg.norm(windows[:, None].astype(np.float64) - self.points[near].astype(np.float64), axis=2)
        order = np.argsort(apart, axis=1, kind="stable")[:, :count]
        near, apart = np.take_along_axis(near, order, axis=1), np.take_along_axis(apart, order, axis=1)
        own_core = apart[:, min(self.min_samples, count - 1), None]
        reach = np.maximum(np.maximum(self.core_distance[near], own_core), apart)
        best = reach.argmin(1)[:, None]
        nearest_reach = np.take_along_axis(reach, best, axis=1)[:, 0]
        level = np.full(len(windows), np.finfo(np.float64).max)
        np.divide(1.0, nearest_reach, out=level, where=nearest_reach > 0)
        return np.take_along_axis(near, best, axis=1)[:, 0], level

    def _climb(
        self, neighbour: NDArray[np.int64], level: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """From the neighbour's cluster towards the root while the cluster began at a higher density than `level`."""
        cluster = self.point_cluster[neighbour]
        must_climb = self.point_lambda[neighbour] > level
        while True:
            rises = must_climb & (cluster > 0) & (self.cluster_lambda[cluster] >= level)
            if not rises.any():
                break
            cluster = np.where(rises, self.cluster_parent[cluster], cluster)
        labels, highest = self.cluster_label[cluster], self.max_lambda[cluster]
        share = np.divide(np.minimum(highest, level), highest, out=np.ones(len(level)), where=highest > 0)
        return labels, np.where(labels == NOISE, 0.0, share)


def fit_density(
    windows: NDArray[np.float32], *, min_cluster_size: int, min_samples: int
) -> tuple[DensityModel, NDArray[np.int64]]:
    """HDBSCAN's fit on windows (M, W), and the label of each, NOISE where it has none."""
    import hdbscan

    points = np.ascontiguousarray(windows, np.float32)
    if len(points) <= max(min_cluster_size, 2 * min_samples):
        return _empty(points, min_samples), np.full(len(points), NOISE, np.int64)
    clusterer = hdbscan.HDBSCAN(
        min_cluster_size=min_cluster_size, min_samples=min_samples, prediction_data=True, core_dist_n_jobs=1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, of the package's older calls
        clusterer.fit(points.astype(np.float64))
    return _arrays(clusterer, points), clusterer.labels_.astype(np.int64)


def _arrays(clusterer, points: NDArray[np.float32]) -> DensityModel:  # type: ignore[no-untyped-def]
    """The fitted package object as arrays; clusters are numbered from the root's 0."""
    tree, known = clusterer.condensed_tree_.to_numpy(), clusterer.prediction_data_
    root, count = len(points), int(max(tree["parent"].max(), tree["child"].max())) - len(points) + 1
    is_point = tree["child"] < root
    point_cluster, point_lambda = np.zeros(root, np.int64), np.zeros(root)
    point_cluster[tree["child"][is_point]] = tree["parent"][is_point] - root
    point_lambda[tree["child"][is_point]] = tree["lambda_val"][is_point]
    parent, begins = np.zeros(count, np.int64), np.zeros(count)
    parent[tree["child"][~is_point] - root] = tree["parent"][~is_point] - root
    begins[tree["child"][~is_point] - root] = tree["lambda_val"][~is_point]
    label, highest = np.full(count, NOISE, np.int64), np.zeros(count)
    for cluster, number in known.cluster_map.items():
        label[int(cluster) - root], highest[int(cluster) - root] = number, known.max_lambdas[cluster]
    return DensityModel(
        points, np.asarray(known.core_distances, np.float64), point_cluster, point_lambda, parent, begins, label,
        highest, _exemplars(label, point_cluster, point_lambda), int(clusterer.min_samples),
    )  # fmt: skip


def _exemplars(
    label: NDArray[np.int64], point_cluster: NDArray[np.int64], point_lambda: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Of each leaf cluster that belongs to a label, the points that stay to the last."""
    own = label[point_cluster]
    found = [
        np.flatnonzero((point_cluster == cluster) & (point_lambda == point_lambda[point_cluster == cluster].max()))
        for cluster in np.unique(point_cluster[own != NOISE])
    ]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _empty(points: NDArray[np.float32], min_samples: int) -> DensityModel:
    """A model without clusters, for which everything is noise."""
    nothing, none = np.zeros(len(points)), np.zeros(len(points), np.int64)
    root = np.zeros(1, np.int64)
    return DensityModel(
        points, nothing, none, nothing, root, np.zeros(1), root - 1, np.zeros(1), np.zeros(0, np.int64), min_samples
    )
