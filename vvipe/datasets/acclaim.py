"""Acclaim motion capture: the skeleton of an .asf file moved by the joint angles of an .amc file.

The joint of a bone is its far end. An .amc file has no frame rate; CMU and HDM05 were recorded at 120 frames a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vvipe.datasets.asf import AcclaimBone, AcclaimSkeleton, read_asf
from vvipe.datasets.kinematics import accumulate_rotations, accumulate_steps, euler_rotations, turn_z_up
from vvipe.datasets.mocap import MocapSequence
from vvipe.datasets.people import person_id
from vvipe.datasets.text_lines import TextLines, read_text
from vvipe.errors import FileFormatError

DEFAULT_FPS = 120.0
# H36M-17 order; two names stand for the point between.
_H36M17_BONES = (
    ("lhipjoint", "rhipjoint"),
    ("rhipjoint",),
    ("rfemur",),
    ("rtibia",),
    ("lhipjoint",),
    ("lfemur",),
    ("ltibia",),
    ("lowerback",),
    ("thorax",),
    ("lowerneck", "upperneck"),
    ("head",),
    ("lclavicle",),
    ("lhumerus",),
    ("lradius",),
    ("rclavicle",),
    ("rhumerus",),
    ("rradius",),
)


@dataclass(frozen=True)
class AcclaimMotion:
    """The numbers of an .amc file.

    Attributes:
        channels: For each bone, (F, C) values in the order of the skeleton's degrees of freedom, angles in radians.
    """

    channels: dict[str, NDArray[np.float64]]

    @property
    def n_frames(self) -> int:
        return len(next(iter(self.channels.values())))


def read_acclaim(amc_path: Path, asf_path: Path | None = None, *, fps: float = DEFAULT_FPS) -> MocapSequence:
    """The take of one .amc file as H36M-17 poses in metres, z up.

    Pelvis is the middle of the hip joints, Neck/Nose the middle of the upper neck bone, Head the end of the head bone;
    the hips of these skeletons are narrow and the wrist is the end of the radius.

    Args:
        amc_path: Joint angles; the take is named after it.
        asf_path: The skeleton; None = the .asf beside it whose name starts the take's (``02.asf`` for ``02_01.amc``).
        fps: Frame rate, which the file does not state.

    Raises:
        FileFormatError: A file is missing, damaged (with the line), or lacks a bone that H36M-17 needs.
    """
    if not amc_path.is_file():
        raise FileFormatError(f"{amc_path}: no such file")
    asf_path = asf_path or find_asf(amc_path)
    skeleton = read_asf(asf_path)
    missing = sorted({bone for names in _H36M17_BONES for bone in names} - set(skeleton.names))
    if missing:
        raise FileFormatError(f"{asf_path}: bone(s) {', '.join(missing)} missing; found: {', '.join(skeleton.names)}")
    ends = bone_ends(skeleton, read_amc(amc_path, skeleton))
    joints = [np.mean([ends[name] for name in names], axis=0) for names in _H36M17_BONES]
    poses = turn_z_up(np.stack(joints, axis=1)) * skeleton.metres_per_unit
    return MocapSequence(
        name=amc_path.stem,
        subject=person_id(asf_path.stem, amc_path.stem),
        label="",
        fps=fps,
        poses=np.asarray(poses, np.float32),
    )


def find_asf(amc_path: Path) -> Path:
    """The skeleton file that belongs to a take: in its folder, with the longest name that starts the take's."""
    beside = [path for path in amc_path.parent.iterdir() if path.suffix.lower() == ".asf"]
    fitting = [path for path in beside if amc_path.stem == path.stem or amc_path.stem.startswith(path.stem + "_")]
    if not fitting:
        found = ", ".join(sorted(path.name for path in beside)) or "none"
        raise FileFormatError(
            f"{amc_path}: no skeleton beside it; expected an .asf whose name starts the take's, such as "
            f"{amc_path.stem.split('_')[0]}.asf; .asf files there: {found}"
        )
    return max(fitting, key=lambda path: len(path.stem))


def bone_ends(skeleton: AcclaimSkeleton, motion: AcclaimMotion) -> dict[str, NDArray[np.float64]]:
    """(F, 3) far end of each bone by name, in the file's unit and axes; ``root`` is the root's own place."""
    local = np.stack([_local_rotations(bone, motion) for bone in skeleton.bones], axis=1)
    world = accumulate_rotations(local, skeleton.parents)
    steps = np.einsum("fjab,jb->fja", world, np.stack([bone.offset for bone in skeleton.bones]))
    steps[:, 0] = skeleton.bones[0].offset + _root_positions(skeleton.bones[0], motion)
    positions = accumulate_steps(steps, skeleton.parents)
    return {bone.name: positions[:, i] for i, bone in enumerate(skeleton.bones)}


def _local_rotations(bone: AcclaimBone, motion: AcclaimMotion) -> NDArray[np.float64]:
    """(F, 3, 3) C R C^-1: the bone's motion R happens in its own axes C; a locked bone has R = 1."""
    values = np.zeros((motion.n_frames, 3))
    for position, channel in enumerate(bone.channels):
        if channel in ("rx", "ry", "rz"):
            values[:, bone.axis_order.index(channel[1])] = motion.channels[bone.name][:, position]
    # "XYZ" turns about the fixed x first, so that its matrix stands rightmost.
    moved = euler_rotations(values[:, ::-1], bone.axis_order[::-1])
    return bone.axes @ moved @ bone.axes.T


def _root_positions(root: AcclaimBone, motion: AcclaimMotion) -> NDArray[np.float64]:
    positions = np.zeros((motion.n_frames, 3))
    for position, channel in enumerate(root.channels):
        if channel in ("tx", "ty", "tz"):
            positions[:, "xyz".index(channel[1])] = motion.channels[root.name][:, position]
    return positions


def read_amc(path: Path, skeleton: AcclaimSkeleton) -> AcclaimMotion:
    """The joint angles of every frame for the bones of `skeleton` that move.

    Raises:
        FileFormatError: With the line: an unknown bone, a wrong count of values, no number, a frame without a bone.
    """
    lines = TextLines(path, read_text(path), comment="#")
    widths = {bone.name: len(bone.channels) for bone in skeleton.bones if bone.channels}
    is_degrees = True
    rows: dict[str, list[list[float]]] = {name: [] for name in widths}
    frames = 0
    for words in lines:
        if words[0].startswith(":"):
            is_degrees = is_degrees and words[0].upper() != ":RADIANS"
        elif len(words) == 1 and words[0].isdigit():
            _check_complete(lines, rows, frames)
            frames += 1
        else:
            _append_row(lines, words, widths, rows, frames)
    _check_complete(lines, rows, frames)
    if not frames:
        raise FileFormatError(f"{path}: no frame found; expected Acclaim motion: a frame number, then one line a bone")
    factor = np.pi / 180 if is_degrees else 1.0
    return AcclaimMotion(
        {bone.name: _scaled(rows[bone.name], bone, factor) for bone in skeleton.bones if bone.channels}
    )


def _append_row(
    lines: TextLines, words: list[str], widths: dict[str, int], rows: dict[str, list[list[float]]], frames: int
) -> None:
    name, values = words[0], words[1:]
    if not frames:
        raise lines.error(f"expected a frame number first, found {' '.join(words)[:60]!r}")
    if name not in widths:
        raise lines.error(f"{name!r} is no moving bone of the skeleton; those are: {', '.join(widths)}")
    if len(rows[name]) == frames:
        raise lines.error(f"bone {name} twice in one frame")
    if len(values) != widths[name]:
        raise lines.error(f"bone {name}: expected {widths[name]} values, found {len(values)}")
    rows[name].append(lines.numbers(values))


def _check_complete(lines: TextLines, rows: dict[str, list[list[float]]], frames: int) -> None:
    missing = [name for name, values in rows.items() if len(values) != frames]
    if missing:
        raise lines.error(f"frame {frames} ends without bone(s) {', '.join(missing)}")


def _scaled(rows: list[list[float]], bone: AcclaimBone, factor: float) -> NDArray[np.float64]:
    return np.array(rows) * [factor if channel.startswith("r") else 1.0 for channel in bone.channels]
