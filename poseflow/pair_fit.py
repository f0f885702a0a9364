"""One person's pose turned into another's by as few and small turns of the joints as two cameras' keypoints allow.

A pose decoded from one view is uncertain in depth, so that two views of one pose decode differently. Here both views
are explained together: the reference by a pose, the query by the same pose with joints turned, each through its own
camera. What the common pose can explain is no difference; a turn is found only where the keypoints of one view cannot
be those of the other's pose. Bones are as long in all of the clip; turns, the way from one camera to the other and an
error of the alignment in time are pooled over a short time, the rest is free at every moment.

Gauss-Newton; the turns' information is what is left once all else is fitted (Schur complement), which also tells how
surely each turn is known from these two views.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d
from scipy.spatial.transform import Rotation

from poseflow.hinges import N_BONES, bones_of, hinge_axes, poses_of, turn_bones
from poseflow.pair_equations import N_SHARED, N_TURNS, RELATION, SHIFT, Estimate, Step, step_of
from poseflow.pair_views import View, ViewedPoses, relation, smooth_rotations
from vvipe.skeleton import H36M17

__all__ = ["PairFit", "PairFitSettings", "ViewedPoses", "fit_pair"]

Array = NDArray[np.float64]
_SPARSE_ROUNDS = 6
_LOOSE = 1e-3
"""Pull on what is known well enough by itself, so that all can be solved where nothing was seen."""


def _other_sides() -> list[int]:
    """For each bone the one of the other side; itself where it has none."""
    names = [H36M17.joints[child] for _, child in H36M17.bones]
    return [names.index(name.replace("left", "*").replace("right", "left").replace("*", "right")) for name in names]


_OTHER_SIDE = _other_sides()


@dataclass(frozen=True)
class PairFitSettings:
    """What is believed before the keypoints are looked at; chosen on the CMU carve-out (`poseflow bench feedback`).

    Attributes:
        keypoint_sd: Error of a keypoint, torso lengths: noise, body proportions, and what the model leaves out.
        outlier_sd: Keypoints that are farther off than about that, torso lengths, count for little.
        bone_sd: Error of a decoded bone's end, torso lengths.
        length_share: How far a bone may be from its length in the whole clip, as a share of it: joints are not marked
            where the bones turn, but somewhere near.
        turn_sd_deg: Of the turns, the Gaussian that pulls them to none at first.
        sparse_deg: Then they are pulled as by a Student t of one degree of freedom and this scale: few joints turn,
            but those by any amount.
        camera_sd_deg: How far a camera may turn from where the decoded pose alone puts it.
        camera_step_sd_deg: How far, in one step of the fit, the query's camera may turn at one moment from the way
            that it shares with the moments around.
        shift_sd_s: Error of the alignment.
        pool_s: What is shared is shared over about that time.
        independent_s: Frames that near to each other have the same errors.
        distance: Of the cameras, torso lengths.
        nose_weight: Of the nose (`vvipe.root_fit`).
        iterations: Gauss-Newton steps.
    """

    keypoint_sd: float = 0.04
    outlier_sd: float = 0.12
    bone_sd: float = 0.4
    length_share: float = 0.3
    turn_sd_deg: float = 20.0
    sparse_deg: float = 4.0
    camera_sd_deg: float = 20.0
    camera_step_sd_deg: float = 5.0
    shift_sd_s: float = 0.1
    pool_s: float = 1.0
    independent_s: float = 0.07
    distance: float = 8.0
    nose_weight: float = 0.25
    iterations: int = 4


@dataclass(frozen=True)
class PairFit:
    """The reference's poses, the same with turned joints, and how surely each turn is known.

    Attributes:
        ref_poses, query_poses: (T, 17, 3) in the canonical frame of the reference.
        ref_rotation, query_rotation: (T, 4) quaternions of the cameras.
        turn_deg: (T, H) turns about `poseflow.hinges.HINGES`.
        turn_sd_deg: (T, H) their standard deviations before anything is believed of them.
    """

    ref_poses: Array
    query_poses: Array
    ref_rotation: Array
    query_rotation: Array
    turn_deg: Array
    turn_sd_deg: Array


def fit_pair(
    ref: ViewedPoses,
    query: ViewedPoses,
    *,
    step_s: float,
    settings: PairFitSettings = PairFitSettings(),  # noqa: B008
) -> PairFit:
    """The fit of T aligned moments, `step_s` apart, all of them with finite poses and rotations.

    Args:
        ref: The example.
        query: The person who is compared with it, at the same T moments.
        step_s: Time between two moments.
        settings: What is believed beforehand.
    """
    decoded = bones_of(ref.poses), bones_of(query.poses)
    estimate = _start(ref, query, decoded, step_s, settings)
    information = np.zeros((len(ref.poses), N_SHARED, N_SHARED))
    for _ in range(settings.iterations):
        step = step_of(estimate, decoded, settings)
        shared, information = _pool(step, step_s, settings)
        estimate = _moved(estimate, step, shared, step_s)
    bones = estimate.bones
    return PairFit(
        ref_poses=poses_of(bones),
        query_poses=poses_of(turn_bones(bones, hinge_axes(poses_of(bones)), estimate.turns)),
        ref_rotation=estimate.views[0].quaternions,
        query_rotation=estimate.views[1].quaternions,
        turn_deg=np.rad2deg(estimate.turns),
        turn_sd_deg=np.rad2deg(np.sqrt(_turn_variance(information))),
    )


def _start(
    ref: ViewedPoses, query: ViewedPoses, decoded: tuple[Array, Array], step_s: float, settings: PairFitSettings
) -> Estimate:
    first, second = (View.start(view, nose_weight=settings.nose_weight) for view in (ref, query))
    way = smooth_rotations(relation((first, second)), _reach(step_s, settings))
    bones = (decoded[0] + decoded[1]) / 2
    return Estimate(
        bones=bones,
        velocity=_velocity(bones, step_s),
        lengths=_lengths(np.concatenate(decoded)),
        turns=np.zeros((len(bones), N_TURNS)),
        shift_s=np.zeros(len(bones)),
        views=(first, second.with_rotation(way @ first.rotation)),
    )


def _moved(estimate: Estimate, step: Step, shared: Array, step_s: float) -> Estimate:
    by_first, by_second = step.camera_turns_given(shared)
    first, second = estimate.views
    way = Rotation.from_rotvec(shared[:, RELATION]).as_matrix() @ relation(estimate.views)
    moved = first.turned(by_first)
    bones = estimate.bones + step.bones_given(shared)
    return Estimate(
        bones=bones,
        velocity=_velocity(bones, step_s),
        lengths=_lengths(bones),
        turns=shared[:, :N_TURNS],
        shift_s=shared[:, SHIFT],
        views=(moved, second.with_rotation(way @ moved.rotation).turned(by_second)),
    )


def _lengths(bones: Array) -> Array:
    """(16,) medians over all moments, the same on both sides of the body."""
    lengths = np.median(np.linalg.norm(bones, axis=-1), axis=0) if len(bones) else np.ones(N_BONES)
    return np.asarray((lengths + lengths[_OTHER_SIDE]) / 2)


def _velocity(bones: Array, step_s: float) -> Array:
    """(T, 16, 3) change a second, smoothed."""
    if len(bones) < 2:
        return np.zeros_like(bones)
    change = np.gradient(bones, axis=0) / step_s
    return np.asarray(convolve1d(change, [0.25, 0.5, 0.25], axis=0, mode="nearest"))


def _turn_variance(information: Array) -> Array:
    """(T, H) of the turns, the other shared unknowns being fitted."""
    others = information[:, N_TURNS:, N_TURNS:] + _LOOSE * np.eye(N_SHARED - N_TURNS)
    cross = information[:, :N_TURNS, N_TURNS:]
    left = information[:, :N_TURNS, :N_TURNS] - cross @ np.linalg.solve(others, cross.transpose(0, 2, 1))
    inverse = np.linalg.inv(left + 1e-6 * np.eye(N_TURNS))
    return np.asarray(np.maximum(np.diagonal(inverse, axis1=1, axis2=2), 1e-9))


def _reach(step_s: float, settings: PairFitSettings) -> int:
    return max(1, round(settings.pool_s / step_s))


def _pool(step: Step, step_s: float, settings: PairFitSettings) -> tuple[Array, Array]:
    """Shared unknowns (T, S), and their information (T, S, S) over the time that is pooled."""
    kernel = np.hanning(_reach(step_s, settings) + 2)[1:-1]
    kernel *= max(1.0, settings.pool_s / settings.independent_s / 2) / kernel.sum()
    information, vector = (convolve1d(a, kernel, axis=0, mode="nearest") for a in (step.information, step.vector))
    pull = np.full(vector.shape, _LOOSE)
    pull[:, SHIFT] = 1 / settings.shift_sd_s**2
    turn_pull = pull[:, :N_TURNS]
    turn_pull[:] = 1 / np.deg2rad(settings.turn_sd_deg) ** 2
    for _ in range(_SPARSE_ROUNDS):
        turns = _ridge(information, vector, pull)[:, :N_TURNS]
        turn_pull[:] = 2 / (np.deg2rad(settings.sparse_deg) ** 2 + turns**2)
    return _ridge(information, vector, pull), information


def _ridge(information: Array, vector: Array, pull: Array) -> Array:
    """(T, S) unknowns under a pull (T, S) of each to 0."""
    normal = information + pull[..., None] * np.eye(N_SHARED)
    return np.asarray(np.linalg.solve(normal, vector[..., None])[..., 0])
