"""How well a timeline agrees with the true one: frames, segments and borders, each measure a function of its own.

Labels are integers, one a frame; a predicted `UNLABELLED` frame agrees with nothing. The measures of frames and
segments are taken after `matched`, which gives each cluster the true label that it fits best, one to one (Hungarian).
Whether that is done for each video by itself or once for a whole data set makes two different figures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from poseflow.segmentation import spans

UNLABELLED = -1
UNMATCHED = -2
"""What `matched` gives clusters that are left over."""

Labels = NDArray[np.int64]


def matched(truth: Labels, predicted: Labels) -> Labels:
    """(T,) the prediction in the labels of `truth`, so that as many frames agree as can, one cluster a label."""
    names, clusters = np.unique(truth), np.unique(predicted[predicted != UNLABELLED])
    together = np.array([[np.sum((truth == name) & (predicted == c)) for c in clusters] for name in names])
    result = np.where(predicted == UNLABELLED, UNLABELLED, UNMATCHED).astype(np.int64)
    if together.size:
        for row, column in zip(*linear_sum_assignment(-together), strict=True):
            result[predicted == clusters[column]] = names[row]
    return result


def mean_over_frames(truth: Labels, predicted: Labels) -> float:
    """Share in [0, 1] of the frames whose labels agree (MoF)."""
    return float((truth == predicted).mean())


def mean_iou(truth: Labels, predicted: Labels) -> float:
    """Mean over the true labels of intersection over union of their frames, in [0, 1]."""
    shares = []
    for name in np.unique(truth):
        is_true, is_found = truth == name, predicted == name
        shares.append((is_true & is_found).sum() / (is_true | is_found).sum())
    return float(np.mean(shares))


def macro_f1(truth: Labels, predicted: Labels) -> float:
    """Mean over the true labels of the F1 of their frames, in [0, 1]."""
    scores = []
    for name in np.unique(truth):
        is_true, is_found = truth == name, predicted == name
        scores.append(2 * (is_true & is_found).sum() / (is_true.sum() + is_found.sum()))
    return float(np.mean(scores))


def runs(labels: Labels) -> list[tuple[int, int, int]]:
    """(first frame, frame after the last, label) of each stretch of one label; unlabelled stretches too."""
    return [(start, end, int(labels[start])) for start, end in spans.runs(labels)]


def segment_f1(truth: Labels, predicted: Labels, overlap: float) -> float:
    """F1@overlap of segments in [0, 1]: one is right if its IoU with a free true one of its label is enough.

    As MS-TCN counts it: predicted segments in order of time, each against the true one of its label that overlaps most.
    """
    true_runs = runs(truth)
    found_runs = [run for run in runs(predicted) if run[2] != UNLABELLED]
    is_taken = [False] * len(true_runs)
    right = 0
    for start, end, label in found_runs:
        ious = [_overlap((start, end), run[:2]) if run[2] == label else 0.0 for run in true_runs]
        best = int(np.argmax(ious))
        if ious[best] >= overlap and not is_taken[best]:
            is_taken[best] = True
            right += 1
    return 2 * right / (len(true_runs) + len(found_runs))


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Intersection over union of two half-open stretches."""
    both = max(0, min(a[1], b[1]) - max(a[0], b[0]))
    return both / (a[1] - a[0] + b[1] - b[0] - both)


def edit_score(truth: Labels, predicted: Labels) -> float:
    """1 minus the normalised Levenshtein distance of the orders of segments, in [0, 1]; unlabelled ones left out."""
    a = [run[2] for run in runs(truth)]
    b = [run[2] for run in runs(predicted) if run[2] != UNLABELLED]
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return 1 - row[-1] / max(len(a), len(b))


def boundary_error_s(truth: Labels, predicted: Labels, step_s: float) -> float:
    """Mean time from each border to the nearest one of the other timeline, both ways; NaN if only one has borders.

    Too many borders cost as much as too few; 0 where neither timeline has any.
    """
    a, b = (np.array([run[0] for run in runs(labels)][1:], float) for labels in (truth, predicted))
    if not len(a) or not len(b):
        return 0.0 if len(a) == len(b) else float("nan")
    apart = np.abs(a[:, None] - b)
    return float(step_s * (apart.min(1).mean() + apart.min(0).mean()) / 2)


def off_by_one(true: Sequence[int], counted: Sequence[int]) -> float:
    """Share in [0, 1] of the counts that are off by one at most."""
    return float(np.mean([abs(a - b) <= 1 for a, b in zip(true, counted, strict=True)]))


def adjusted_rand(a: Labels, b: Labels) -> float:
    """Adjusted Rand index of two labellings of the same frames: 1 = the same, about 0 = by chance."""
    _, i = np.unique(a, return_inverse=True)
    _, j = np.unique(b, return_inverse=True)
    together = np.zeros((i.max() + 1, j.max() + 1))
    np.add.at(together, (i, j), 1)
    pairs, rows, columns = (_pairs(n).sum() for n in (together, together.sum(1), together.sum(0)))
    expected = rows * columns / _pairs(np.array(float(len(a))))
    most = (rows + columns) / 2
    return 1.0 if most == expected else float((pairs - expected) / (most - expected))


def _pairs(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(counts * (counts - 1) / 2)
