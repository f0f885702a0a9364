"""What a person does when: an embedding track as a timeline of labelled segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poseflow.embed import shipped_embedder
from poseflow.embedding_cost import PairScorer
from poseflow.errors import ModelMismatchError, NothingToScoreError
from poseflow.records import EmbeddingTrack, Segment
from poseflow.segmentation.cluster import cluster_windows
from poseflow.segmentation.pose_grid import STEP_S, PoseGrid, pose_grid, same_pose_distance
from poseflow.segmentation.resegment import UNLABELLED, label_words, relabel
from poseflow.segmentation.settings import MAX_WINDOWS, SegmentSettings
from poseflow.segmentation.spans import BRIDGED_S, seen_spans, without_short
from poseflow.segmentation.words import frames_of, learn_codebook, windows_of, word_shares

if TYPE_CHECKING:
    from poseflow.segmentation.action_model import ActionModel

CONFIDENCE_S = 1.0
"""What a moment alone says is judged over that much time around it."""


@dataclass(frozen=True)
class Timeline:
    """The segments of one person.

    Attributes:
        segments: In order of time; they do not overlap, and what lies between them is unlabelled or unseen.
        person_id: Who.
        key_s: The time of the most typical moment of each segment.
        signature: How it was made; timelines with unequal signatures are not comparable.
    """

    segments: tuple[Segment, ...]
    person_id: int
    key_s: tuple[float, ...]
    signature: str

    @property
    def labels(self) -> tuple[str, ...]:
        """Each label once, in order of appearance."""
        return tuple(dict.fromkeys(segment.label for segment in self.segments))

    def labels_at(self, time_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """(T,) the number of the label in `labels` at each of the times (T,), UNLABELLED between segments."""
        found = np.full(len(time_s), UNLABELLED, np.int64)
        for segment in self.segments:
            found[(time_s >= segment.start_s) & (time_s < segment.end_s)] = self.labels.index(segment.label)
        return found

    def renamed(self, names: Mapping[str, str]) -> Timeline:
        """The same with other labels; raises ValueError where a label is not there."""
        known = {segment.label for segment in self.segments}
        missing = sorted(set(names) - known)
        if missing:
            raise ValueError(f"rename: no label {', '.join(missing)}; there are {', '.join(sorted(known)) or 'none'}")
        named = (replace(segment, label=names.get(segment.label, segment.label)) for segment in self.segments)
        return replace(self, segments=tuple(named))


def segment(
    track: EmbeddingTrack,
    *,
    embedder: PairScorer | None = None,
    model: ActionModel | None = None,
    examples: Mapping[str, Sequence[EmbeddingTrack]] | None = None,
    settings: SegmentSettings = SegmentSettings(),  # noqa: B008  (frozen)
) -> Timeline:
    """The timeline of a track: labels are numbers of clusters, "1", "2", ... in order of appearance, or a model's.

    Args:
        track: One person.
        embedder: The model that made the track; the shipped one by default.
        model: A kept model (`poseflow.segmentation.action_model`), whose labels are the same on every clip; its own
            settings then hold, but for `min_duration_s` and `switch_cost`.
        examples: Label -> tracks of that action alone: moments that are like one get its label, others none.
        settings: How segments are found.

    Raises:
        ValueError: Both a kept model and examples are given.
        NothingToScoreError: The track has no valid frame.
        ModelMismatchError: The track, the embedder and the kept model are not of one embedding model.
    """
    embedder = embedder or shipped_embedder()
    check_track(track, embedder)
    if model is not None and examples is not None:
        raise ValueError("segment: expected a kept model or examples, got both")
    if model is not None:
        from poseflow.segmentation.action_model import label_track

        found, how = label_track(track, model, embedder=embedder, settings=settings), f"model:{model.sha256[:8]}"
    elif examples is not None:
        from poseflow.segmentation.examples import label_by_examples

        found, how = label_by_examples(track, examples, embedder=embedder, settings=settings), "examples"
    else:
        found, how = find_labels(track, embedder, settings), _method(settings)
    signature = f"poseflow|emb:{track.model}|seg:{how}|min:{settings.min_duration_s:g}s|v{version('poseflow')}"
    return timeline(track, found, signature=signature)


@dataclass(frozen=True)
class Labelling:
    """A label for each frame of a grid, and what speaks for each label there.

    Attributes:
        grid: The frames.
        labels: (N,) from 0, UNLABELLED where none.
        evidence: (N, L) nats by which the frame's words are likelier under each label than in general.
        names: Of the labels.
    """

    grid: PoseGrid
    labels: NDArray[np.int64]
    evidence: NDArray[np.float64]
    names: tuple[str, ...]


def find_labels(track: EmbeddingTrack, embedder: PairScorer, settings: SegmentSettings) -> Labelling:
    """Labels by clustering the track itself, numbered from "1" in order of appearance."""
    grid = pose_grid(track, unit=same_pose_distance(embedder, track.vectors.shape[1]), settings=settings.grid)
    return label_grid(grid, settings)


def label_grid(grid: PoseGrid, settings: SegmentSettings) -> Labelling:
    """Labels by clustering the grid's frames, whatever describes them."""
    codebook = learn_codebook(grid.values[grid.is_seen], settings.words, seed=settings.seed)
    shares = word_shares(grid, codebook, settings.words)
    hop_s = max(settings.words.hop_s, len(shares) * STEP_S / MAX_WINDOWS)
    windows = windows_of(shares, settings.windows, hop_s=hop_s)
    clusters = cluster_windows(windows.values, settings, hop_s=hop_s)
    labels = relabel(
        shares,
        frames_of(clusters, windows, len(shares)),
        switch_cost=settings.switch_cost,
        allow_unlabelled=settings.method == "hdbscan",
    )
    evidence = shares @ label_words(shares, labels, int(labels.max(initial=-1)) + 1).T
    labels = without_short(labels, least=settings.least_frames, evidence=evidence)
    kept = appearing(labels)
    names = tuple(str(number + 1) for number in range(len(kept)))
    return Labelling(grid, in_order_of_appearance(labels), evidence[:, kept], names)


def timeline(track: EmbeddingTrack, found: Labelling, *, signature: str) -> Timeline:
    """Spans of the labels in seconds, with confidence and key moment."""
    spans = seen_spans(found.labels, found.grid.is_seen, bridged=round(BRIDGED_S / STEP_S))
    agrees = _agreement(found)
    last_s = _end_s(track)
    segments, keys = [], []
    for number, (start, end) in enumerate(spans):
        label = found.labels[start]
        begin_s = max(float(found.grid.time_s[start] - STEP_S / 2), float(track.time_s[0]))
        is_last = number == len(spans) - 1 and end == len(found.labels)
        touches = number + 1 < len(spans) and spans[number + 1][0] == end
        # Where the next one follows at once, its own start to the last bit: no overlap by rounding.
        end_s = last_s if is_last else float(found.grid.time_s[end - 1] + STEP_S / 2)
        end_s = float(found.grid.time_s[end] - STEP_S / 2) if touches else min(end_s, last_s)
        confidence = float(agrees[start:end].mean())
        segments.append(Segment(begin_s, end_s, found.names[label], confidence))
        keys.append(_key_s(track, found, start, end))
    return Timeline(tuple(segments), track.person_id, tuple(keys), signature)


def appearing(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The labels that there are, as they first come, without UNLABELLED."""
    names, first = np.unique(labels[labels != UNLABELLED], return_index=True)
    return np.asarray(names[np.argsort(first)], np.int64)


def in_order_of_appearance(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same labels numbered from 0 as they first come; UNLABELLED stays."""
    result = np.full(len(labels), UNLABELLED, np.int64)
    for number, name in enumerate(appearing(labels)):
        result[labels == name] = number
    return result


def check_track(track: EmbeddingTrack, embedder: PairScorer) -> None:
    """Raises NothingToScoreError without a valid frame, ModelMismatchError where the embedder is another model."""
    if not track.valid.any():
        raise NothingToScoreError("no usable pose in the clip: too little of the person was seen to tell segments")
    if track.model != embedder.model_id:
        raise ModelMismatchError(
            f"the clip was embedded by {track.model}, the model here is {embedder.model_id}: embed the clip again, "
            "or name its model with --model"
        )


def _agreement(found: Labelling) -> NDArray[np.float64]:
    """(N,) whether what is seen within CONFIDENCE_S around a frame alone speaks for its label."""
    from scipy.ndimage import uniform_filter1d

    if not found.evidence.shape[1]:
        return np.zeros(len(found.labels))
    around = uniform_filter1d(found.evidence, max(1, round(CONFIDENCE_S / STEP_S)), axis=0, mode="nearest")
    return np.asarray(around.argmax(1) == found.labels, np.float64)


def _key_s(track: EmbeddingTrack, found: Labelling, start: int, end: int) -> float:
    """Time of the track's frame nearest to the middle of the span's poses (the medoid of up to 500 of them)."""
    from scipy.spatial.distance import cdist

    seen = start + np.flatnonzero(found.grid.is_seen[start:end])
    seen = seen[:: -(-len(seen) // 500)]
    values = found.grid.values[seen, : track.vectors.shape[1]]
    return float(track.time_s[found.grid.source[seen[cdist(values, values).sum(1).argmin()]]])


def _end_s(track: EmbeddingTrack) -> float:
    """Time at which the last valid frame ends: one median step after it."""
    step_s = float(np.median(np.diff(track.time_s))) if len(track.time_s) > 1 else STEP_S
    return float(track.time_s[track.valid][-1] + step_s)


def _method(settings: SegmentSettings) -> str:
    k = "" if settings.clusters is None else f":k={settings.clusters}"
    return f"{settings.method}{k}{'+lean' if settings.grid.use_orientation else ''}"
