"""Actions that keep their labels: clusters of many clips, by which every new clip is labelled alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from poseflow.embedding_cost import PairScorer
from poseflow.errors import ModelMismatchError, NothingToScoreError
from poseflow.records import EmbeddingTrack
from poseflow.segment import Labelling, check_track, in_order_of_appearance
from poseflow.segmentation.cluster import hdbscan_sizes
from poseflow.segmentation.density import NOISE, DensityModel, fit_density
from poseflow.segmentation.pose_grid import STEP_S, pose_grid, same_pose_distance
from poseflow.segmentation.resegment import best_labels, label_words, relabel
from poseflow.segmentation.settings import MAX_WINDOWS, SegmentSettings
from poseflow.segmentation.spans import without_short
from poseflow.segmentation.words import Codebook, Windows, frames_of, learn_codebook, windows_of, word_shares

VOTE = 0.5
"""Nats a frame that the cluster of its window weighs beside its own words."""


@dataclass(frozen=True)
class ActionModel:
    """Labels learnt from clips.

    Attributes:
        names: Of the labels.
        density: HDBSCAN's clusters of windows; its label j is `names[j]`.
        codebook: The words.
        evidence: (L, W) float64 `poseflow.segmentation.resegment.label_words`.
        settings: With which it was fitted.
        embedding_model: Id of the weights that made the clips' embeddings.
        unit: `poseflow.segmentation.pose_grid.same_pose_distance` of that model.
        hop_s: Time from one window to the next.
    """

    names: tuple[str, ...]
    density: DensityModel
    codebook: Codebook
    evidence: NDArray[np.float64]
    settings: SegmentSettings
    embedding_model: str
    unit: float
    hop_s: float

    def __post_init__(self) -> None:
        if len(self.names) != self.density.n_labels or len(self.evidence) != len(self.names):
            raise ValueError(f"ActionModel: expected {self.density.n_labels} names and rows of evidence")
        if len(set(self.names)) != len(self.names) or not all(name.strip() for name in self.names):
            raise ValueError("ActionModel.names: expected names that differ, none empty")

    @property
    def sha256(self) -> str:
        """Of what labels depend on."""
        parts = (self.density.points, self.codebook.centres, self.evidence)
        return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()

    def renamed(self, names: Mapping[str, str]) -> ActionModel:
        """The same with other names; raises ValueError where a label is not there, or two would be called alike."""
        missing = sorted(set(names) - set(self.names))
        if missing:
            raise ValueError(f"rename: no label {', '.join(missing)}; there are {', '.join(self.names) or 'none'}")
        return replace(self, names=tuple(names.get(name, name) for name in self.names))


def fit_actions(
    tracks: Sequence[EmbeddingTrack],
    *,
    embedder: PairScorer,
    settings: SegmentSettings = SegmentSettings(method="hdbscan"),  # noqa: B008  (frozen)
) -> ActionModel:
    """A model of what is done in several clips; labels are named "1", "2", ... in order of appearance.

    Args:
        tracks: One person each.
        embedder: The model that made them all.
        settings: `method` must be hdbscan, the only one whose clusters can be kept.

    Raises:
        NothingToScoreError: A track has no valid frame, there is none, or nothing in them is done often enough.
        ModelMismatchError: A track was embedded by another model.
    """
    if settings.method != "hdbscan":
        raise ValueError(f"method: a kept model is fitted by hdbscan, got {settings.method!r}")
    if not tracks:
        raise NothingToScoreError("no clip to learn actions from; name videos, saved .parquet files or their folder")
    for track in tracks:
        check_track(track, embedder)
    unit = same_pose_distance(embedder, tracks[0].vectors.shape[1])
    grids = [pose_grid(track, unit=unit, settings=settings.grid) for track in tracks]
    seen = np.concatenate([grid.values[grid.is_seen] for grid in grids])
    codebook = learn_codebook(seen, settings.words, seed=settings.seed)
    shares = [word_shares(grid, codebook, settings.words) for grid in grids]
    hop_s = max(settings.words.hop_s, sum(map(len, shares)) * STEP_S / MAX_WINDOWS)
    windows = [windows_of(own, settings.windows, hop_s=hop_s) for own in shares]
    size, core = hdbscan_sizes(settings, hop_s)
    density, clusters = fit_density(
        np.concatenate([own.values for own in windows]), min_cluster_size=size, min_samples=core
    )
    if density.n_labels == 0:
        raise NothingToScoreError(
            f"nothing in these clips is done for {settings.min_cluster_s:g} s in all and apart from the rest; "
            "give more clips, or a shorter --min-cluster"
        )
    density, clusters = _in_order(density, clusters)
    evidence = _learn_evidence(shares, windows, clusters, density.n_labels, settings)
    names = tuple(str(number + 1) for number in range(density.n_labels))
    return ActionModel(names, density, codebook, evidence, settings, tracks[0].model, unit, hop_s)


def label_track(
    track: EmbeddingTrack, model: ActionModel, *, embedder: PairScorer, settings: SegmentSettings
) -> Labelling:
    """The model's labels along a track; moments that are like nothing in the model stay unlabelled.

    Args:
        track: One person.
        model: The kept labels.
        embedder: The model that made the track.
        settings: Only `min_duration_s` and `switch_cost` count.

    Raises:
        ModelMismatchError: The kept model was fitted on embeddings of another model.
    """
    if model.embedding_model != track.model:
        raise ModelMismatchError(
            f"the kept model was fitted on embeddings of {model.embedding_model}, the clip's are of {track.model}: "
            "fit it again, or embed the clip with that model"
        )
    check_track(track, embedder)
    grid = pose_grid(track, unit=model.unit, settings=model.settings.grid)
    shares = word_shares(grid, model.codebook, model.settings.words)
    windows = windows_of(shares, model.settings.windows, hop_s=model.hop_s)
    clusters, strength = model.density.predict(windows.values)
    index = frames_of(np.arange(len(clusters)), windows, len(shares))
    votes = np.zeros((len(shares), len(model.names)))
    is_voted = (clusters[index] != NOISE) & grid.is_seen
    votes[is_voted, clusters[index][is_voted]] = VOTE * strength[index][is_voted]
    evidence = shares @ model.evidence.T + votes
    unlabelled = np.where((clusters[index] == NOISE) & grid.is_seen, VOTE, 0.0)
    labels = best_labels(evidence, switch_cost=settings.switch_cost, unlabelled=unlabelled)
    labels = without_short(labels, least=settings.least_frames, evidence=evidence)
    return Labelling(grid, labels, evidence, model.names)


def _in_order(density: DensityModel, clusters: NDArray[np.int64]) -> tuple[DensityModel, NDArray[np.int64]]:
    """The same with labels numbered as they first come."""
    ordered = in_order_of_appearance(clusters)
    number = np.full(density.n_labels + 1, NOISE, np.int64)  # the last is NOISE's own
    number[clusters] = ordered
    unseen = np.flatnonzero(number[:-1] == NOISE)
    number[unseen] = ordered.max(initial=-1) + 1 + np.arange(len(unseen))
    return replace(density, cluster_label=number[density.cluster_label]), ordered


def _learn_evidence(
    shares: Sequence[NDArray[np.float64]],
    windows: Sequence[Windows],
    clusters: NDArray[np.int64],
    n_labels: int,
    settings: SegmentSettings,
) -> NDArray[np.float64]:
    """(L, W) words of each label, its borders put right over the clips in a row."""
    ends = np.cumsum([len(own.frame) for own in windows])
    own_clusters = np.split(clusters, ends[:-1])
    rough = [frames_of(c, w, len(s)) for c, w, s in zip(own_clusters, windows, shares, strict=True)]
    row, labels = np.concatenate(list(shares)), np.concatenate(rough)
    fine = relabel(row, labels, switch_cost=settings.switch_cost, allow_unlabelled=True)
    is_kept = np.isin(np.arange(n_labels), fine)
    # A label that lost all its frames keeps those that it began with.
    fine = np.where(is_kept[np.maximum(labels, 0)] | (labels < 0), fine, labels)
    return label_words(row, fine, n_labels)
