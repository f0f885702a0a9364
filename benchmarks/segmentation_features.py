"""What segmentation may look at in a film: our embedding, or what others would cluster in its place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.sync import keypoint_series
from poseflow_benchmarks.system_series import details_series

from poseflow.embed import embed_tracks
from poseflow.records import EmbeddingTrack, PoseTrack
from poseflow.segmentation.pose_grid import STEP_S, GridSettings, PoseGrid, feature_grid, pose_grid, same_pose_distance
from poseflow.time_series import TimeSeries
from vvipe.embedder import Embedder
from vvipe.systems.retrieval import ProbabilisticSystem

OURS = "embedding (ours)"
PRVIPE = "Pr-VIPE"
KEYPOINTS = "2D keypoints"
DECODED = "decoded 3D"


@dataclass(frozen=True)
class Described:
    """One film as one kind of feature describes it.

    Attributes:
        grid: The features every 0.1 s, with their speed: what our pipeline clusters.
        frames: (N, F) the features alone, gaps filled from the nearest seen frames: what the other methods cluster.
    """

    grid: PoseGrid
    frames: NDArray[np.float64]

    def at(self, time_s: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """(T,) the labels (N,) of the grid's frames at other times."""
        number = np.rint((time_s - self.grid.time_s[0]) / STEP_S).astype(int)
        return np.asarray(labels[np.clip(number, 0, len(labels) - 1)], np.int64)


@dataclass(frozen=True)
class Describer:
    """All kinds of features of a film as `LabelledSequence.filmed` gives it; ours first.

    The others are brought to the variance that our embedding has over the film, in same-pose distances, so that one
    setting suits all. Our embedding alone has the body's lean beside it, as `segment` has; 2D keypoints show it.

    Attributes:
        embedder: Our model.
        prvipe: Pr-VIPE, where it is trained.
        settings: Of the grid.
    """

    embedder: Embedder
    prvipe: ProbabilisticSystem | None = None
    settings: GridSettings = GridSettings()

    def embed(self, film: PoseTrack) -> EmbeddingTrack:
        """The film's embedding, as `poseflow embed` makes it."""
        return embed_tracks([film], self.embedder, smooth=False)[0]

    def describe(self, film: PoseTrack, track: EmbeddingTrack | None = None) -> dict[str, Described]:
        """Name of the features -> what they say; `track` is the film's embedding where it is there already."""
        track = track or self.embed(film)
        found = {OURS: self.ours(track)}
        variance = float(self._in_units(track)[track.valid].var(0).sum())
        for name, series in self._others(film, track).items():
            alike = scaled(series, variance)
            grid = feature_grid(alike, moving=alike.values.shape[1], speed_weight=self.settings.speed_weight)
            found[name] = Described(grid, _filled(alike))
        return found

    def ours(self, track: EmbeddingTrack) -> Described:
        """What `segment` sees of a track."""
        unit = same_pose_distance(self.embedder, self.embedder.dimension)
        alone = TimeSeries(track.time_s, self._in_units(track), track.valid)
        return Described(pose_grid(track, unit=unit, settings=self.settings), _filled(alone))

    def _in_units(self, track: EmbeddingTrack) -> NDArray[np.float64]:
        """Vectors (T, D) in same-pose distances."""
        return track.vectors.astype(np.float64) / same_pose_distance(self.embedder, self.embedder.dimension)

    def _others(self, film: PoseTrack, track: EmbeddingTrack) -> dict[str, TimeSeries]:
        others = {} if self.prvipe is None else {PRVIPE: _means(film, self.prvipe)}
        return others | {KEYPOINTS: whole_keypoints(film), DECODED: _decoded(track, self.embedder)}


def scaled(series: TimeSeries, variance: float) -> TimeSeries:
    """The series with that sum of its features' variances over seen frames; one that never changes stays."""
    own = series.values[series.is_seen].astype(np.float64).var(0).sum()
    factor = np.sqrt(variance / own) if own > 0 else 1.0
    return TimeSeries(series.time_s, series.values.astype(np.float64) * factor, series.is_seen)


def whole_keypoints(film: PoseTrack) -> TimeSeries:
    """2D keypoints (T, 26) as the papers normalise them, each missing one filled over time."""
    series = keypoint_series(film)
    values = series.values.astype(np.float64)
    for column in values.T:
        known = np.flatnonzero(np.isfinite(column) & series.is_seen)
        column[:] = np.interp(np.arange(len(column)), known, column[known]) if len(known) else 0.0
    return TimeSeries(series.time_s, values, series.is_seen)


def _decoded(track: EmbeddingTrack, embedder: Embedder) -> TimeSeries:
    """Canonical poses (T, 51)."""
    poses = np.full((len(track.time_s), 51), np.nan)
    poses[track.valid] = embedder.decode(track.vectors[track.valid]).reshape(-1, 51)
    return TimeSeries(track.time_s, poses, track.valid)


def _means(film: PoseTrack, system: ProbabilisticSystem) -> TimeSeries:
    """The middles of Pr-VIPE's Gaussians (T, D)."""
    series = details_series(system, film)
    return TimeSeries(series.time_s, series.values[:, : series.values.shape[1] // 2], series.is_seen)


def _filled(series: TimeSeries) -> NDArray[np.float64]:
    """(N, F) on the grid's times, unseen stretches bridged in a straight line."""
    grid = feature_grid(series, moving=0, speed_weight=0.0)
    seen = np.flatnonzero(grid.is_seen)
    number = np.arange(len(grid.time_s))
    return np.stack([np.interp(number, seen, column[seen]) for column in grid.values.T.astype(np.float64)], axis=1)
