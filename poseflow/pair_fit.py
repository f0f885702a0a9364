"""One person's pose turned into another's by as few and small turns of the joints as two cameras' keypoints allow.

A pose decoded from one view is uncertain in depth, so that two views of one pose decode differently. Here both views
are explained together: the reference by a pose, the query by the same pose with joints turned, each through its own
camera. What the common pose can explain is no difference; a turn is found only where the keypoints of one view cannot
be those of the other's pose. Turns are pooled over a short time, the rest is free in every frame.

Gauss-Newton on [bones, two cameras | turns]; the turns' information is what is left once bones and cameras are fitted
(Schur complement), which also tells how surely each turn is known from these two views.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d
from scipy.spatial.transform import Rotation

from poseflow.hinges import CHAIN, HINGES, MOVED, N_BONES, bones_of, hinge_axes, poses_of, turn_bones
from vvipe.skeleton import COCO13, H36M17, conversion_indices

Array = NDArray[np.float64]
_TO_COCO13 = conversion_indices(H36M17, COCO13)
_NOSE = COCO13.index("nose")
_N_CAMERA = 6  # turn (3), size, place (2)
_N_FREE = 3 * N_BONES + 2 * _N_CAMERA
_UPRIGHT = (0.5, 0.5, -0.5, 0.5)
"""Somebody who faces an upright camera; where nothing at all is known of a view, which then counts for nothing."""
_MIN_WIDTH = 0.2
_CHUNK = 256
_SPARSE_ROUNDS = 6


@dataclass(frozen=True)
class PairFitSettings:
    """What is believed before the keypoints are looked at; chosen on the CMU carve-out (`poseflow bench feedback`).

    Attributes:
        keypoint_sd: Error of a keypoint, torso lengths: noise, body proportions, and what the model leaves out.
        bone_sd: Error of a decoded bone's end, torso lengths.
        length_share: How far a bone's length may be from the mean of both decoded ones, as a share of it.
        turn_sd_deg: Of the turns, the Gaussian that pulls them to none at first.
        sparse_deg: Then they are pulled as by a Student t of one degree of freedom and this scale: few joints turn,
            but those by any amount.
        camera_sd_deg: How far a camera may turn from where the decoded pose alone puts it.
        pool_s: Turns are shared over about that time.
        independent_s: Frames that near to each other have the same errors.
        distance: Of the cameras, torso lengths.
        nose_weight: Of the nose (`vvipe.root_fit`).
        iterations: Gauss-Newton steps.
    """

    keypoint_sd: float = 0.02
    bone_sd: float = 0.4
    length_share: float = 0.15
    turn_sd_deg: float = 20.0
    sparse_deg: float = 4.0
    camera_sd_deg: float = 20.0
    pool_s: float = 1.0
    independent_s: float = 0.07
    distance: float = 8.0
    nose_weight: float = 0.25
    iterations: int = 4


@dataclass(frozen=True)
class ViewedPoses:
    """One person as one camera saw them: T decoded poses and the keypoints that they came from.

    Attributes:
        poses: (T, 17, 3) canonical, torso lengths.
        rotation: (T, 4) quaternions (w, x, y, z), canonical to camera.
        keypoints: (T, 13, 2) COCO-13, y down, any unit; NaN = not seen.
        scores: (T, 13) in [0, 1].
    """

    poses: Array
    rotation: Array
    keypoints: Array
    scores: Array


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
    views = [_View.start(view, settings) for view in (ref, query)]
    decoded = [bones_of(view.poses) for view in (ref, query)]
    bones = (decoded[0] + decoded[1]) / 2
    turns = np.zeros((len(bones), len(HINGES)))
    information = np.zeros((len(bones), len(HINGES), len(HINGES)))
    for _ in range(settings.iterations):
        axes = hinge_axes(poses_of(bones))
        step = _step(views, decoded, bones, axes, turns, settings)
        pooled = _pool(step, step_s, settings)
        turns, information = pooled
        free = step.free_given(turns)
        bones = bones + free[:, : 3 * N_BONES].reshape(bones.shape)
        views = [view.turned(free[:, 3 * N_BONES + number * _N_CAMERA :][:, :3]) for number, view in enumerate(views)]
    turned = turn_bones(bones, hinge_axes(poses_of(bones)), turns)
    variance = np.linalg.inv(information + 1e-6 * np.eye(len(HINGES)))[:, range(len(HINGES)), range(len(HINGES))]
    return PairFit(
        ref_poses=poses_of(bones),
        query_poses=poses_of(turned),
        ref_rotation=views[0].quaternions,
        query_rotation=views[1].quaternions,
        turn_deg=np.rad2deg(turns),
        turn_sd_deg=np.rad2deg(np.sqrt(variance)),
    )


@dataclass(frozen=True)
class _View:
    """A camera and its keypoints; `home` is where the camera's rotation started."""

    points: Array
    weights: Array
    rotation: Array
    home: Array

    @classmethod
    def start(cls, view: ViewedPoses, settings: PairFitSettings) -> _View:
        from vvipe.root_fit import fit_root  # imports torch, which takes a second

        seen = np.asarray(np.isfinite(view.keypoints).all(-1))
        weights = np.where(seen, np.clip(np.nan_to_num(view.scores), 0.0, 1.0), 0.0)
        found = fit_root(view.poses, view.keypoints, scores=weights, start=view.rotation).rotation
        usable = np.asarray(np.isfinite(found).all(1))
        quaternions = np.where(usable[:, None], found, view.rotation)
        quaternions = np.where(np.isfinite(quaternions).all(1, keepdims=True), quaternions, _UPRIGHT)
        weights = np.where(usable[:, None], weights, 0.0)
        weights[:, _NOSE] *= settings.nose_weight
        matrices = Rotation.from_quat(quaternions, scalar_first=True).as_matrix()
        return cls(np.nan_to_num(view.keypoints).astype(np.float64), weights, matrices, matrices)

    @property
    def quaternions(self) -> Array:
        return np.asarray(Rotation.from_matrix(self.rotation).as_quat(canonical=True, scalar_first=True))

    def turned(self, by: Array) -> _View:
        return _View(self.points, self.weights, Rotation.from_rotvec(by).as_matrix() @ self.rotation, self.home)

    def linearize(self, poses: Array, settings: PairFitSettings) -> tuple[Array, Array, Array, Array]:
        """Residuals (T, 13, 2) in torso lengths, weights (T, 13), slopes by joints (T, 13, 2, 3) and by the camera."""
        turned = np.einsum("tjk,tik->tji", poses[:, _TO_COCO13], self.rotation)
        width = np.maximum(1 + turned[..., 2] / settings.distance, _MIN_WIDTH)[..., None]
        flat = turned[..., :2] / width
        scale, place = _similarity(flat, self.points, self.weights)
        points = (self.points - place[:, None]) / scale[:, None, None]
        residual = points - flat
        share = 1 / (1 + (residual**2).sum(-1) / (3 * settings.keypoint_sd) ** 2)
        weights = self.weights * share**2 / settings.keypoint_sd**2
        across = np.concatenate(
            [np.broadcast_to(np.eye(2), (*flat.shape[:2], 2, 2)), -flat[..., None] / settings.distance], -1
        )
        across = across / width[..., None]
        by_joint = across @ self.rotation[:, None]
        by_turn = across @ _cross_matrices(-turned)
        by_camera = np.concatenate([by_turn, flat[..., None], np.broadcast_to(np.eye(2), (*flat.shape[:2], 2, 2))], -1)
        return residual, weights, by_joint, by_camera


@dataclass(frozen=True)
class _Step:
    """Normal equations of one step, the free part [bones, cameras] eliminated.

    Attributes:
        information: (T, H, H) of the turns.
        vector: (T, H) information times the turns that the frame alone would choose.
        start: (T, F) the free part where the turns are 0; `slope` (T, F, H) what a turn takes off it.
    """

    information: Array
    vector: Array
    start: Array
    slope: Array

    def free_given(self, turns: Array) -> Array:
        return self.start - (self.slope @ turns[..., None])[..., 0]


def _step(
    views: list[_View], decoded: list[Array], bones: Array, axes: Array, turns: Array, settings: PairFitSettings
) -> _Step:
    parts = []
    for begin in range(0, len(bones), _CHUNK):
        rows = slice(begin, begin + _CHUNK)
        part = [_View(v.points[rows], v.weights[rows], v.rotation[rows], v.home[rows]) for v in views]
        parts.append(_step_of(part, [d[rows] for d in decoded], bones[rows], axes[rows], turns[rows], settings))
    return _Step(*(np.concatenate([getattr(p, name) for p in parts]) for name in _Step.__dataclass_fields__))


def _step_of(
    views: list[_View], decoded: list[Array], bones: Array, axes: Array, turns: Array, settings: PairFitSettings
) -> _Step:
    """The normal equations in x = [change of bones, of both cameras, turns] of one chunk."""
    frames, size = len(bones), _N_FREE + len(HINGES)
    turned = turn_bones(bones, axes, turns)
    by_turn = np.einsum("hb,thbk->tbkh", MOVED, np.cross(axes[:, :, None], turned[:, None]))
    normal, right = np.zeros((frames, size, size)), np.zeros((frames, size))
    follow = _follow(bones, axes, turns)
    for number, (view, pose_bones) in enumerate(zip(views, (bones, turned), strict=True)):
        residual, weights, by_joint, by_camera = view.linearize(poses_of(pose_bones), settings)
        rows = np.zeros((frames, COCO13.n_joints, 2, size))
        by_bones = np.einsum("jb,tjik->tjibk", CHAIN[_TO_COCO13], by_joint)
        if number == 1:
            rows[..., _N_FREE:] = np.einsum("tjibk,tbkh->tjih", by_bones, by_turn)
            by_bones = np.einsum("tjibk,tbkl->tjibl", by_bones, follow)
            residual = residual + (rows[..., _N_FREE:] @ turns[:, None, :, None])[..., 0]
        rows[..., : 3 * N_BONES] = by_bones.reshape(frames, COCO13.n_joints, 2, -1)
        first = 3 * N_BONES + number * _N_CAMERA
        rows[..., first : first + _N_CAMERA] = by_camera
        _add(normal, right, rows.reshape(frames, -1, size), residual.reshape(frames, -1), np.repeat(weights, 2, axis=1))
        _add_camera_prior(normal, right, view, first, settings)
    _add_decoded(normal, right, decoded, bones, turned, by_turn, follow, turns, settings)
    _add_lengths(normal, right, decoded, bones, settings)
    return _eliminate(normal, right)


def _follow(bones: Array, axes: Array, turns: Array) -> Array:
    """(T, 16, 3, 3) what the turns make of a change of each bone."""
    columns = [turn_bones(np.broadcast_to(axis, bones.shape), axes, turns) for axis in np.eye(3)]
    return np.stack(columns, axis=-1)


def _add(normal: Array, right: Array, rows: Array, residual: Array, weights: Array) -> None:
    weighted = (rows * weights[..., None]).transpose(0, 2, 1)
    normal += weighted @ rows
    right += (weighted @ residual[..., None])[..., 0]


def _add_camera_prior(normal: Array, right: Array, view: _View, first: int, settings: PairFitSettings) -> None:
    stiffness = 1 / np.deg2rad(settings.camera_sd_deg) ** 2
    away = Rotation.from_matrix(view.home @ view.rotation.transpose(0, 2, 1)).as_rotvec()
    diagonal = np.arange(first, first + 3)
    normal[:, diagonal, diagonal] += stiffness
    right[:, diagonal] += stiffness * away
    loose = np.arange(first + 3, first + _N_CAMERA)
    normal[:, loose, loose] += 1e-3


def _add_decoded(
    normal: Array, right: Array, decoded: list[Array], bones: Array, turned: Array, by_turn: Array, follow: Array,
    turns: Array, settings: PairFitSettings,
) -> None:  # fmt: skip
    """Both decoded poses as what the bones, and the turned bones, are near to."""
    frames, size = len(bones), normal.shape[1]
    weights = np.full((frames, 3 * N_BONES), 1 / settings.bone_sd**2)
    rows = np.zeros((frames, 3 * N_BONES, size))
    rows[:, :, : 3 * N_BONES] = np.eye(3 * N_BONES)
    _add(normal, right, rows, (decoded[0] - bones).reshape(frames, -1), weights)
    blocks = np.zeros((frames, N_BONES, 3, N_BONES, 3))
    each = np.arange(N_BONES)
    blocks[:, each, :, each, :] = follow.transpose(1, 0, 2, 3)
    rows[:, :, : 3 * N_BONES] = blocks.reshape(frames, 3 * N_BONES, 3 * N_BONES)
    rows[:, :, _N_FREE:] = by_turn.reshape(frames, 3 * N_BONES, -1)
    residual = (decoded[1] - turned).reshape(frames, -1) + (rows[:, :, _N_FREE:] @ turns[..., None])[..., 0]
    _add(normal, right, rows, residual, weights)


def _add_lengths(normal: Array, right: Array, decoded: list[Array], bones: Array, settings: PairFitSettings) -> None:
    """Bones as long as both decoded ones in the mean, which keeps depth from running off along the line of sight."""
    frames, size = len(bones), normal.shape[1]
    usual = (np.linalg.norm(decoded[0], axis=-1) + np.linalg.norm(decoded[1], axis=-1)) / 2
    length = np.linalg.norm(bones, axis=-1)
    along = np.zeros((frames, N_BONES, N_BONES, 3))
    each = np.arange(N_BONES)
    along[:, each, each] = bones / np.maximum(length, 1e-9)[..., None]
    rows = np.zeros((frames, N_BONES, size))
    rows[..., : 3 * N_BONES] = along.reshape(frames, N_BONES, -1)
    _add(normal, right, rows, usual - length, 1 / (settings.length_share * np.maximum(usual, 1e-3)) ** 2)


def _eliminate(normal: Array, right: Array) -> _Step:
    free = normal[:, :_N_FREE, :_N_FREE]
    cross = normal[:, :_N_FREE, _N_FREE:]
    solved = np.linalg.solve(free, np.concatenate([right[:, :_N_FREE, None], cross], axis=-1))
    start, slope = solved[..., 0], solved[..., 1:]
    back = cross.transpose(0, 2, 1)
    information = normal[:, _N_FREE:, _N_FREE:] - back @ slope
    vector = right[:, _N_FREE:] - (back @ start[..., None])[..., 0]
    return _Step(information, vector, start, slope)


def _pool(step: _Step, step_s: float, settings: PairFitSettings) -> tuple[Array, Array]:
    """Turns (T, H), and their information (T, H, H) over the time that is pooled."""
    reach = max(1, round(settings.pool_s / step_s))
    kernel = np.hanning(reach + 2)[1:-1]
    kernel *= max(1.0, settings.pool_s / settings.independent_s / 2) / kernel.sum()
    information, vector = (convolve1d(a, kernel, axis=0, mode="nearest") for a in (step.information, step.vector))
    pull = np.full(vector.shape, 1 / np.deg2rad(settings.turn_sd_deg) ** 2)
    for _ in range(_SPARSE_ROUNDS):
        turns = _ridge(information, vector, pull)
        pull = 2 / (np.deg2rad(settings.sparse_deg) ** 2 + turns**2)
    return _ridge(information, vector, pull), information


def _ridge(information: Array, vector: Array, pull: Array) -> Array:
    """(T, H) turns under a pull (T, H) of each to none."""
    normal = information + pull[..., None] * np.eye(len(HINGES))
    return np.asarray(np.linalg.solve(normal, vector[..., None])[..., 0])


def _similarity(flat: Array, points: Array, weights: Array) -> tuple[Array, Array]:
    share = (weights / np.maximum(weights.sum(1, keepdims=True), 1e-9))[..., None]
    flat_mean, mean = (share * flat).sum(1), (share * points).sum(1)
    a, b = flat - flat_mean[:, None], points - mean[:, None]
    scale = (share * a * b).sum((1, 2)) / np.maximum((share * a**2).sum((1, 2)), 1e-12)
    scale = np.where(scale > 1e-6, scale, 1.0)
    return scale, mean - scale[:, None] * flat_mean


def _cross_matrices(vectors: Array) -> Array:
    """(..., 3, 3) matrices M with M w = vectors x w."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vectors.shape, 3)
