"""Lifted poses as BVH: a rig with CMU's joint names in which every bone can point anywhere, without twist.

A joint of a BVH file turns all its children alike, while a pose of joints moves both hips, both shoulders and the
trunk one by one. So each of those bones hangs on a joint of its own that lies on its parent, as CMU's rigs have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.lifted_note import height_words
from poseflow.lifted import LiftedTrack
from poseflow.output import atomic_path
from vvipe.skeleton import H36M17

CM_PER_METRE = 100.0
_CANONICAL_TO_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""What `vvipe.datasets.bvh.read_bvh` undoes: canonical poses come back as they were."""
_CAMERA_TO_Y_UP = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class _RigJoint:
    """A joint of the rig.

    Attributes:
        name: In the file.
        parent: Name of the parent; empty for the root.
        place: H36M-17 joint at which it lies.
        turns: H36M-17 joint to which its bone leads; empty where it only carries others or ends.
    """

    name: str
    parent: str
    place: str
    turns: str = ""


_SIDES = (("Left", "L", "left"), ("Right", "R", "right"))
_RIG = (
    _RigJoint("Hips", "", "pelvis"),
    *(
        joint
        for side, letter, plain in _SIDES
        for joint in (
            _RigJoint(f"{letter}HipJoint", "Hips", "pelvis", f"{plain}_hip"),
            _RigJoint(f"{side}UpLeg", f"{letter}HipJoint", f"{plain}_hip", f"{plain}_knee"),
            _RigJoint(f"{side}Leg", f"{side}UpLeg", f"{plain}_knee", f"{plain}_ankle"),
            _RigJoint(f"{side}Foot", f"{side}Leg", f"{plain}_ankle"),
        )
    ),
    _RigJoint("LowerBack", "Hips", "pelvis", "spine"),
    _RigJoint("Spine", "LowerBack", "spine", "thorax"),
    _RigJoint("Neck", "Spine", "thorax", "neck_nose"),
    _RigJoint("Neck1", "Neck", "neck_nose"),
    _RigJoint("Head", "Neck1", "neck_nose", "head"),
    *(
        joint
        for side, _, plain in _SIDES
        for joint in (
            _RigJoint(f"{side}Shoulder", "Spine", "thorax", f"{plain}_shoulder"),
            _RigJoint(f"{side}Arm", f"{side}Shoulder", f"{plain}_shoulder", f"{plain}_elbow"),
            _RigJoint(f"{side}ForeArm", f"{side}Arm", f"{plain}_elbow", f"{plain}_wrist"),
            _RigJoint(f"{side}Hand", f"{side}ForeArm", f"{plain}_wrist"),
        )
    ),
)
_REST_DIRECTIONS = {
    "hip": "side",
    "shoulder": "side",
    "elbow": "side",
    "wrist": "side",
    "knee": "down",
    "ankle": "down",
}
"""Of the bone that leads to a joint, in a T-pose; up for the others."""


def write_bvh(path: str | Path, track: LiftedTrack) -> None:
    """Writes the poses in centimetres, y up, at even times (resampled where the clip's are not).

    The format has no comments: a joint without length under the root, whose name starts with ``poseflow_note``, says
    how the file was made. Held and interpolated frames cannot be marked in it.

    Raises:
        OutputError: The file cannot be written.
    """
    even = track.at_even_times()
    rest = _rest_pose(even.bone_lengths) * even.metres_per_torso * CM_PER_METRE
    angles = bvh_angles_deg(even)
    rows = np.concatenate([np.zeros((len(angles), 3)), angles.reshape(len(angles), -1)], axis=1)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(["HIERARCHY", *_hierarchy(rest, _note_name(track)), "MOTION"]))
        file.write(f"\nFrames: {len(rows)}\nFrame Time: {even.step_s:.9f}\n")
        np.savetxt(file, rows, fmt="%.6f")


def bvh_angles_deg(track: LiftedTrack) -> NDArray[np.float64]:
    """(T, J + 1, 3) rotations about z, y and x of the rig's joints and, last, of the note; no jumps of 360 degrees."""
    rest = _rest_pose(track.bone_lengths)
    poses = track.canonical @ _CANONICAL_TO_Y_UP.T
    turns = np.zeros((len(poses), len(_RIG) + 1, 3))
    world: dict[str, NDArray] = {}
    for number, joint in enumerate(_RIG):
        inherited = world.get(joint.parent, np.broadcast_to(np.eye(3), (len(poses), 3, 3)))
        world[joint.name] = inherited
        if joint.turns:
            end, start = H36M17.index(joint.turns), H36M17.index(joint.place)
            wanted = np.einsum("tba,tb->ta", inherited, poses[:, end] - poses[:, start])
            local = _swings(rest[end] - rest[start], wanted)
            turns[:, number] = _zyx_deg(local)
            world[joint.name] = inherited @ local
    if track.frame == "camera":
        turns[:, 0] = _zyx_deg(_CAMERA_TO_Y_UP @ track.rotation_matrices @ _CANONICAL_TO_Y_UP.T)
    return np.unwrap(turns, axis=0, period=360.0)


def _rest_pose(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """(17, 3) the T-pose with these bones, torso lengths, y up, facing -x as the canonical person does."""
    rest = np.zeros((H36M17.n_joints, 3))
    for length, (parent, child) in zip(lengths, H36M17.bones, strict=True):
        name = H36M17.joints[child]
        way = _REST_DIRECTIONS.get(name.removeprefix("left_").removeprefix("right_"), "up")
        side = 1.0 if name.startswith("left_") else -1.0
        direction = {"up": (0.0, 1.0, 0.0), "down": (0.0, -1.0, 0.0), "side": (0.0, 0.0, side)}[way]
        rest[child] = rest[parent] + length * np.array(direction)
    return rest


def _swings(rest: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 3, 3) the shortest rotations from one direction (3,) to others (T, 3): no twist about the bone."""
    a = rest / np.linalg.norm(rest)
    b = wanted / np.linalg.norm(wanted, axis=-1, keepdims=True)
    cosine = b @ a
    axis = np.cross(a, b)
    cross = np.zeros((len(b), 3, 3))
    cross[:, [2, 0, 1], [1, 2, 0]] = axis
    cross[:, [1, 2, 0], [2, 0, 1]] = -axis
    is_opposite = cosine < -1 + 1e-9
    factor = 1 / np.where(is_opposite, 1.0, 1 + cosine)
    turned = np.eye(3) + cross + factor[:, None, None] * (cross @ cross)
    aside = np.cross(a, np.eye(3)[np.abs(a).argmin()])
    aside /= np.linalg.norm(aside)
    return np.where(is_opposite[:, None, None], 2 * np.outer(aside, aside) - np.eye(3), turned)


def _zyx_deg(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 3) angles about z, y and x whose product Rz Ry Rx is the rotation; x is 0 where y is a quarter turn."""
    sine = np.clip(-rotations[:, 2, 0], -1, 1)
    is_locked = np.abs(sine) > 1 - 1e-12
    z = np.where(
        is_locked,
        np.arctan2(-rotations[:, 0, 1], rotations[:, 1, 1]),
        np.arctan2(rotations[:, 1, 0], rotations[:, 0, 0]),
    )
    x = np.where(is_locked, 0.0, np.arctan2(rotations[:, 2, 1], rotations[:, 2, 2]))
    y = np.arctan2(sine, np.hypot(rotations[:, 2, 1], rotations[:, 2, 2]))
    return np.rad2deg(np.stack([z, y, x], axis=-1))


def _hierarchy(rest: NDArray[np.float64], note: str) -> list[str]:
    """The lines of the rig, and under its root the joint that carries the note."""

    def lines_of(joint: _RigJoint, depth: int) -> list[str]:
        own = rest[H36M17.index(joint.place)]
        start = rest[H36M17.index(places[joint.parent])] if joint.parent else own
        children = [line for child in _RIG if child.parent == joint.name for line in lines_of(child, depth + 1)]
        if not joint.parent:
            children += _joint_lines(f"JOINT {note}", np.zeros(3), _end_lines(np.zeros(3), depth + 2), depth + 1)
        if not children:
            end = rest[H36M17.index(joint.turns)] - own if joint.turns else np.zeros(3)
            children = _end_lines(end, depth + 1)
        kind = "JOINT" if joint.parent else "ROOT"
        return _joint_lines(f"{kind} {joint.name}", own - start, children, depth)

    places = {joint.name: joint.place for joint in _RIG}
    return lines_of(_RIG[0], 0)


def _joint_lines(head: str, offset: NDArray[np.float64], children: list[str], depth: int) -> list[str]:
    indent, x, y, z = "\t" * depth, *offset
    channels = "3 Zrotation" if depth else "6 Xposition Yposition Zposition Zrotation"
    return [
        f"{indent}{head}",
        f"{indent}{{",
        f"{indent}\tOFFSET {x:.6f} {y:.6f} {z:.6f}",
        f"{indent}\tCHANNELS {channels} Yrotation Xrotation",
        *children,
        f"{indent}}}",
    ]


def _end_lines(offset: NDArray[np.float64], depth: int) -> list[str]:
    indent, x, y, z = "\t" * depth, *offset
    return [f"{indent}End Site", f"{indent}{{", f"{indent}\tOFFSET {x:.6f} {y:.6f} {z:.6f}", f"{indent}}}"]


def _note_name(track: LiftedTrack) -> str:
    """The note as the name of a joint, which is one word in every reader."""
    parts = ["poseflow_note", track.frame, "frame zero twist no root path constant median bones", height_words(track)]
    return " ".join(parts).replace(" (assumed)", " assumed").replace(".", "p").replace(" ", "_")
