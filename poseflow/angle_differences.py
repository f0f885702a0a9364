"""Joint angles of two people at aligned times, and where they can be compared at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from poseflow.errors import ModelMismatchError
from poseflow.hinges import HINGES
from poseflow.joint_angles import ANGLES, ROOT_ANGLES, joint_angles, root_angles, wrap_deg
from poseflow.pair_fit import PairFit, ViewedPoses, fit_pair
from poseflow.records import EmbeddingTrack, MatchResult, PoseTrack
from vvipe.skeleton import COCO13, conversion_indices

ALL_ANGLES = (*ANGLES, *ROOT_ANGLES)
GRID_S = 1 / 15
"""Differences are told after averaging over a longer time; nothing is lost at that rate."""
MAX_GAP_S = 0.25
"""Between two frames farther apart nothing is known."""
MIN_SCORE = 0.15
"""Keypoints less certain than that count as not seen."""
MAX_TURN_SD_DEG = 35.0
"""Turns that two views tell less surely than that are not judged."""


class PoseDecoder(Protocol):
    """What feedback needs of `vvipe.Embedder`."""

    @property
    def model_id(self) -> str: ...

    def decode(self, vectors: NDArray) -> NDArray: ...


@dataclass(frozen=True)
class AngleDifferences:
    """Query - reference at T moments of the query, for A angles (ALL_ANGLES).

    Attributes:
        time_s: (T,) the query's time, in even steps.
        delta_deg: (T, A) in [-180, 180); NaN where not known.
        uncertainty: (T,) expected error of the two poses together (root of summed squares), torso lengths.
        sd_deg: (T, A) how surely the two views tell the turn behind an angle, by their geometry alone; NaN where
            there were no keypoints, and of lean and facing.
        is_seen: (T, A) whether the angle's joints were seen on both sides, and the views can tell it.
        has_keypoints: Whether keypoints were at hand, so that both views were explained together.
    """

    time_s: NDArray[np.float64]
    delta_deg: NDArray[np.float64]
    uncertainty: NDArray[np.float64]
    sd_deg: NDArray[np.float64]
    is_seen: NDArray[np.bool_]
    has_keypoints: bool


def angle_differences(
    ref: EmbeddingTrack,
    query: EmbeddingTrack,
    result: MatchResult,
    *,
    decoder: PoseDecoder,
    ref_track: PoseTrack | None = None,
    query_track: PoseTrack | None = None,
) -> AngleDifferences:
    """The differences along the path of a match; arguments as `poseflow.feedback.feedback`.

    Raises:
        ModelMismatchError: The decoder is of another model.
    """
    if not ref.model == query.model == decoder.model_id:
        raise ModelMismatchError(
            f"the clips were embedded by {ref.model} and {query.model}, and {decoder.model_id} is to decode them; "
            "embed both with one model, and name it with --model"
        )
    ref_s, time_s = aligned_times(result)
    sides = [
        _Side.sample(track, points, at, decoder)
        for track, points, at in ((ref, ref_track, ref_s), (query, query_track, time_s))
    ]
    known = sides[0].is_known & sides[1].is_known
    has_keypoints = ref_track is not None and query_track is not None
    delta = np.full((len(time_s), len(ALL_ANGLES)), np.nan)
    sd = np.full(delta.shape, np.nan)
    is_seen = np.broadcast_to(known[:, None], delta.shape) & _joints_seen(sides)
    if known.any() and has_keypoints:
        fit = fit_pair(sides[0].viewed(known), sides[1].viewed(known), step_s=GRID_S)
        delta[known] = _fitted(fit)
        sd[known] = _sd_deg(fit)
        is_seen &= ~(sd > MAX_TURN_SD_DEG)
    elif known.any():
        angles = [np.hstack([joint_angles(s.poses), root_angles(s.poses, s.rotation)])[known] for s in sides]
        delta[known] = wrap_deg(angles[1] - angles[0])
    uncertainty = np.hypot(sides[0].uncertainty, sides[1].uncertainty)
    return AngleDifferences(time_s, delta, uncertainty, sd, is_seen & np.isfinite(delta), has_keypoints)


def aligned_times(result: MatchResult) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (T,) of the reference and of the query, the latter in even steps; pauses of the query are left out."""
    query_s, first = np.unique(result.query_s, return_index=True)
    counts = np.diff(np.append(first, len(result.query_s)))
    ref_s = np.add.reduceat(result.ref_s, first) / counts
    grid = np.arange(query_s[0], query_s[-1] + GRID_S / 2, GRID_S)
    for pause in result.pauses:
        if pause.side == "query":
            grid = grid[(grid < pause.start_s) | (grid >= pause.end_s)]
    return np.interp(grid, query_s, ref_s), grid


@dataclass(frozen=True)
class _Side:
    """One person at T moments; NaN where not known."""

    poses: NDArray[np.float64]
    rotation: NDArray[np.float64]
    uncertainty: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    scores: NDArray[np.float64]
    has_keypoints: bool

    @classmethod
    def sample(cls, track: EmbeddingTrack, points: PoseTrack | None, at: NDArray, decoder: PoseDecoder) -> _Side:
        vectors = sampled(track.time_s, np.where(track.valid[:, None], track.vectors, np.nan), at)
        known = np.isfinite(vectors).all(1)
        poses = np.full((len(at), 17, 3), np.nan)
        if known.any():
            poses[known] = decoder.decode(vectors[known].astype(np.float32))
        nearest = np.abs(track.time_s[:, None] - at[None]).argmin(0) if len(track.time_s) < 2 else _nearest(track, at)
        keypoints, scores = np.full((len(at), 13, 2), np.nan), np.zeros((len(at), 13))
        if points is not None:
            order = conversion_indices(points.skeleton, COCO13)
            keypoints = sampled(points.time_s, points.keypoints[:, order].astype(np.float64), at)
            scores = np.nan_to_num(sampled(points.time_s, points.scores[:, order].astype(np.float64), at))
        return cls(
            poses=poses,
            rotation=track.root_rotation[nearest].astype(np.float64),
            uncertainty=sampled(track.time_s, track.uncertainty.astype(np.float64), at),
            keypoints=keypoints,
            scores=scores,
            has_keypoints=points is not None,
        )

    @property
    def is_known(self) -> NDArray[np.bool_]:
        return np.asarray(np.isfinite(self.poses).all((1, 2)))

    @property
    def is_joint_seen(self) -> NDArray[np.bool_]:
        """(T, 13); all of them where no keypoints are at hand."""
        if not self.has_keypoints:
            return np.ones(self.scores.shape, bool)
        return np.asarray(np.isfinite(self.keypoints).all(-1) & (self.scores >= MIN_SCORE))

    def viewed(self, rows: NDArray[np.bool_]) -> ViewedPoses:
        return ViewedPoses(self.poses[rows], self.rotation[rows], self.keypoints[rows], self.scores[rows])


def sampled(time_s: NDArray[np.float64], values: NDArray, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (T, ...) at other times, linearly; NaN outside, across gaps over MAX_GAP_S, and next to NaN."""
    after = np.clip(np.searchsorted(time_s, at), 1, max(1, len(time_s) - 1))
    if len(time_s) == 1:
        shown = np.abs(at - time_s[0]) < 1e-6
        return np.where(shown.reshape(-1, *[1] * (values.ndim - 1)), values[0], np.nan)
    gap = time_s[after] - time_s[after - 1]
    share = (at - time_s[after - 1]) / gap
    is_between = (share > -1e-6) & (share < 1 + 1e-6) & (gap <= MAX_GAP_S)
    share = np.clip(share, 0, 1).reshape(-1, *[1] * (values.ndim - 1))
    before = np.where(share >= 1 - 1e-6, 0.0, (1 - share) * values[after - 1])
    between = before + np.where(share <= 1e-6, 0.0, share * values[after])
    return np.where(is_between.reshape(share.shape), between, np.nan)


def _nearest(track: EmbeddingTrack, at: NDArray[np.float64]) -> NDArray[np.int64]:
    after = np.clip(np.searchsorted(track.time_s, at), 1, len(track.time_s) - 1)
    is_before = at - track.time_s[after - 1] < track.time_s[after] - at
    return np.asarray(after - is_before)


def _joints_seen(sides: list[_Side]) -> NDArray[np.bool_]:
    """(T, A) whether the joints of each angle were seen on both sides."""
    both = sides[0].is_joint_seen & sides[1].is_joint_seen
    columns = [both[:, list(COCO13.indices(*angle.seen))].all(1) for angle in ALL_ANGLES]
    return np.stack(columns, axis=1)


def _fitted(fit: PairFit) -> NDArray[np.float64]:
    poses = (fit.ref_poses, fit.ref_rotation), (fit.query_poses, fit.query_rotation)
    ref, query = (np.hstack([joint_angles(pose), root_angles(pose, rotation)]) for pose, rotation in poses)
    return wrap_deg(query - ref)


def _sd_deg(fit: PairFit) -> NDArray[np.float64]:
    """(T, A) of the turn behind each angle; NaN for those of the root."""
    sd = np.full((len(fit.turn_sd_deg), len(ALL_ANGLES)), np.nan)
    for column, angle in enumerate(ANGLES):
        sd[:, column] = fit.turn_sd_deg[:, HINGES.index(angle.name.replace("shoulder_forward", "shoulder_swing"))]
    return sd
