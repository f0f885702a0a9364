"""Embeddings that are poses: what feedback says of movements whose joint angles are known exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from poses import standing

from poseflow.angle_differences import ALL_ANGLES
from poseflow.hinges import HINGES, bones_of, hinge_axes, poses_of, turn_bones
from poseflow.records import EmbeddingTrack, MatchResult
from poseflow.tolerances import Tolerances

MODEL = "told@1"
FACING_CAMERA = (0.5, 0.5, -0.5, 0.5)
LIMITS = Tolerances(
    offset_deg=np.full(len(ALL_ANGLES), 5.0),
    change_deg=np.full(len(ALL_ANGLES), 10.0),
    min_sureness=0.0,
    typical_uncertainty=0.1,
    max_uncertainty=0.5,
    origin="made for tests",
)


class PoseIsVector:
    """A decoder of embeddings that are the poses themselves."""

    model_id = MODEL

    def decode(self, vectors: NDArray) -> NDArray:
        return vectors.reshape(-1, 17, 3)


def bent_person(time_s: NDArray[np.float64], **turn_deg: NDArray | float) -> NDArray[np.float64]:
    """(T, 17, 3) the standing person with joints turned about hinges, e.g. ``right_elbow_bend=24.0``."""
    poses = np.repeat(standing().numpy().astype(float), len(time_s), axis=0)
    angles = np.zeros((len(time_s), len(HINGES)))
    for hinge, degrees in turn_deg.items():
        angles[:, HINGES.index(hinge)] = np.deg2rad(degrees)
    return poses_of(turn_bones(bones_of(poses), hinge_axes(poses), angles))


def pose_track(time_s: NDArray[np.float64], poses: NDArray, *, uncertainty: NDArray | float = 0.05) -> EmbeddingTrack:
    """A track whose vectors are the poses; NaN poses are frames without a person."""
    valid = np.isfinite(poses).all((1, 2))
    return EmbeddingTrack(
        person_id=1,
        time_s=time_s,
        vectors=poses.reshape(len(poses), -1).astype(np.float32),
        uncertainty=np.where(valid, uncertainty, np.nan).astype(np.float32),
        valid=valid,
        model=MODEL,
        root_rotation=np.tile(np.array(FACING_CAMERA, np.float32), (len(poses), 1)),
    )


def path_result(ref_s: NDArray[np.float64], query_s: NDArray[np.float64], **changes: object) -> MatchResult:
    """A match with that path."""
    known = np.zeros(len(ref_s))
    values: dict[str, object] = {
        "score": 80.0, "pose_score": 80.0, "timing_score": 100.0, "coverage_score": 100.0, "match_probability": 0.5,
        "offset_s": 0.0, "tempo": 1.0, "ref_coverage": 1.0, "query_coverage": 1.0, "ref_person": 1, "query_person": 1,
        "ref_s": ref_s, "query_s": query_s, "distance": known, "probability": known, "model": MODEL,
        "ref_detector": "none", "query_detector": "none", "signature": "test",
    }  # fmt: skip
    return MatchResult(**{**values, **changes})  # type: ignore[arg-type]
