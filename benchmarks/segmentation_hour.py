"""What an hour of film costs to segment: seconds, and memory of a process that does nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.segmentation_data import RATE_HZ, LabelledSequence

from poseflow.embed import embed_tracks
from poseflow.records import EmbeddingTrack
from poseflow.segment import segment
from poseflow.segmentation.pose_grid import same_pose_distance
from poseflow.segmentation.settings import SegmentSettings
from vvipe.embedder import Embedder

HOUR_FRAMES = round(3600 * RATE_HZ)


@dataclass(frozen=True)
class HourFigure:
    """Of `segment` on an hour of 30 fps embeddings.

    Attributes:
        wall_s, cpu_s: Time, and processor time of all cores.
        peak_bytes: Largest memory of the process, Python and packages included.
        labels, segments: How many were found.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    labels: int
    segments: int


@dataclass(frozen=True)
class FixedScorer:
    """A model of which only the id and the distance of two like poses are known, all that `segment` asks.

    It travels to another process without weights.
    """

    model_id: str
    unit: float
    score_anchors: tuple[float, float] = (0.0, 1.0)

    def expected_error(
        self, a: NDArray, b: NDArray, uncertainty_a: NDArray | None = None, uncertainty_b: NDArray | None = None
    ) -> NDArray:
        """(N,) the distance in units."""
        return np.asarray(np.linalg.norm(a - b, axis=-1) / self.unit)

    def match_probability(
        self, a: NDArray, b: NDArray, uncertainty_a: NDArray | None = None, uncertainty_b: NDArray | None = None
    ) -> NDArray:
        """(N,) 1 within a unit, else 0."""
        return np.asarray(self.expected_error(a, b) < 1, np.float64)


def measure_hour(sequences: Sequence[LabelledSequence], *, embedder: Embedder, settings: SegmentSettings) -> HourFigure:
    """The figure, on the embeddings of the sequences with detector noise, again and again till the hour is full."""
    tracks = [embed_tracks([sequence.filmed("D1")], embedder, smooth=False)[0] for sequence in sequences]
    scorer = FixedScorer(embedder.model_id, same_pose_distance(embedder, embedder.dimension))
    return segmented_alone(repeated(tracks, HOUR_FRAMES), scorer, settings)


def repeated(tracks: Sequence[EmbeddingTrack], frames: int) -> EmbeddingTrack:
    """One track of so many frames at 30 Hz: the tracks one after the other, over and over."""
    number = np.resize(np.arange(sum(len(track.time_s) for track in tracks)), frames)
    return EmbeddingTrack(
        person_id=1,
        time_s=np.arange(frames) / RATE_HZ,
        vectors=np.concatenate([track.vectors for track in tracks])[number],
        uncertainty=np.concatenate([track.uncertainty for track in tracks])[number],
        valid=np.concatenate([track.valid for track in tracks])[number],
        model=tracks[0].model,
        root_rotation=np.concatenate([track.root_rotation for track in tracks])[number],
    )


def segmented_alone(track: EmbeddingTrack, scorer: FixedScorer, settings: SegmentSettings) -> HourFigure:
    """The figure of one track, in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_segmented, track, scorer, settings).result()


def _segmented(track: EmbeddingTrack, scorer: FixedScorer, settings: SegmentSettings) -> HourFigure:
    import resource  # there is none on Windows

    wall_s, cpu_s = time.perf_counter(), time.process_time()
    timeline = segment(track, embedder=scorer, settings=settings)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return HourFigure(wall_s, cpu_s, peak, len(timeline.labels), len(timeline.segments))
