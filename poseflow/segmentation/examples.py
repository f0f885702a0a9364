"""Labels by example: one clip or more of each action makes a classifier over a timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from poseflow.embedding_cost import PairScorer
from poseflow.records import EmbeddingTrack
from poseflow.segment import Labelling, check_track
from poseflow.segmentation.pose_grid import pose_grid, same_pose_distance
from poseflow.segmentation.resegment import best_labels
from poseflow.segmentation.settings import SegmentSettings
from poseflow.segmentation.spans import without_short
from poseflow.segmentation.words import learn_codebook, word_shares

WORDS = 16
"""Fewer than a clip's own clusters take: one short example must hold most words of its action. Chosen with DOUBT on ten
compositions of CMU movements, all or half of the actions shown by one clip each: 81 % of frames right, 78 with 64
(measured once, no command prints it)."""
DOUBT = 0.25
"""Nats a frame by which a label may explain the clip worse than its own mix of poses does: where the clip holds nothing
but one action, the two are equal."""
_PRIOR = 0.02


def label_by_examples(
    track: EmbeddingTrack,
    examples: Mapping[str, Sequence[EmbeddingTrack]],
    *,
    embedder: PairScorer,
    settings: SegmentSettings = SegmentSettings(),  # noqa: B008  (frozen)
) -> Labelling:
    """Which example each moment of a track is like; what is like none stays unlabelled.

    Args:
        track: One person.
        examples: Label -> tracks of people doing that and nothing else.
        embedder: The model that made all of them.
        settings: Features, windows, `min_duration_s` and `switch_cost` count.

    Raises:
        ValueError: There is no example.
        NothingToScoreError: A track has no valid frame.
        ModelMismatchError: A track was embedded by another model.
    """
    if not examples or not all(examples.values()):
        raise ValueError("examples: expected a clip for each label, got none")
    shown = [(number, own) for number, tracks in enumerate(examples.values()) for own in tracks]
    for each in (track, *(own for _, own in shown)):
        check_track(each, embedder)
    unit = same_pose_distance(embedder, track.vectors.shape[1])
    grids = [pose_grid(own, unit=unit, settings=settings.grid) for own in (track, *(own for _, own in shown))]
    poses = np.concatenate([grid.values[grid.is_seen] for grid in grids])
    words = replace(settings.words, words=WORDS)
    codebook = learn_codebook(poses, words, seed=settings.seed)
    own, *others = [word_shares(grid, codebook, words) for grid in grids]
    totals = np.zeros((len(examples), own.shape[1]))
    for (number, _), shares in zip(shown, others, strict=True):
        totals[number] += shares.sum(0)
    mix = own.sum(0) + totals.mean(0) * 1e-6
    mix = (mix + 1e-9) / (mix + 1e-9).sum()
    totals = (1 - _PRIOR) * totals / totals.sum(1, keepdims=True) + _PRIOR * mix
    evidence = own @ np.log(totals / mix).T
    labels = best_labels(evidence, switch_cost=settings.switch_cost, unlabelled=np.where(grids[0].is_seen, -DOUBT, 0.0))
    labels = without_short(labels, least=settings.least_frames, evidence=evidence)
    return Labelling(grids[0], labels, evidence, tuple(examples))
