"""One camera's view of a movement: where it stands to the body, and what its keypoints say of 3D joints."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d
from scipy.spatial.transform import Rotation

from vvipe.skeleton import COCO13, H36M17, conversion_indices

Array = NDArray[np.float64]
TO_COCO13 = conversion_indices(H36M17, COCO13)
_NOSE = COCO13.index("nose")
_UPRIGHT = (0.5, 0.5, -0.5, 0.5)
"""Somebody who faces an upright camera; where nothing at all is known of a view, which then counts for nothing."""
_MIN_WIDTH = 0.2  # of the distance to the camera: no point comes nearer, so that a projection stays finite


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
class Linear:
    """What keypoints say of small changes.

    Attributes:
        residual: (T, 13, 2) keypoint - projected joint, torso lengths.
        weights: (T, 13) 1 / variance; less for keypoints that are far off.
        by_joint: (T, 13, 2, 3) slope of the projection by the joint's place.
        by_camera: (T, 13, 2, 6) and by the camera's turn (3), size and place (2).
    """

    residual: Array
    weights: Array
    by_joint: Array
    by_camera: Array


@dataclass(frozen=True)
class View:
    """A camera at T moments and its keypoints.

    Attributes:
        points: (T, 13, 2) finite keypoints.
        weights: (T, 13) how much each counts; 0 = not seen.
        rotation: (T, 3, 3) from the canonical to the camera frame.
        home: (T, 3, 3) where the rotation started.
    """

    points: Array
    weights: Array
    rotation: Array
    home: Array

    @classmethod
    def start(cls, view: ViewedPoses, *, nose_weight: float) -> View:
        """The camera fitted to the decoded poses; what cannot be fitted counts for nothing."""
        from vvipe.root_fit import fit_root  # imports torch, which takes a second

        seen = np.asarray(np.isfinite(view.keypoints).all(-1))
        weights = np.where(seen, np.clip(np.nan_to_num(view.scores), 0.0, 1.0), 0.0)
        found = fit_root(view.poses, view.keypoints, scores=weights, start=view.rotation).rotation
        usable = np.asarray(np.isfinite(found).all(1))
        quaternions = np.where(usable[:, None], found, view.rotation)
        quaternions = np.where(np.isfinite(quaternions).all(1, keepdims=True), quaternions, _UPRIGHT)
        weights = np.where(usable[:, None], weights, 0.0)
        weights[:, _NOSE] *= nose_weight
        matrices = Rotation.from_quat(quaternions, scalar_first=True).as_matrix()
        return cls(np.nan_to_num(view.keypoints).astype(np.float64), weights, matrices, matrices)

    @property
    def quaternions(self) -> Array:
        """(T, 4) w, x, y, z."""
        return np.asarray(Rotation.from_matrix(self.rotation).as_quat(canonical=True, scalar_first=True))

    @property
    def from_home(self) -> Array:
        """(T, 3) the turn, as a vector, that leads back to where the rotation started."""
        return np.asarray(Rotation.from_matrix(self.home @ self.rotation.transpose(0, 2, 1)).as_rotvec())

    def at(self, rows: slice) -> View:
        """Some of the moments."""
        return View(self.points[rows], self.weights[rows], self.rotation[rows], self.home[rows])

    def with_rotation(self, rotation: Array) -> View:
        """The camera turned to (T, 3, 3)."""
        return replace(self, rotation=rotation)

    def turned(self, by: Array) -> View:
        """The camera turned by rotation vectors (T, 3)."""
        return self.with_rotation(Rotation.from_rotvec(by).as_matrix() @ self.rotation)

    def linearize(self, poses: Array, *, keypoint_sd: float, outlier_sd: float, distance: float) -> Linear:
        """What the keypoints say of poses (T, 17, 3) seen from `distance` torso lengths; size and place are fitted.

        Keypoints that are off by `outlier_sd`, torso lengths, and more count for less (Geman-McClure).
        """
        turned = np.einsum("tjk,tik->tji", poses[:, TO_COCO13], self.rotation)
        width = np.maximum(1 + turned[..., 2] / distance, _MIN_WIDTH)[..., None]
        flat = turned[..., :2] / width
        scale, place = _similarity(flat, self.points, self.weights)
        residual = (self.points - place[:, None]) / scale[:, None, None] - flat
        share = 1 / (1 + (residual**2).sum(-1) / outlier_sd**2)
        eye = np.broadcast_to(np.eye(2), (*flat.shape[:2], 2, 2))
        across = np.concatenate([eye, -flat[..., None] / distance], -1) / width[..., None]
        by_turn = across @ cross_matrices(-turned)
        return Linear(
            residual=residual,
            weights=self.weights * share**2 / keypoint_sd**2,
            by_joint=across @ self.rotation[:, None],
            by_camera=np.concatenate([by_turn, flat[..., None], eye], -1),
        )


def relation(views: tuple[View, View]) -> Array:
    """(T, 3, 3) the turn from the first camera to the second one."""
    return np.asarray(views[1].rotation @ views[0].rotation.transpose(0, 2, 1))


def smooth_rotations(matrices: Array, reach: int) -> Array:
    """(T, 3, 3) rotations averaged over about `reach` neighbours."""
    kernel = np.hanning(reach + 2)[1:-1]
    left, _, right = np.linalg.svd(convolve1d(matrices, kernel / kernel.sum(), axis=0, mode="nearest"))
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    return np.asarray(left @ right)


def cross_matrices(vectors: Array) -> Array:
    """(..., 3, 3) matrices M with M w = vectors x w."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vectors.shape, 3)


def _similarity(flat: Array, points: Array, weights: Array) -> tuple[Array, Array]:
    share = (weights / np.maximum(weights.sum(1, keepdims=True), 1e-9))[..., None]
    flat_mean, mean = (share * flat).sum(1), (share * points).sum(1)
    a, b = flat - flat_mean[:, None], points - mean[:, None]
    scale = (share * a * b).sum((1, 2)) / np.maximum((share * a**2).sum((1, 2)), 1e-12)
    scale = np.where(scale > 1e-6, scale, 1.0)
    return scale, mean - scale[:, None] * flat_mean
