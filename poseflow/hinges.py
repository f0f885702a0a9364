"""The body as bones that turn about named hinges, so that one pose can be turned into another by a few angles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vvipe.skeleton import H36M17

Array = NDArray[np.float64]
N_BONES = len(H36M17.bones)
_ARM, _LEG = ("elbow", "wrist"), ("knee", "ankle")
_STRAIGHT, _BENT = 0.1, 0.3
"""Sine of a bend below which (or of a raise) its plane is not known, and above which it is."""


def _hinge_table() -> dict[str, tuple[str, ...]]:
    """Name -> the joints that move when it turns."""
    both = [f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", *_ARM)]
    table: dict[str, tuple[str, ...]] = {}
    for side in ("left", "right"):
        arm, leg = (tuple(f"{side}_{joint}" for joint in limb) for limb in (_ARM, _LEG))
        table |= {f"{side}_elbow_bend": arm[1:], f"{side}_shoulder_raise": arm, f"{side}_shoulder_swing": arm}
        table |= {f"{side}_knee_bend": leg[1:], f"{side}_hip_bend": leg, f"{side}_hip_spread": leg}
    table |= dict.fromkeys(("head_nod", "head_tilt"), ("neck_nose", "head"))
    upper = ("thorax", "neck_nose", "head", *both)
    return table | dict.fromkeys(("trunk_bend", "trunk_side", "trunk_twist"), upper)


_TABLE = _hinge_table()
HINGES: tuple[str, ...] = tuple(_TABLE)
"""Shoulder swing turns the arm about the trunk's line, forward; the others are angles of `poseflow.joint_angles`."""
MOVED: NDArray[np.bool_] = np.array(
    [[H36M17.joints[child] in joints for _, child in H36M17.bones] for joints in _TABLE.values()]
)
"""(H, 16) whether a bone (by its far joint) turns with a hinge."""
_OUTERMOST_FIRST = np.argsort(MOVED.sum(1), kind="stable")


def _chain() -> Array:
    chain = np.zeros((H36M17.n_joints, N_BONES))
    for bone, (parent, child) in enumerate(H36M17.bones):
        chain[child] = chain[parent]
        chain[child, bone] = 1
    return chain


CHAIN: Array = _chain()
"""(17, 16) which bones lead from the pelvis to a joint."""


def bones_of(poses: NDArray[np.floating]) -> Array:
    """(T, 16, 3) bones, parent to child, of poses (T, 17, 3)."""
    parents, children = (list(column) for column in zip(*H36M17.bones, strict=True))
    return np.asarray(poses[:, children] - poses[:, parents], np.float64)


def poses_of(bones: Array) -> Array:
    """(T, 17, 3) poses of bones (T, 16, 3), pelvis at the origin."""
    return np.asarray(np.einsum("jb,tbk->tjk", CHAIN, bones))


def hinge_axes(poses: NDArray[np.floating]) -> Array:
    """(T, H, 3) unit axes; a turn about one by a small positive angle makes the angle of that name larger.

    Where a limb is straight, or hangs, its plane is not known: the anatomical one is taken.
    """
    joints = dict(zip(H36M17.joints, np.moveaxis(np.asarray(poses, np.float64), 1, 0), strict=True))
    up = unit(joints["thorax"] - joints["pelvis"])
    axes: dict[str, Array] = {}
    frames = {}
    for line in ("shoulder", "hip"):
        across = joints[f"left_{line}"] - joints[f"right_{line}"]
        left = unit(across - (across * up).sum(-1, keepdims=True) * up)
        frames[line] = left, np.cross(left, up)
    for side, out in (("left", 1.0), ("right", -1.0)):
        axes |= _arm_axes(joints, side, up, out * frames["shoulder"][0], frames["shoulder"][1])
        axes[f"{side}_shoulder_swing"] = -out * up
        axes |= _leg_axes(joints, side, up, out * frames["hip"][0], frames["hip"][1])
    for part, line in (("head", "shoulder"), ("trunk", "hip")):
        left, forward = frames[line]
        axes[{"head": "head_nod", "trunk": "trunk_bend"}[part]] = np.cross(up, forward)
        axes[{"head": "head_tilt", "trunk": "trunk_side"}[part]] = np.cross(up, left)
    axes["trunk_twist"] = up
    return np.stack([axes[name] for name in HINGES], axis=1)


def turn_bones(bones: Array, axes: Array, angles: Array) -> Array:
    """Bones (T, 16, 3) turned about hinges, outermost hinges first.

    Args:
        bones: Before the turn.
        axes: (T, H, 3) axes of `hinge_axes` of the same poses.
        angles: (T, H) radians.
    """
    return np.asarray((bone_turns(axes, angles) @ bones[..., None])[..., 0])


def bone_turns(axes: Array, angles: Array) -> Array:
    """(T, 16, 3, 3) rotations of each bone by all hinges that it turns with; arguments as `turn_bones`."""
    frames = len(axes)
    turns = Rotation.from_rotvec((axes * angles[..., None]).reshape(-1, 3)).as_matrix()
    turns = turns.reshape(frames, len(HINGES), 3, 3)
    of_hinges: dict[tuple[int, ...], Array] = {(): np.broadcast_to(np.eye(3), (frames, 3, 3))}
    columns = []
    for bone in range(N_BONES):
        hinges = tuple(int(hinge) for hinge in _OUTERMOST_FIRST if MOVED[hinge, bone])
        if hinges not in of_hinges:
            product = turns[:, hinges[0]]
            for hinge in hinges[1:]:
                product = turns[:, hinge] @ product
            of_hinges[hinges] = product
        columns.append(of_hinges[hinges])
    return np.stack(columns, axis=1)


def _arm_axes(joints: dict[str, Array], side: str, up: Array, out: Array, forward: Array) -> dict[str, Array]:
    arm = unit(joints[f"{side}_elbow"] - joints[f"{side}_shoulder"])
    forearm = unit(joints[f"{side}_wrist"] - joints[f"{side}_elbow"])
    return {
        f"{side}_elbow_bend": _plane(arm, forearm, forward + up),
        f"{side}_shoulder_raise": _plane(-up, arm, out),
    }


def _leg_axes(joints: dict[str, Array], side: str, up: Array, out: Array, forward: Array) -> dict[str, Array]:
    thigh = unit(joints[f"{side}_knee"] - joints[f"{side}_hip"])
    shank = unit(joints[f"{side}_ankle"] - joints[f"{side}_knee"])
    return {
        f"{side}_knee_bend": _plane(thigh, shank, -forward - up),
        f"{side}_hip_bend": np.cross(-up, forward),
        f"{side}_hip_spread": _plane(thigh, out, out + forward),
    }


def _plane(a: Array, b: Array, toward: Array) -> Array:
    """(T, 3) axis about which unit vectors b turn away from a; nearly parallel ones turn towards `toward`."""
    normal = np.cross(a, b)
    share = np.clip((np.linalg.norm(normal, axis=-1, keepdims=True) - _STRAIGHT) / (_BENT - _STRAIGHT), 0, 1)
    return unit(share * unit(normal) + (1 - share) * unit(np.cross(a, toward)))


def unit(vectors: Array) -> Array:
    """Vectors of length 1 along the last axis; those of hardly any length stay shorter."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))
