"""The root's rotation in the camera: a canonical pose turned and moved until it projects onto the 2D keypoints.

A canonical pose knows no lean against gravity and no facing. Given the pose, six numbers place it in the picture:
rotation, size and place; a handful of Gauss-Newton steps find them for all frames at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from vvipe.datasets.bodies import coco13_joints
from vvipe.geometry import normalize_2d
from vvipe.skeleton import COCO13

_TURNS = 8
_MIN_WIDTH = 0.2  # of 1 + z / distance: nothing comes nearer to the camera than a fifth of its distance
_DAMPING = 1e-4


@dataclass(frozen=True)
class RootFitSettings:
    """How a pose is fitted; the defaults are those that measured best on the carve-out (`poseflow bench lifting`).

    Attributes:
        distance: Of the camera, in torso lengths; a picture alone hardly tells it.
        keypoint_sd: Error at which a joint counts half, largest shoulder/hip distance 0.5; covers keypoints and pose.
        start_sd_deg: How far the rotation may turn from its start, as the s.d. of a Gaussian; None = freely.
        nose_weight: Of the nose relative to other joints: detectors mark the nose, the pose has the middle of the neck.
        iterations: Gauss-Newton steps.
    """

    distance: float = 8.0
    keypoint_sd: float = 0.04
    start_sd_deg: float | None = 20.0
    nose_weight: float = 0.25
    iterations: int = 10

    def __post_init__(self) -> None:
        for name in ("distance", "keypoint_sd"):
            if not getattr(self, name) > 0:
                raise ValueError(f"RootFitSettings.{name}: expected a number above 0, got {getattr(self, name)}")
        if self.start_sd_deg is not None and not self.start_sd_deg > 0:
            raise ValueError(f"RootFitSettings.start_sd_deg: expected None or above 0, got {self.start_sd_deg}")
        if not 0 <= self.nose_weight <= 1 or self.iterations < 0:
            raise ValueError("RootFitSettings: expected nose_weight in [0, 1] and at least 0 iterations")


@dataclass(frozen=True)
class RootFit:
    """Where N poses lie in their pictures; NaN rows where the keypoints or the pose are not there.

    Attributes:
        rotation: (N, 4) quaternion (w, x, y, z; w not negative) from the canonical to the camera frame (x right,
            y down, z forward) of a camera that looks at the pelvis.
        residual: (N,) weighted root mean square of the distances between keypoints and projected joints, in units of
            normalised 2D (largest shoulder/hip distance 0.5).
    """

    rotation: NDArray[np.float32]
    residual: NDArray[np.float32]


def fit_root(
    poses: Float[NDArray, "N 17 3"],
    keypoints: Float[NDArray, "N 13 2"],
    *,
    scores: Float[NDArray, "N 13"] | None = None,
    start: Float[NDArray, "N 4"] | None = None,
    settings: RootFitSettings | None = None,
) -> RootFit:
    """The rotations under which the poses look most like the keypoints, robustly.

    Args:
        poses: Canonical, torso lengths, pelvis at the origin; NaN = no pose.
        keypoints: COCO-13, y down, any unit; NaN = not seen.
        scores: Weights of the joints in [0, 1]; None = 1.
        start: Quaternions near the answer, such as the encoder's; None or NaN rows start from eight upright facings.

    Raises:
        ValueError: Shapes do not fit.
    """
    settings = settings or RootFitSettings()
    scores = np.ones(keypoints.shape[:2]) if scores is None else scores
    start = np.full((len(poses), 4), np.nan) if start is None else start
    _check_shapes(poses, keypoints, scores, start)
    points, is_valid = normalize_2d(torch.as_tensor(keypoints, dtype=torch.float64))
    usable = is_valid.numpy() & np.isfinite(poses).all((1, 2))
    rotation = np.full((len(poses), 4), np.nan, np.float32)
    residual = np.full(len(poses), np.nan, np.float32)
    has_start = np.isfinite(start).all(1)
    for rows, is_free in ((usable & has_start, False), (usable & ~has_start, True)):
        if not rows.any():
            continue
        joints = coco13_joints(torch.as_tensor(poses[rows], dtype=torch.float64))
        weights = _weights(points[rows], torch.as_tensor(scores[rows], dtype=torch.float64), settings)
        seen = torch.nan_to_num(points[rows], nan=0.0)
        starts = _upright_facings(len(seen)) if is_free else _matrices(start[rows])[None]
        rotation[rows], residual[rows] = _best_fit(joints, seen, weights, starts, settings, is_free=is_free)
    return RootFit(rotation, residual)


def _check_shapes(poses: NDArray, keypoints: NDArray, scores: NDArray, start: NDArray) -> None:
    n = len(poses)
    arrays = {"poses": poses, "keypoints": keypoints, "scores": scores, "start": start}
    shapes = {"poses": (17, 3), "keypoints": (COCO13.n_joints, 2), "scores": (COCO13.n_joints,), "start": (4,)}
    for name, array in arrays.items():
        if array.shape != (n, *shapes[name]):
            raise ValueError(f"{name}: expected {(n, *shapes[name])}, got {array.shape}")


def _weights(
    points: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"], settings: RootFitSettings
) -> Float[Tensor, "N 13"]:
    own = torch.ones(COCO13.n_joints, dtype=torch.float64)
    own[COCO13.index("nose")] = settings.nose_weight
    return torch.where(torch.isfinite(points).all(-1), scores.nan_to_num(nan=0.0).clamp(0, 1) * own, 0.0)


def _matrices(quaternions: NDArray) -> Float[Tensor, "N 3 3"]:
    return torch.as_tensor(Rotation.from_quat(quaternions, scalar_first=True).as_matrix())


def _upright_facings(count: int) -> Float[Tensor, "S N 3 3"]:
    """Rotations of people who stand upright before a level camera, by turns of 45 degrees."""
    upright = Rotation.from_matrix([[0, 1, 0], [0, 0, -1], [-1, 0, 0]])
    turns = Rotation.from_rotvec(np.outer(2 * np.pi * np.arange(_TURNS) / _TURNS, [0.0, 0.0, 1.0]))
    return torch.as_tensor((upright * turns).as_matrix())[:, None].expand(-1, count, -1, -1)


def _best_fit(
    joints: Float[Tensor, "N 13 3"],
    points: Float[Tensor, "N 13 2"],
    weights: Float[Tensor, "N 13"],
    starts: Float[Tensor, "S N 3 3"],
    settings: RootFitSettings,
    *,
    is_free: bool,
) -> tuple[NDArray, NDArray]:
    """Quaternions and residuals of the start that ends nearest to the keypoints."""
    fits = [_descend(joints, points, weights, start, settings, is_free=is_free) for start in starts]
    costs = torch.stack([cost for _, cost in fits])
    best = costs.argmin(0)
    rows = torch.arange(len(joints))
    rotation = torch.stack([turned for turned, _ in fits])[best, rows]
    quaternions = Rotation.from_matrix(rotation.numpy()).as_quat(canonical=True, scalar_first=True)
    return quaternions, costs[best, rows].sqrt().numpy()


def _descend(
    joints: Float[Tensor, "N 13 3"],
    points: Float[Tensor, "N 13 2"],
    weights: Float[Tensor, "N 13"],
    start: Float[Tensor, "N 3 3"],
    settings: RootFitSettings,
    *,
    is_free: bool,
) -> tuple[Float[Tensor, "N 3 3"], Float[Tensor, " N"]]:
    """Rotations and weighted mean squared distances after Gauss-Newton steps on Cauchy-weighted distances."""
    sd = None if is_free or settings.start_sd_deg is None else np.deg2rad(settings.start_sd_deg)
    stiffness = 0.0 if sd is None else (settings.keypoint_sd / sd) ** 2
    rotation = start.clone()
    for _ in range(settings.iterations):
        turned = joints @ rotation.transpose(1, 2)
        flat, slope = _flatten(turned, settings.distance)
        scale, place = _place(flat, points, weights)
        error = points - (scale[:, None, None] * flat + place[:, None])
        robust = weights / (1 + error.square().sum(-1) / settings.keypoint_sd**2)
        jacobian = _jacobian(turned, flat, slope, scale)
        pulled = stiffness * _rotation_vectors(start @ rotation.transpose(1, 2))
        step = _solve(jacobian, error, robust, stiffness, pulled)
        rotation = _turns(step) @ rotation
    flat, _ = _flatten(joints @ rotation.transpose(1, 2), settings.distance)
    scale, place = _place(flat, points, weights)
    squared = (points - scale[:, None, None] * flat - place[:, None]).square().sum(-1)
    return rotation, (weights * squared).sum(1) / weights.sum(1).clamp_min(1e-9)


def _flatten(
    turned: Float[Tensor, "N 13 3"], distance: float
) -> tuple[Float[Tensor, "N 13 2"], Float[Tensor, "N 13 2 3"]]:
    """Perspective image of points in the camera's axes about the pelvis (size 1 there), and its derivative."""
    width = (1 + turned[..., 2:] / distance).clamp_min(_MIN_WIDTH)
    flat = turned[..., :2] / width
    across = torch.eye(2, dtype=turned.dtype).expand(*turned.shape[:-1], 2, 2) / width[..., None]
    return flat, torch.cat([across, (-flat / (width * distance))[..., None]], dim=-1)


def _place(
    flat: Float[Tensor, "N 13 2"], points: Float[Tensor, "N 13 2"], weights: Float[Tensor, "N 13"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, "N 2"]]:
    """Size and place that bring `flat` nearest to the points in weighted least squares; a size is never negative."""
    share = (weights / weights.sum(1, keepdim=True).clamp_min(1e-9))[..., None]
    flat_mean, mean = (share * flat).sum(1), (share * points).sum(1)
    a, b = flat - flat_mean[:, None], points - mean[:, None]
    scale = (share * a * b).sum((1, 2)) / (share * a.square()).sum((1, 2)).clamp_min(1e-12)
    scale = scale.clamp_min(1e-3)
    return scale, mean - scale[:, None] * flat_mean


def _jacobian(
    turned: Float[Tensor, "N 13 3"],
    flat: Float[Tensor, "N 13 2"],
    slope: Float[Tensor, "N 13 2 3"],
    scale: Float[Tensor, " N"],
) -> Float[Tensor, "N 13 2 6"]:
    """Derivative of the projected joints by a turn (3), the size and the place (2)."""
    x, y, z = turned.unbind(-1)
    zero = torch.zeros_like(x)
    by_turn = torch.stack([zero, z, -y, -z, zero, x, y, -x, zero], -1).unflatten(-1, (3, 3))
    place = torch.eye(2, dtype=turned.dtype).expand(*flat.shape[:-1], 2, 2)
    return torch.cat([scale[:, None, None, None] * (slope @ by_turn), flat[..., None], place], dim=-1)


def _solve(
    jacobian: Float[Tensor, "N 13 2 6"],
    error: Float[Tensor, "N 13 2"],
    weights: Float[Tensor, "N 13"],
    stiffness: float,
    pulled: Float[Tensor, "N 3"],
) -> Float[Tensor, "N 3"]:
    """The turn of one damped Gauss-Newton step; size and place are found anew at each step."""
    weighted = jacobian * weights[..., None, None]
    normal = torch.einsum("njci,njck->nik", weighted, jacobian)
    right = torch.einsum("njci,njc->ni", weighted, error)
    normal = normal + _DAMPING * torch.eye(6, dtype=normal.dtype)
    normal[:, :3, :3] += stiffness * torch.eye(3, dtype=normal.dtype)
    right[:, :3] += pulled
    return torch.linalg.solve(normal, right)[:, :3]


def _rotation_vectors(rotations: Float[Tensor, "N 3 3"]) -> Float[Tensor, "N 3"]:
    return torch.as_tensor(Rotation.from_matrix(rotations.numpy()).as_rotvec())


def _turns(vectors: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3 3"]:
    """Rotations by the vectors' lengths in radians, a quarter turn at most."""
    length = vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return torch.as_tensor(Rotation.from_rotvec((vectors * (length.clamp_max(np.pi / 2) / length)).numpy()).as_matrix())
