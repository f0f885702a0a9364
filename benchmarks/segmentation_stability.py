"""Whether labels stay: from clips that the kept model never saw, and from one camera to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.bootstrap import mean_interval
from poseflow_benchmarks.mocap_clips import Noise
from poseflow_benchmarks.segmentation_data import LabelledSequence
from poseflow_benchmarks.segmentation_features import KEYPOINTS, OURS, Described, Describer
from poseflow_benchmarks.segmentation_metrics import UNLABELLED, adjusted_rand, matched
from poseflow_benchmarks.segmentation_rows import segment_ours

from poseflow.records import EmbeddingTrack
from poseflow.segment import segment
from poseflow.segmentation.action_model import ActionModel, fit_actions
from poseflow.segmentation.settings import SegmentSettings
from vvipe.embedder import Embedder


@dataclass(frozen=True)
class StabilityFigure:
    """A model fitted on half of the films labels the other half, beside one that was fitted on all.

    Attributes:
        source: GT, D0 or D1.
        labels_half, labels_all: How many labels the two models have.
        agreement: Share of the other half's moments with the same label after one matching over all of them; both
            leaving a moment unlabelled agrees.
        rand: Adjusted Rand index of the two.
        labelled: Share of those moments that the model of half the films gives a label.
    """

    source: str
    labels_half: int
    labels_all: int
    agreement: float
    rand: float
    labelled: float


@dataclass(frozen=True)
class CameraFigure:
    """Adjusted Rand index between the timelines of two cameras of one movement, means over sequences.

    Attributes:
        ours: Of `segment`'s pipeline on our embedding.
        keypoints: Of the same pipeline on 2D keypoints.
        lead: Ours less that, with a 95 % interval over sequences.
    """

    source: str
    knows_k: bool
    ours: float
    keypoints: float
    lead: tuple[float, float, float]


def measure_stability(
    sequences: Sequence[LabelledSequence], sources: Sequence[Noise | None], *, embedder: Embedder
) -> Iterator[StabilityFigure]:
    """One figure an input; the model is fitted on every other film."""
    from poseflow.embed import embed_tracks

    for source in sources:
        tracks = [embed_tracks([sequence.filmed(source)], embedder, smooth=False)[0] for sequence in sequences]
        half = fit_actions(tracks[::2], embedder=embedder)
        whole = fit_actions(tracks, embedder=embedder)
        unseen = tracks[1::2]
        by_half, by_all = (_labels(unseen, model, embedder) for model in (half, whole))
        # Unlabelled moments are a label of their own, so that both leaving one out agrees.
        agreement = float((_shifted(by_all) == matched(_shifted(by_all), _shifted(by_half))).mean())
        yield StabilityFigure(
            source=source or "GT",
            labels_half=len(half.names),
            labels_all=len(whole.names),
            agreement=agreement,
            rand=adjusted_rand(by_all, by_half),
            labelled=float((by_half != UNLABELLED).mean()),
        )


def measure_cameras(
    sequences: Sequence[LabelledSequence],
    sources: Sequence[Noise | None],
    describer: Describer,
    settings: SegmentSettings,
    *,
    seed: int = 0,
) -> Iterator[CameraFigure]:
    """One figure an input, K given and not."""
    plain = replace(describer, prvipe=None)
    for source in sources:
        films = [
            [plain.describe(sequence.filmed(source, camera=camera)) for camera in range(2)] for sequence in sequences
        ]
        for knows_k in (True, False):
            found: dict[str, list[float]] = {OURS: [], KEYPOINTS: []}
            for sequence, pair in zip(sequences, films, strict=True):
                k = len(np.unique(sequence.truth)) if knows_k else None
                for kind, values in found.items():
                    values.append(_camera_rand(sequence, [own[kind] for own in pair], k, settings))
            ours, keypoints = (np.array(values) for values in found.values())
            lead = mean_interval(ours - keypoints, seed=seed)
            yield CameraFigure(source or "GT", knows_k, float(ours.mean()), float(keypoints.mean()), lead)


def _camera_rand(
    sequence: LabelledSequence, pair: Sequence[Described], k: int | None, settings: SegmentSettings
) -> float:
    one, other = (film.at(sequence.time_s, segment_ours([film], k, settings=settings)[0]) for film in pair)
    return adjusted_rand(one, other)


def _labels(tracks: Sequence[EmbeddingTrack], model: ActionModel, embedder: Embedder) -> NDArray[np.int64]:
    """The model's label numbers at all frames of the tracks."""
    found = []
    for track in tracks:
        timeline = segment(track, embedder=embedder, model=model)
        names = np.array([model.names.index(label) for label in timeline.labels], np.int64)
        numbers = timeline.labels_at(track.time_s)
        found.append(np.where(numbers == UNLABELLED, UNLABELLED, names[numbers] if len(names) else UNLABELLED))
    return np.concatenate(found)


def _shifted(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    return labels - UNLABELLED
