"""Frames labelled anew by the words of each label, with a price on every change of label (Viterbi).

Clustering works on windows of seconds; its borders are blurred. Each label's shares of words make every frame a
witness, and the best sequence of labels, a change costing `switch_cost`, puts the borders where they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNLABELLED = -1
ROUNDS = 15
_PRIOR = 0.02
"""Weight of the clip's own mix of words in each label's, as a share of the frames that a label has in the mean."""


def label_words(shares: NDArray[np.float64], labels: NDArray[np.int64], n_labels: int) -> NDArray[np.float64]:
    """(L, W) log of how much likelier each word is under each label than in the clip as a whole."""
    whole = shares.sum(0) + 1e-12
    whole /= whole.sum()
    own = np.zeros((n_labels, shares.shape[1]))
    is_labelled = labels >= 0
    np.add.at(own, labels[is_labelled], shares[is_labelled])
    own += _PRIOR * len(shares) / max(n_labels, 1) * whole
    own /= own.sum(1, keepdims=True)
    return np.log(own / whole)


def relabel(
    shares: NDArray[np.float64], labels: NDArray[np.int64], *, switch_cost: float, allow_unlabelled: bool = False
) -> NDArray[np.int64]:
    """(N,) labels after alternating between the labels' words and the best sequence, until nothing changes.

    Args:
        shares: (N, W) `poseflow.segmentation.words.word_shares`.
        labels: (N,) from 0, and UNLABELLED; where to begin.
        switch_cost: Of a change of label, in nats.
        allow_unlabelled: Whether frames that no label explains better than the clip as a whole stay unlabelled.
    """
    n_labels = int(labels.max(initial=-1)) + 1
    if n_labels == 0:
        return labels
    for _ in range(ROUNDS):
        evidence = shares @ label_words(shares, labels, n_labels).T
        found = best_labels(evidence, switch_cost=switch_cost, unlabelled=0.0 if allow_unlabelled else None)
        if (found == labels).all():
            break
        labels = found
    return labels


def best_labels(
    evidence: NDArray[np.float64], *, switch_cost: float, unlabelled: NDArray[np.float64] | float | None = None
) -> NDArray[np.int64]:
    """(N,) the labels with the largest sum of evidence (N, L) less `switch_cost` for each change.

    Args:
        evidence: For each label; more is better.
        switch_cost: Of a change.
        unlabelled: Evidence for no label at all; None = every frame gets one.
    """
    if unlabelled is not None:
        nothing = np.broadcast_to(np.asarray(unlabelled, np.float64), (len(evidence),))[:, None]
        found = best_labels(np.concatenate([evidence, nothing], axis=1), switch_cost=switch_cost)
        return np.where(found == evidence.shape[1], UNLABELLED, found)
    n, count = evidence.shape
    stays = np.ones((n, count), bool)
    best = np.zeros(n, np.int64)
    total = evidence[0].copy()
    for t in range(1, n):
        best[t] = total.argmax()
        changed = total[best[t]] - switch_cost
        stays[t] = total >= changed
        total = np.maximum(total, changed) + evidence[t]
    labels = np.empty(n, np.int64)
    labels[-1] = total.argmax()
    for t in range(n - 1, 0, -1):
        labels[t - 1] = labels[t] if stays[t, labels[t]] else best[t]
    return labels
