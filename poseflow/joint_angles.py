"""Joint angles of 3D poses as a coach names them, and the body's lean and facing; degrees, with a sign.

Every angle is taken in the body's own axes, so that neither camera nor heading matters: up along the trunk (pelvis to
thorax), left along the shoulders (arms, head) or the hips (legs, trunk), forward across both. Lean and facing need the
root's rotation in the camera, and take the camera to stand upright and level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vvipe.skeleton import H36M17

Vectors = NDArray[np.float64]
"""(T, 3)."""
_CANONICAL_LEFT = (0.0, -1.0, 0.0)
_CAMERA_UP = np.array([0.0, -1.0, 0.0])
_MIN_LEVEL = 0.35
"""Least level part of the direction to a person's left; below it (lying on a side) forward means nothing."""


@dataclass(frozen=True)
class Angle:
    """One angle and what its sign means.

    Attributes:
        name: Unique, e.g. ``left_elbow_bend``.
        joint: What feedback names: a joint of H36M-17 where there is one, ``trunk``, ``lean`` or ``facing``.
        more, less: Words for a larger and a smaller angle, after the joint's name and the degrees.
        seen: The joints of COCO-13 that must be seen for it; none = any valid pose will do.
        is_relative: Whether only changes mean something: facing, as no camera knows where the other one stands.
    """

    name: str
    joint: str
    more: str
    less: str
    seen: tuple[str, ...] = ()
    is_relative: bool = False


def _side_angles(side: str) -> tuple[Angle, ...]:
    def limb(*joints: str) -> tuple[str, ...]:
        return tuple(f"{side}_{joint}" for joint in joints)

    arm, leg = limb("shoulder", "elbow", "wrist"), limb("hip", "knee", "ankle")
    return (
        Angle(f"{side}_elbow_bend", f"{side}_elbow", "more bent", "straighter", arm),
        Angle(f"{side}_shoulder_raise", f"{side}_shoulder", "more raised", "more lowered", arm[:2]),
        Angle(f"{side}_shoulder_forward", f"{side}_shoulder", "further forward", "further back", arm[:2]),
        Angle(f"{side}_knee_bend", f"{side}_knee", "more bent", "straighter", leg),
        Angle(f"{side}_hip_bend", f"{side}_hip", "more bent", "straighter", leg[:2]),
        Angle(f"{side}_hip_spread", f"{side}_hip", "further out", "further in", leg[:2]),
    )


ANGLES: tuple[Angle, ...] = (
    *_side_angles("left"),
    *_side_angles("right"),
    Angle("head_nod", "head", "further forward", "further back", ("nose",)),
    Angle("head_tilt", "head", "more tilted to the left", "more tilted to the right", ("nose",)),
    Angle("trunk_bend", "trunk", "more bent forward", "more bent back"),
    Angle("trunk_side", "trunk", "more bent to the left", "more bent to the right"),
    Angle("trunk_twist", "trunk", "more twisted to the left", "more twisted to the right"),
)
"""The angles of `joint_angles`, in its columns' order.

* elbow and knee bend: 0 = straight, 90 = a right angle.
* shoulder raise: of the upper arm against the trunk: 0 = hanging, 90 = level, 180 = overhead; shoulder forward: how far
  the upper arm is before (+) or behind (-) the plane of the trunk.
* hip bend: of the thigh forward (+) or back (-) of the trunk's line; hip spread: how far it points outwards.
* head nod and tilt: of the line from thorax to head against the trunk's line, forward and to the left.
* trunk bend and side: of the upper trunk (spine to thorax) against the lower one (pelvis to spine), forward and to the
  left; trunk twist: of the shoulders against the hips, to the left.
"""
ROOT_ANGLES: tuple[Angle, ...] = (
    Angle("lean_forward", "lean", "further forward", "further back"),
    Angle("lean_left", "lean", "further to the left", "further to the right"),
    Angle("facing", "facing", "further to the left", "further to the right", is_relative=True),
)
"""The angles of `root_angles`: of the trunk against the vertical, and the direction faced, counted to the left."""


def joint_angles(poses: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, A) degrees of ANGLES, for H36M-17 poses (T, 17, 3) of any unit and rotation; NaN poses give NaN rows."""
    if poses.ndim != 3 or poses.shape[1:] != (H36M17.n_joints, 3):
        raise ValueError(f"poses: expected (T, {H36M17.n_joints}, 3), got {poses.shape}")
    joints = dict(zip(H36M17.joints, np.moveaxis(np.asarray(poses, np.float64), 1, 0), strict=True))
    upper, lower = (_Frame.of(joints, line) for line in ("shoulder", "hip"))
    columns: list[Vectors] = []
    for side, out in (("left", 1.0), ("right", -1.0)):
        columns += _limbs(joints, side, out, upper, lower)
    head = joints["head"] - joints["thorax"]
    columns += [upper.forward_of(head), upper.left_of(head)]
    columns += _trunk(joints, upper, lower)
    return np.rad2deg(np.stack(columns, axis=1))


def root_angles(poses: NDArray[np.floating], root_rotation: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, 3) degrees of ROOT_ANGLES; NaN where pose or rotation is, and where the person lies on a side.

    Forward is level, across the line from left to right, which stays level when somebody bends down.

    Args:
        poses: (T, 17, 3) canonical poses.
        root_rotation: (T, 4) quaternions (w, x, y, z) from the canonical to the camera frame (y down).
    """
    if root_rotation.shape != (len(poses), 4):
        raise ValueError(f"root_rotation: expected {(len(poses), 4)}, got {root_rotation.shape}")
    thorax, pelvis = H36M17.indices("thorax", "pelvis")
    trunk = np.asarray(poses[:, thorax] - poses[:, pelvis], np.float64)
    angles = np.full((len(poses), len(ROOT_ANGLES)), np.nan)
    known = np.isfinite(root_rotation).all(1) & np.isfinite(trunk).all(1)
    if not known.any():
        return angles
    turn = Rotation.from_quat(root_rotation[known], scalar_first=True)
    trunk = _unit(turn.apply(trunk[known]))
    left = turn.apply(_CANONICAL_LEFT)
    level = left - (left @ _CAMERA_UP)[:, None] * _CAMERA_UP
    is_level = np.linalg.norm(level, axis=1) >= _MIN_LEVEL
    left = np.where(is_level[:, None], _unit(level), np.nan)
    forward = np.cross(left, _CAMERA_UP)
    facing = np.arctan2(forward[:, 0], -forward[:, 2])
    lean_left = np.arcsin(np.clip(_dot(trunk, left), -1, 1))
    found = [np.arctan2(_dot(trunk, forward), trunk @ _CAMERA_UP), lean_left, facing]
    angles[known] = np.rad2deg(np.stack(found, axis=1))
    return angles


def wrap_deg(angles: NDArray[np.floating]) -> NDArray[np.float64]:
    """The same angles in [-180, 180)."""
    return np.asarray((angles + 180.0) % 360.0 - 180.0, np.float64)


@dataclass(frozen=True)
class _Frame:
    """Unit axes (T, 3) of a part of the body."""

    up: Vectors
    left: Vectors
    forward: Vectors

    @classmethod
    def of(cls, joints: dict[str, Vectors], line: str) -> _Frame:
        up = _unit(joints["thorax"] - joints["pelvis"])
        across = joints[f"left_{line}"] - joints[f"right_{line}"]
        left = _unit(across - _dot(across, up)[:, None] * up)
        return cls(up, left, np.cross(left, up))

    def forward_of(self, vectors: Vectors) -> Vectors:
        """(T,) how far vectors near `up` point forward, radians."""
        return np.arctan2(_dot(vectors, self.forward), _dot(vectors, self.up))

    def left_of(self, vectors: Vectors) -> Vectors:
        """(T,) how far vectors near `up` point to the left, radians."""
        return np.arctan2(_dot(vectors, self.left), _dot(vectors, self.up))


def _limbs(joints: dict[str, Vectors], side: str, out: float, upper: _Frame, lower: _Frame) -> list[Vectors]:
    """The angles of `_side_angles`, radians; `out` = +1 on the left, where outwards is to the left."""
    shoulder, elbow, wrist, hip, knee, ankle = (
        joints[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    )
    arm, thigh = _unit(elbow - shoulder), _unit(knee - hip)
    return [
        _between(arm, wrist - elbow),
        _between(arm, -upper.up),
        np.arcsin(np.clip(_dot(arm, upper.forward), -1, 1)),
        _between(thigh, ankle - knee),
        np.arctan2(_dot(thigh, lower.forward), -_dot(thigh, lower.up)),
        np.arcsin(np.clip(out * _dot(thigh, lower.left), -1, 1)),
    ]


def _trunk(joints: dict[str, Vectors], upper: _Frame, lower: _Frame) -> list[Vectors]:
    """Bend, side bend and twist, radians."""
    parts = joints["spine"] - joints["pelvis"], joints["thorax"] - joints["spine"]
    bends = []
    for measure in (lower.forward_of, lower.left_of):
        low, high = (measure(part) for part in parts)
        bends.append(_wrapped(high - low))
    twist = np.arctan2(_dot(np.cross(lower.left, upper.left), lower.up), _dot(lower.left, upper.left))
    return [*bends, twist]


def _wrapped(angles: Vectors) -> Vectors:
    return np.asarray((angles + np.pi) % (2 * np.pi) - np.pi)


def _dot(a: Vectors, b: Vectors) -> Vectors:
    return np.asarray((a * b).sum(-1))


def _unit(vectors: Vectors) -> Vectors:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.full_like(vectors, np.nan), where=length > 0)


def _between(a: Vectors, b: Vectors) -> Vectors:
    """(T,) angles in [0, pi], accurate also near both ends."""
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), _dot(a, b))
