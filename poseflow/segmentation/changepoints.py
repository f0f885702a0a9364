"""Clips cut where the mix of words changes (ruptures), and the pieces joined where they are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poseflow.segmentation.agglomerative import LEAST_DISTANCE, join_windows

PENALTY = 1.0
"""Squared distance that a cut has to save, per mean squared distance of the clip's windows and second of a piece."""


def cut_windows(
    windows: NDArray[np.float32], k: int | None, *, threshold: float, least_size: int, penalty: float = PENALTY
) -> NDArray[np.int64]:
    """(M,) labels from 0.

    Args:
        windows: (M, W) in order of time.
        k: How many labels; the number of pieces is found either way.
        threshold: `poseflow.segmentation.agglomerative.join_windows`.
        least_size: Fewest windows of a piece.
        penalty: What a cut has to save, in units of the clip's variance times `least_size`.
    """
    import ruptures

    if len(windows) < 2 * least_size:
        return np.zeros(len(windows), np.int64)
    signal = windows.astype(np.float64)
    variance = max(float(((signal - signal.mean(0)) ** 2).sum(1).mean()), LEAST_DISTANCE**2 / 2)
    search = ruptures.KernelCPD(kernel="linear", min_size=least_size).fit(signal)
    ends = search.predict(pen=penalty * variance * least_size)
    piece = np.searchsorted(ends, np.arange(len(signal)), side="right")
    means = np.array([signal[piece == number].mean(0) for number in range(len(ends))])
    return join_windows(means.astype(np.float32), k, threshold=threshold)[piece]
