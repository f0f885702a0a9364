"""From a label a frame to spans: short ones given to a neighbour, gaps cut out, neighbours of one label merged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poseflow.segmentation.resegment import UNLABELLED

BRIDGED_S = 1.0
"""Unseen stretches up to that long stay inside a span."""


def runs(labels: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(first frame, frame after the last) of each stretch of one label."""
    if not len(labels):
        return []
    cuts = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return list(zip(cuts[:-1], cuts[1:], strict=True))


def without_short(
    labels: NDArray[np.int64], *, least: int, evidence: NDArray[np.float64] | None = None
) -> NDArray[np.int64]:
    """(N,) labels of which none lasts less than `least` frames, the shortest first given to a neighbour.

    Args:
        labels: (N,) from 0, and UNLABELLED, which has no least length.
        least: Frames.
        evidence: (N, L) decides to which neighbour; without it, to the longer one.
    """
    labels = labels.copy()
    while True:
        stretches = runs(labels)
        short = [(b - a, a, b) for a, b in stretches if b - a < least and labels[a] != UNLABELLED]
        if not short or len(stretches) == 1:
            return labels
        _, start, end = min(short)
        labels[start:end] = _neighbour(labels, start, end, evidence)


def _neighbour(labels: NDArray[np.int64], start: int, end: int, evidence: NDArray[np.float64] | None) -> int:
    sides = [int(labels[at]) for at in (start - 1, end) if 0 <= at < len(labels)]
    if len(sides) == 1 or sides[0] == sides[1]:
        return sides[0]
    if evidence is None or UNLABELLED in sides:
        known = [side for side in sides if side != UNLABELLED] or sides
        return max(known, key=lambda side: int((labels == side).sum()))
    return max(sides, key=lambda side: float(evidence[start:end, side].sum()))


def seen_spans(labels: NDArray[np.int64], is_seen: NDArray[np.bool_], *, bridged: int) -> list[tuple[int, int]]:
    """Stretches of one label, without its unseen ends and without unseen stretches of more than `bridged` frames."""
    spans = []
    for start, end in runs(labels):
        if labels[start] == UNLABELLED:
            continue
        seen = start + np.flatnonzero(is_seen[start:end])
        if len(seen):
            gaps = np.flatnonzero(np.diff(seen) > bridged + 1)
            firsts, lasts = seen[np.r_[0, gaps + 1]], seen[np.r_[gaps, len(seen) - 1]]
            spans += [(int(a), int(b) + 1) for a, b in zip(firsts, lasts, strict=True)]
    return spans
