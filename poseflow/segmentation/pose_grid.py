"""Poses on an even time grid, as clustering sees them: embedding, its speed, and how the body leans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poseflow.embedding_cost import PairScorer
from poseflow.records import EmbeddingTrack
from poseflow.segmentation.moving_features import with_change
from poseflow.time_series import FINEST_STEP_S, TimeSeries

EVERY = 3
"""Grid frames are every third of a 30 Hz resampling: 0.1 s."""
STEP_S = EVERY * FINEST_STEP_S
_CAMERA_UP = (0.0, -1.0, 0.0)
_SAME_POSE = 0.5
_KNOTS = 4096


@dataclass(frozen=True)
class GridSettings:
    """What a frame is described by.

    Attributes:
        speed_weight: Of the embedding's change over 0.27 s, against the embedding itself.
        use_orientation: Whether the body's lean against the vertical counts (recovered root rotation).
        orientation_weight: Of the lean: how many of the model's same-pose distances half a turn is worth.
    """

    speed_weight: float = 1.0
    use_orientation: bool = True
    orientation_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.speed_weight < 0 or self.orientation_weight < 0:
            raise ValueError("GridSettings: expected weights of 0 or more")


@dataclass(frozen=True)
class PoseGrid:
    """A person's poses every STEP_S.

    Attributes:
        time_s: (N,) float64; a frame stands for half a step before and after.
        values: (N, F) float32 in the model's same-pose distances; 0 where not seen.
        is_seen: (N,) bool.
        source: (N,) the number of the nearest frame of the track.
    """

    time_s: NDArray[np.float64]
    values: NDArray[np.float32]
    is_seen: NDArray[np.bool_]
    source: NDArray[np.int64]


def same_pose_distance(scorer: PairScorer, dimension: int) -> float:
    """The distance of two embeddings that are the same pose with probability a half; the unit of features."""
    at = np.zeros((_KNOTS, dimension), np.float32)
    at[:, 0] = np.geomspace(1e-3, 1e3, _KNOTS)
    is_other = scorer.match_probability(np.zeros_like(at), at) < _SAME_POSE
    return float(at[int(np.argmax(is_other)), 0]) if is_other.any() else float(at[-1, 0])


def pose_grid(track: EmbeddingTrack, *, unit: float, settings: GridSettings) -> PoseGrid:
    """The track on the grid, smoothed a little, unseen stretches over 0.2 s left out.

    Args:
        track: One person.
        unit: Embedding distance that counts as one (`same_pose_distance`).
        settings: What a frame is described by.

    Raises:
        NothingToScoreError: No frame is valid.
    """
    features = [track.vectors.astype(np.float64) / unit]
    if settings.use_orientation:
        features.append(settings.orientation_weight * _lean(track))
    series = TimeSeries(track.time_s, np.concatenate(features, axis=1), track.valid)
    return feature_grid(series, moving=track.vectors.shape[1], speed_weight=settings.speed_weight)


def feature_grid(series: TimeSeries, *, moving: int, speed_weight: float) -> PoseGrid:
    """Any features (T, F) on the grid, and the speed of the first `moving` of them.

    Raises:
        NothingToScoreError: No frame is seen.
    """
    fine = with_change(series, weight=speed_weight, moving=moving)
    every = slice(min(EVERY // 2, len(fine.time_s) - 1), None, EVERY)
    time_s, is_seen = fine.time_s[every], fine.is_seen[every]
    kept = np.where(is_seen[:, None], fine.values[every], 0).astype(np.float32)
    return PoseGrid(time_s, kept, is_seen, _nearest(series.time_s, time_s))


def _lean(track: EmbeddingTrack) -> NDArray[np.float64]:
    """(T, 3) the camera's up seen in the body's own axes; 0 where the rotation is unknown, which tells nothing."""
    from scipy.spatial.transform import Rotation

    known: NDArray[np.bool_] = np.asarray(np.isfinite(track.root_rotation).all(1))
    lean = np.zeros((len(known), 3))
    if known.any():
        turn = Rotation.from_quat(track.root_rotation[known].astype(np.float64), scalar_first=True)
        lean[known] = turn.apply(_CAMERA_UP, inverse=True)
    return lean


def _nearest(times: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.int64]:
    after = np.clip(np.searchsorted(times, wanted), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(wanted - times[before] < times[after] - wanted, before, after).astype(np.int64)
