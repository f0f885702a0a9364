"""Boxes x0, y0, x1, y1 around people, and how much they overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def box_overlaps(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """(N, M) intersection over union of boxes (N, 4) and (M, 4); 0 where either is NaN or empty."""
    a, b = np.asarray(a, np.float64).reshape(-1, 4), np.asarray(b, np.float64).reshape(-1, 4)
    sides = np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2])
    overlap = np.clip(sides, 0, None).prod(-1)
    union = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1) - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def box_areas(boxes: NDArray) -> NDArray[np.float64]:
    """(N,) areas of boxes (N, 4); 0 where a side is negative."""
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1), np.float64)
