"""Poses as words, and windows as what share of each word they hold: an action is told by its poses, in any phase.

A mean over a window would make a squat and a half squat held still alike; the shares of words do not, and they are
the same wherever in the cycle the window begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poseflow.segmentation.kmeans import kmeans, squared_distances
from poseflow.segmentation.pose_grid import STEP_S, PoseGrid

MAX_TRAINING_FRAMES = 20_000
LEAST_SPREAD = 0.25
"""Squared spread within a word, in same-pose distances, at least: a still person's noise is one word, not many."""


@dataclass(frozen=True)
class WordSettings:
    """How poses become words and words windows.

    Attributes:
        words: How many there are.
        sharpness: How sure a pose is of its word; its neighbours share it at low values.
        window_s: Standard deviation of the Gaussian window.
        hop_s: Time from one window to the next; longer in clips of hours.
    """

    words: int = 64
    sharpness: float = 2.0
    window_s: float = 1.5
    hop_s: float = 0.5

    def __post_init__(self) -> None:
        if self.words < 2 or not (self.sharpness > 0 and self.window_s > 0 and self.hop_s >= STEP_S):
            raise ValueError(
                f"WordSettings: expected 2 words or more, sharpness and window above 0, a hop of {STEP_S:g} s or more"
            )


@dataclass(frozen=True)
class Codebook:
    """The words.

    Attributes:
        centres: (W, F) float32.
        spread: Mean squared distance of a pose from its word, the unit of sharpness.
    """

    centres: NDArray[np.float32]
    spread: float


@dataclass(frozen=True)
class Windows:
    """Square roots of the shares of words (their Euclidean distance is Hellinger's, times the root of two).

    Attributes:
        values: (M, W) float32; rows have length 1.
        frame: (M,) the grid frame in the middle of each.
    """

    values: NDArray[np.float32]
    frame: NDArray[np.int64]


def learn_codebook(values: NDArray[np.float32], settings: WordSettings, *, seed: int = 0) -> Codebook:
    """The words of seen poses (N, F); of very many, of an even selection."""
    every = -(-len(values) // MAX_TRAINING_FRAMES)
    chosen = values[::every]
    _, centres = kmeans(chosen, min(settings.words, len(chosen)), seed=seed)
    spread = float(squared_distances(chosen, centres).min(1).mean())
    return Codebook(centres.astype(np.float32), max(spread, LEAST_SPREAD))


def word_shares(grid: PoseGrid, codebook: Codebook, settings: WordSettings) -> NDArray[np.float64]:
    """(N, W) how much of each word a frame is, rows summing to 1; rows of unseen frames are 0."""
    apart = squared_distances(grid.values, codebook.centres)
    apart -= apart.min(1, keepdims=True)
    shares = np.exp(-settings.sharpness * apart / codebook.spread)
    return np.where(grid.is_seen[:, None], shares / shares.sum(1, keepdims=True), 0.0)


def windows_of(shares: NDArray[np.float64], settings: WordSettings, *, hop_s: float | None = None) -> Windows:
    """Windows over shares of words; those without a seen frame near are left out."""
    from scipy.ndimage import gaussian_filter1d

    hop = max(1, round((settings.hop_s if hop_s is None else hop_s) / STEP_S))
    frames = np.arange(min(hop // 2, len(shares) - 1), len(shares), hop)
    total = gaussian_filter1d(shares, settings.window_s / STEP_S, axis=0, mode="constant")[frames]
    weight = total.sum(1)
    is_known = weight > 1e-6
    shown = total[is_known] / weight[is_known, None]
    return Windows(np.sqrt(shown).astype(np.float32), frames[is_known])


def frames_of(labels: NDArray[np.int64], windows: Windows, n_frames: int) -> NDArray[np.int64]:
    """(N,) each frame's label: that of the nearest window."""
    middle = (windows.frame[1:] + windows.frame[:-1]) / 2
    return labels[np.searchsorted(middle, np.arange(n_frames))]
