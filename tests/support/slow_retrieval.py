"""The protocol by its words, one pose at a time, on NumPy and SciPy alone: what the fast code is compared with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

PELVIS, SPINE, THORAX = 0, 7, 8


def normalized(pose: NDArray) -> NDArray:
    """Pelvis at the origin, |pelvis-spine| + |spine-thorax| = 1."""
    lower, upper = pose[SPINE] - pose[PELVIS], pose[THORAX] - pose[SPINE]
    return (pose - pose[PELVIS]) / (np.linalg.norm(lower) + np.linalg.norm(upper))


def slow_np_mpjpe(source: NDArray, target: NDArray) -> float:
    """Both normalised; the source moved onto the target by the best rotation, scale and translation; mean distance."""
    source, target = normalized(np.asarray(source, float)), normalized(np.asarray(target, float))
    a, b = source - source.mean(0), target - target.mean(0)
    rotation, _ = orthogonal_procrustes(a, b)
    if np.linalg.det(rotation) < 0:  # SciPy allows mirrors: turn the least important axis back
        u, _, vt = np.linalg.svd(a.T @ b)
        rotation = u @ np.diag([1, 1, -1]) @ vt
    turned = a @ rotation
    scale = (turned * b).sum() / (a * a).sum()
    return float(np.mean([np.linalg.norm(scale * p - q) for p, q in zip(turned, b, strict=True)]))


def slow_hit_rate(
    vectors: NDArray, poses: NDArray, pairs: Iterable[tuple[int, int]], *, k: int, leaves_self_out: bool = False
) -> float:
    """Hit@k by sorting every distance of every query; vectors (C, N, D), poses (N, 17, 3)."""
    hits = []
    for query, index in pairs:
        for i in range(len(poses)):
            others = [j for j in range(len(poses)) if not (leaves_self_out and j == i)]
            others.sort(key=lambda j: np.linalg.norm(vectors[query, i] - vectors[index, j]))  # noqa: B023
            hits.append(any(slow_np_mpjpe(poses[j], poses[i]) <= 0.1 for j in others[:k]))
    return float(np.mean(hits))
