"""BVH motion capture: the file, its forward kinematics, and the way to H36M-17 poses.

A joint of a BVH file is the start of its bone. Lengths have no unit; y is up unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vvipe.datasets.bvh_joints import find_h36m17, h36m17_joints, metres_per_unit_by_legs, with_thorax
from vvipe.datasets.kinematics import accumulate_rotations, accumulate_steps, euler_rotations, turn_z_up
from vvipe.datasets.mocap import MocapSequence
from vvipe.datasets.people import person_id
from vvipe.datasets.text_lines import TextLines, read_text

_CHANNELS = tuple(f"{axis}{kind}" for kind in ("position", "rotation") for axis in "xyz")


@dataclass(frozen=True)
class BvhJoint:
    """One joint, or the end site of one.

    Attributes:
        name: Name in the file; ``<joint> end`` for an end site.
        parent: Index of the parent; -1 for the root.
        offset: (3,) from the parent's place in the parent's axes.
        channels: ``xposition`` ... ``zrotation`` in the order of the file; none for an end site.
    """

    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[str, ...]


@dataclass(frozen=True)
class BvhFile:
    """Joints (parents first), frame rate, and the values of the joints' channels one after the other (F, C)."""

    joints: tuple[BvhJoint, ...]
    fps: float
    values: NDArray[np.float64]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(joint.name for joint in self.joints)

    @property
    def parents(self) -> tuple[int, ...]:
        return tuple(joint.parent for joint in self.joints)

    @property
    def offsets(self) -> NDArray[np.float64]:
        """(J, 3) offsets from the parents."""
        return np.array([joint.offset for joint in self.joints])


def read_bvh(
    path: Path, *, metres_per_unit: float | None = None, up_axis: Literal["y", "z"] = "y", subject: str | None = None
) -> MocapSequence:
    """The take of one BVH file as H36M-17 poses in metres, z up.

    Joints are found by name in the spellings of CMU, Mixamo, MotionBuilder, Biped, SMPL, Unreal, Daz and Biovision
    rigs. Pelvis is the middle of the hips, Thorax the start of the neck, Spine the spine joint nearest to the
    middle between them in the rest pose, Head the end site of the head. Neck/Nose is the middle of the upper neck
    bone, or 3/4 of the way up where the neck is one bone.

    CMU's conversions lose the thorax bone: all children of ``Spine1`` lie on it. There one more upper-back length is
    put between, up in the rest pose, which is right to about 1 cm.

    Args:
        path: The file; the take is named after it. Its first frame is often a T-pose, and is kept.
        metres_per_unit: Length of the file's unit; None = of metre, CMU's unit (0.0564 m), inch, centimetre and
            millimetre the one that makes the leg most like a person's.
        up_axis: The world axis that points up in the file.
        subject: Id of the person; None = the file's name up to its first underscore, see `person_id`.

    Raises:
        FileFormatError: The file is damaged (with the line), or a joint of H36M-17 is not found in it.
    """
    if up_axis not in ("y", "z"):
        raise ValueError(f"up_axis: expected 'y' or 'z', got {up_axis!r}")
    bvh = parse_bvh(path)
    offsets = with_thorax(bvh.parents, bvh.offsets, "xyz".index(up_axis))
    found = find_h36m17(path, bvh.names, bvh.parents, offsets)
    unit = metres_per_unit or metres_per_unit_by_legs(path, found, offsets)
    points = h36m17_joints(_positions(bvh, offsets), found) * unit
    poses = turn_z_up(points) if up_axis == "y" else points
    return MocapSequence(
        name=path.stem,
        subject=person_id(path.stem.split("_")[0], path.stem) if subject is None else subject,
        label="",
        fps=bvh.fps,
        poses=np.asarray(poses, np.float32),
    )


def joint_positions(bvh: BvhFile) -> NDArray[np.float64]:
    """(F, J, 3) world positions in the file's unit and axes; a position channel takes the place of the offset."""
    return _positions(bvh, bvh.offsets)


def _positions(bvh: BvhFile, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    frames = len(bvh.values)
    local = np.broadcast_to(np.eye(3), (frames, len(bvh.joints), 3, 3)).copy()
    steps = np.broadcast_to(offsets, (frames, *offsets.shape)).copy()
    column = 0
    for j, joint in enumerate(bvh.joints):
        values = bvh.values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        turns = [i for i, channel in enumerate(joint.channels) if channel.endswith("rotation")]
        local[:, j] = euler_rotations(np.radians(values[:, turns]), "".join(joint.channels[i][0] for i in turns))
        for i, channel in enumerate(joint.channels):
            if channel.endswith("position"):
                steps[:, j, "xyz".index(channel[0])] = values[:, i]
    world = accumulate_rotations(local, bvh.parents)
    for j, parent in enumerate(bvh.parents):
        if parent >= 0:
            steps[:, j] = np.einsum("fab,fb->fa", world[:, parent], steps[:, j])
    return accumulate_steps(steps, bvh.parents)


def parse_bvh(path: Path) -> BvhFile:
    """The content of a BVH file.

    Raises:
        FileFormatError: It is damaged; the message gives the line.
    """
    lines = TextLines(path, read_text(path))
    if lines.next("HIERARCHY")[0].upper() != "HIERARCHY":
        raise lines.error("no BVH file: expected HIERARCHY first")
    joints = _parse_hierarchy(lines)
    frames = _parse_header(lines, "Frames:", "the number of frames")
    if not (frames.isdecimal() and len(frames) < 10 and int(frames)):
        raise lines.error(f"Frames: expected a whole number above 0, found {frames!r}")
    frame_time = _parse_header(lines, "Frame Time:", "the time of a frame in seconds")
    fps = _fps(lines, frame_time)
    width = sum(len(joint.channels) for joint in joints)
    return BvhFile(joints, fps, _parse_frames(lines, int(frames), width))


def _parse_hierarchy(lines: TextLines) -> tuple[BvhJoint, ...]:
    joints: list[BvhJoint] = []
    open_joints: list[int] = []
    for words in lines:
        keyword = words[0].upper()
        if keyword == "MOTION":
            if open_joints or not joints:
                raise lines.error("MOTION starts before the hierarchy is closed")
            return tuple(joints)
        if keyword == "}" and open_joints:
            open_joints.pop()
        elif keyword in ("ROOT", "JOINT", "END") and len(words) > 1:
            if (keyword == "ROOT") == bool(joints) or (keyword != "ROOT" and not open_joints):
                raise lines.error(f"expected one ROOT and its joints inside it, found {' '.join(words)[:60]!r}")
            joints.append(_parse_joint(lines, words, joints, open_joints[-1] if open_joints else -1))
            open_joints.append(len(joints) - 1)
        else:
            raise lines.error(f"expected JOINT, End Site, '}}' or MOTION, found {' '.join(words)[:60]!r}")
    raise lines.error("the file ends within the hierarchy")


def _parse_joint(lines: TextLines, words: list[str], joints: list[BvhJoint], parent: int) -> BvhJoint:
    """A joint's name, OFFSET and CHANNELS, which follow its opening brace."""
    is_end = words[0].upper() == "END"
    name = f"{joints[parent].name} end" if is_end else " ".join(words[1:]).removesuffix("{").strip()
    if words[-1] != "{" and lines.next("'{'") != ["{"]:
        raise lines.error(f"expected '{{' after {name}")
    offset = lines.next("OFFSET")
    if offset[0].upper() != "OFFSET" or len(offset) != 4:
        raise lines.error(f"joint {name}: expected OFFSET with 3 numbers, found {' '.join(offset)[:60]!r}")
    x, y, z = lines.numbers(offset[1:])
    return BvhJoint(name, parent, (x, y, z), () if is_end else _parse_channels(lines, name))


def _parse_channels(lines: TextLines, name: str) -> tuple[str, ...]:
    words = lines.next("CHANNELS")
    channels = tuple(word.lower() for word in words[2:])
    is_complete = words[0].upper() == "CHANNELS" and words[1:2] == [str(len(channels))]
    if not is_complete or len(set(channels)) != len(channels) or not set(channels) <= set(_CHANNELS):
        raise lines.error(
            f"joint {name}: expected CHANNELS, their number and their names (such as Zrotation), "
            f"found {' '.join(words)[:80]!r}"
        )
    return channels


def _parse_header(lines: TextLines, key: str, expected: str) -> str:
    text = " ".join(lines.next(f"{key!r}"))
    if not text.lower().startswith(key.lower()):
        raise lines.error(f"expected {key!r} and {expected}, found {text[:60]!r}")
    return text[len(key) :].strip()


def _fps(lines: TextLines, frame_time: str) -> float:
    """Frames a second: the whole number whose frame time, cut to as many digits, is the one printed, if there is one.

    ``.0083333`` is 120 and not 120.00048 a second, ``0.033367`` is 29.97.
    """
    (seconds,) = lines.numbers([frame_time])
    if seconds <= 0:
        raise lines.error(f"Frame Time: expected more than 0 seconds, found {frame_time}")
    digits = len(frame_time.partition(".")[2]) if "e" not in frame_time.lower() else 15
    whole = round(1 / seconds)
    return float(whole) if whole and abs(1 / whole - seconds) < 10.0**-digits else 1 / seconds


def _parse_frames(lines: TextLines, frames: int, width: int) -> NDArray[np.float64]:
    rows: list[list[float]] = []
    for words in lines:
        if len(rows) == frames:
            raise lines.error(f"more frames than the {frames} announced")
        if len(words) != width:
            raise lines.error(f"frame {len(rows) + 1}: expected {width} values, found {len(words)}")
        rows.append(lines.numbers(words))
    if len(rows) != frames:
        raise lines.error(f"the file ends after {len(rows)} of {frames} frames")
    return np.array(rows)
