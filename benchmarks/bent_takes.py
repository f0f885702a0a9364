"""Takes of motion capture in which one joint is bent by a known angle for a known time, seen by two cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.composition_plan import Keypoints
from poseflow_benchmarks.mocap_clips import film, random_view, warped
from poseflow_benchmarks.other_bodies import as_other_person
from scipy.spatial.transform import Rotation

from poseflow.angle_differences import AngleDifferences, angle_differences
from poseflow.embed import embed_tracks, steady_track
from poseflow.feedback import Feedback, feedback
from poseflow.hinges import unit
from poseflow.joint_angles import ANGLES, joint_angles, wrap_deg
from poseflow.match import MatchSettings, match
from poseflow.records import EmbeddingTrack, MatchResult, PoseTrack
from vvipe.datasets.mocap import MocapSequence
from vvipe.embedder import Embedder
from vvipe.skeleton import H36M17

MAIN_ANGLE: Mapping[str, str] = {
    "elbow": "elbow_bend",
    "shoulder": "shoulder_raise",
    "knee": "knee_bend",
    "hip": "hip_bend",
}
"""Joint -> the angle that is changed."""
BENT_JOINTS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in MAIN_ANGLE)
RAMP_S = 0.15
"""A bend sets in, and fades, over that time."""
MIN_SHARE = 0.7
"""A bend whose angle changes by less than that share of it (an elbow past straight) is drawn anew."""
MIN_LENGTH_S = 2.0
_DRAWS = 200


@dataclass(frozen=True)
class Bend:
    """What was changed: `joint` by `amount_deg` (with the sign of its main angle) from `start_s` until `end_s`."""

    joint: str
    amount_deg: float
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Case:
    """One excerpt of a take and the same with one joint bent; nothing is bent where `bend` is None.

    Attributes:
        time_s: (T,).
        ref_poses, query_poses: (T, 17, 3), z up.
        bend: What was changed.
        take: Name of the take.
    """

    time_s: NDArray[np.float64]
    ref_poses: NDArray[np.float64]
    query_poses: NDArray[np.float64]
    bend: Bend | None
    take: str

    @property
    def true_delta_deg(self) -> NDArray[np.float64]:
        """(T, A) query - reference of ANGLES, from the true poses."""
        return wrap_deg(joint_angles(self.query_poses) - joint_angles(self.ref_poses))

    @property
    def duration_s(self) -> float:
        return float(self.time_s[-1] - self.time_s[0])


@dataclass(frozen=True)
class FilmedPair:
    """Two films of a pair of movements as `poseflow match` has them: steadied keypoints, embeddings, the match."""

    tracks: tuple[PoseTrack, PoseTrack]
    embeddings: tuple[EmbeddingTrack, EmbeddingTrack]
    result: MatchResult

    def differences(self, embedder: Embedder, *, has_keypoints: bool = True) -> AngleDifferences:
        tracks = self.tracks if has_keypoints else (None, None)
        return angle_differences(
            *self.embeddings, self.result, decoder=embedder, ref_track=tracks[0], query_track=tracks[1]
        )

    def feedback(self, embedder: Embedder, *, has_keypoints: bool = True) -> Feedback:
        tracks = self.tracks if has_keypoints else (None, None)
        return feedback(*self.embeddings, self.result, embedder=embedder, ref_track=tracks[0], query_track=tracks[1])


def draw_case(
    takes: Sequence[MocapSequence],
    generator: np.random.Generator,
    *,
    amount_deg: float | None,
    length_s: float = 8.0,
    rate: float = 30.0,
    is_varied: bool = False,
) -> Case:
    """An excerpt of at most `length_s`, with a random joint bent, up or down, for 1.5 to 3 s; None bends nothing.

    Args:
        takes: What excerpts are drawn from.
        generator: Draws take, excerpt and bend.
        amount_deg: How far the joint is bent.
        length_s: Longest excerpt.
        rate: Frames a second.
        is_varied: Whether every excerpt is of another body (`poseflow_benchmarks.other_bodies`) and of another length.

    Raises:
        ValueError: In no take can anything be bent by that much.
    """
    for _ in range(_DRAWS):
        take = takes[int(generator.integers(len(takes)))]
        whole_s = (len(take.poses) - 1) / take.fps
        if whole_s < MIN_LENGTH_S:
            continue
        duration_s = min(whole_s, generator.uniform(MIN_LENGTH_S, length_s) if is_varied else length_s)
        start_s = generator.uniform(0, whole_s - duration_s)
        poses, time_s = warped(take.poses, take.fps, lambda t, s=start_s: s + t, duration_s, rate=rate)
        if is_varied:
            poses = as_other_person(poses, generator)
        if amount_deg is None:
            return Case(time_s, poses, poses, None, take.name)
        case = _bent_case(poses, time_s, take.name, generator, amount_deg)
        if case is not None:
            return case
    raise ValueError(f"amount_deg: expected a bend that some take of {len(takes)} allows, got {amount_deg}")


def _bent_case(
    poses: NDArray[np.float64], time_s: NDArray[np.float64], take: str, generator: np.random.Generator, amount: float
) -> Case | None:
    """None where the joint cannot be bent like that."""
    joint = BENT_JOINTS[int(generator.integers(len(BENT_JOINTS)))]
    sign = float(generator.choice([-1, 1]))
    length_s = generator.uniform(1.5, min(3.0, max(1.6, 0.6 * time_s[-1])))
    start_s = generator.uniform(0, time_s[-1] - length_s)
    bend = Bend(joint, sign * amount, float(start_s), float(start_s + length_s))
    ramp = np.clip(np.minimum(time_s - bend.start_s, bend.end_s - time_s) / RAMP_S, 0, 1)
    case = Case(time_s, poses, bent(poses, joint, bend.amount_deg * ramp), bend, take)
    side, part = joint.split("_")
    column = [angle.name for angle in ANGLES].index(f"{side}_{MAIN_ANGLE[part]}")
    change = case.true_delta_deg[ramp == 1, column] * sign
    return case if len(change) and np.percentile(change, 10) >= MIN_SHARE * amount else None


def bent(poses: NDArray[np.floating], joint: str, amount_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """The poses (T, 17, 3) with the limb below `joint` turned rigidly about it, so that its main angle grows.

    Elbow and knee turn in the limb's own plane; a shoulder raises the arm in the plane of arm and trunk, a hip swings
    the thigh forward.
    """
    turned = np.array(poses, np.float64)
    side, part = joint.split("_")
    point = {name: turned[:, index].copy() for index, name in enumerate(H36M17.joints)}
    up = unit(point["thorax"] - point["pelvis"])
    across = point["left_hip"] - point["right_hip"]
    forward = np.cross(unit(across - (across * up).sum(-1, keepdims=True) * up), up)
    chain = ("shoulder", "elbow", "wrist") if part in ("shoulder", "elbow") else ("hip", "knee", "ankle")
    near, middle, far = (point[f"{side}_{name}"] for name in chain)
    if part in ("elbow", "knee"):
        bone, pivot = unit(middle - near), middle
        moved: tuple[str, ...] = chain[2:]
        axis = _plane_axis(bone, unit(far - middle), forward if part == "elbow" else -forward)
    else:
        pivot, moved = near, chain[1:]
        axis = np.cross(-up, forward) if part == "hip" else unit(np.cross(-up, middle - near))
    turn = Rotation.from_rotvec(axis * np.deg2rad(amount_deg)[:, None])
    for name in moved:
        turned[:, H36M17.index(f"{side}_{name}")] = pivot + turn.apply(point[f"{side}_{name}"] - pivot)
    return turned


def _plane_axis(near: NDArray, far: NDArray, toward: NDArray) -> NDArray[np.float64]:
    """(T, 3) normal of the limb's plane; of a nearly straight limb, of that in which it bends `toward`."""
    normal = np.cross(near, far)
    share = np.clip((np.linalg.norm(normal, axis=-1, keepdims=True) - 0.1) / 0.2, 0, 1)
    axis = unit(share * unit(normal) + (1 - share) * unit(np.cross(near, toward)))
    return unit(axis - (axis * far).sum(-1, keepdims=True) * far)


def film_case(case: Case, generator: np.random.Generator, *, keypoints: Keypoints, embedder: Embedder) -> FilmedPair:
    """The case seen by two random cameras."""
    return film_movements(
        (case.ref_poses, case.query_poses),
        (case.time_s, case.time_s),
        generator,
        keypoints=keypoints,
        embedder=embedder,
    )


def film_movements(
    poses: tuple[NDArray, NDArray],
    time_s: tuple[NDArray, NDArray],
    generator: np.random.Generator,
    *,
    keypoints: Keypoints,
    embedder: Embedder,
) -> FilmedPair:
    """Two movements (T, 17, 3), each seen by a random camera, embedded and matched (mirror off)."""
    tracks = []
    for movement, times in zip(poses, time_s, strict=True):
        seed = None if keypoints == "GT" else int(generator.integers(2**31))
        noise = "D1" if keypoints == "D1" else "D0"
        tracks.append(film(movement, times, random_view(generator), noise_seed=seed, noise=noise))
    steady = steady_track(tracks[0]), steady_track(tracks[1])
    ref, query = embed_tracks(steady, embedder, smooth=False)
    settings = MatchSettings(mirror="off", min_coverage=0)
    return FilmedPair(steady, (ref, query), match(ref, query, embedder=embedder, settings=settings))
