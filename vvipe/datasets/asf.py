"""The skeleton of an Acclaim .asf file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vvipe.datasets.kinematics import euler_rotations
from vvipe.datasets.text_lines import TextLines, read_text
from vvipe.errors import FileFormatError

_CHANNELS = ("tx", "ty", "tz", "rx", "ry", "rz")
_INCH_M = 0.0254


@dataclass(frozen=True)
class AcclaimBone:
    """One bone, or the root.

    Attributes:
        name: Name in the file, ``root`` for the root.
        offset: (3,) from the parent's end to this bone's end in the rest pose, in the file's unit.
        axes: (3, 3) rotation from the bone's own axes to the world's.
        axis_order: Order in which its angles are applied, e.g. ``xyz``: about the fixed x first.
        channels: Its degrees of freedom in the order of the .amc: ``tx`` ... ``rz``; none for a locked bone.
    """

    name: str
    offset: NDArray[np.float64]
    axes: NDArray[np.float64]
    axis_order: str
    channels: tuple[str, ...]


@dataclass(frozen=True)
class AcclaimSkeleton:
    """The bones, parents first (the root is the first), and the unit of lengths.

    Attributes:
        bones: Root and bones.
        parents: Index of each bone's parent; -1 for the root.
        metres_per_unit: 0.0254 / the file's `length` unit.
    """

    bones: tuple[AcclaimBone, ...]
    parents: tuple[int, ...]
    metres_per_unit: float

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(bone.name for bone in self.bones)


@dataclass(frozen=True)
class _Entry:
    """Words of one line after the keyword, with the place for error messages."""

    words: list[str]
    line: int


def read_asf(path: Path) -> AcclaimSkeleton:
    """The skeleton of an .asf file.

    Raises:
        FileFormatError: A section or value is missing or damaged (with the line), or the bones form no tree.
    """
    lines = TextLines(path, read_text(path), comment="#")
    section = ""
    units: dict[str, _Entry] = {}
    root: dict[str, _Entry] = {}
    blocks: list[dict[str, _Entry]] = []
    children: list[_Entry] = []
    for words in lines:
        if words[0].startswith(":"):
            section = words[0].lower()
        elif section == ":units":
            units[words[0].lower()] = _Entry(words[1:], lines.number)
        elif section == ":root":
            root[words[0].lower()] = _Entry(words[1:], lines.number)
        elif section == ":bonedata" and words[0] == "begin":
            blocks.append(_read_block(lines))
        elif section == ":hierarchy" and words[0] not in ("begin", "end"):
            children.append(_Entry(words, lines.number))
    if not (root and blocks and children):
        raise FileFormatError(f"{path}: no Acclaim skeleton: sections :root, :bonedata and :hierarchy are needed")
    angle = _angle_factor(lines, units)
    bones = {"root": _root_bone(lines, root, angle)}
    for block in blocks:
        bone = _bone(lines, block, angle)
        bones[bone.name] = bone
    order, parents = _tree(lines, children, bones)
    return AcclaimSkeleton(tuple(bones[name] for name in order), parents, _metres_per_unit(lines, units))


def _read_block(lines: TextLines) -> dict[str, _Entry]:
    """The keyword lines of one bone up to ``end``; the ``limits`` of its angles are left out."""
    block: dict[str, _Entry] = {}
    begin = lines.number
    for words in lines:
        if words[0] == "end":
            return block
        if words[0] == "begin" or words[0].startswith(":"):
            raise lines.error(f"the bone that begins in line {begin} has no 'end'")
        if words[0].isalpha():
            block[words[0].lower()] = _Entry(words[1:], lines.number)
    raise lines.error(f"the file ends within the bone that begins in line {begin}")


def _values(lines: TextLines, block: dict[str, _Entry], key: str, count: int) -> list[float]:
    if key not in block:
        raise lines.error(f"the root or bone before this line has no {key!r}")
    lines.number = block[key].line
    if len(block[key].words) < count:
        raise lines.error(f"{key}: expected {count} values, found {len(block[key].words)}")
    return lines.numbers(block[key].words[:count])


def _angle_factor(lines: TextLines, units: dict[str, _Entry]) -> float:
    unit = units["angle"].words[:1] if "angle" in units else ["deg"]
    if unit not in (["deg"], ["rad"]):
        lines.number = units["angle"].line
        raise lines.error(f"angle unit: expected deg or rad, found {' '.join(unit) or 'nothing'}")
    return np.pi / 180 if unit == ["deg"] else 1.0


def _metres_per_unit(lines: TextLines, units: dict[str, _Entry]) -> float:
    """Lengths are inches times the `length` unit (0.45 in CMU and HDM05)."""
    (length,) = _values(lines, units, "length", 1) if "length" in units else (1.0,)
    if length <= 0:
        raise lines.error(f"length unit: expected more than 0, found {length}")
    return _INCH_M / length


def _axis_order(lines: TextLines, entry: _Entry, word: str) -> str:
    lines.number = entry.line
    if sorted(word.lower()) != ["x", "y", "z"]:
        raise lines.error(f"axis: expected an order of X, Y, Z, found {word!r}")
    return word.lower()


def _axes(angles: list[float], order: str, factor: float) -> NDArray[np.float64]:
    values = np.array([angles["xyz".index(axis)] for axis in order]) * factor
    return euler_rotations(values[::-1], order[::-1])


def _channels(lines: TextLines, entry: _Entry | None) -> tuple[str, ...]:
    if entry is None:
        return ()
    lines.number = entry.line
    channels = tuple(word.lower() for word in entry.words)
    unknown = [channel for channel in channels if channel not in _CHANNELS]
    if unknown:
        raise lines.error(f"degrees of freedom: {', '.join(_CHANNELS)} are read, found {', '.join(unknown)}")
    return channels


def _root_bone(lines: TextLines, root: dict[str, _Entry], factor: float) -> AcclaimBone:
    position = _values(lines, root, "position", 3)
    angles = _values(lines, root, "orientation", 3)
    axis = root.get("axis", _Entry(["XYZ"], lines.number))
    order = _axis_order(lines, axis, "".join(axis.words[:1]))
    channels = _channels(lines, root.get("order"))
    if not channels:
        raise lines.error("the root has no 'order'")
    return AcclaimBone("root", np.array(position), _axes(angles, order, factor), order, channels)


def _bone(lines: TextLines, block: dict[str, _Entry], factor: float) -> AcclaimBone:
    name = block.get("name", _Entry([], 0)).words
    if len(name) != 1:
        raise lines.error("a bone before this line has no name")
    direction, (length,) = _values(lines, block, "direction", 3), _values(lines, block, "length", 1)
    angles = _values(lines, block, "axis", 3)
    order = _axis_order(lines, block["axis"], "".join(block["axis"].words[3:4]))
    channels = _channels(lines, block.get("dof"))
    if any(channel.startswith("t") for channel in channels):
        raise lines.error(f"bone {name[0]}: a bone that changes place is not read, only rx, ry, rz are")
    return AcclaimBone(name[0], np.array(direction) * length, _axes(angles, order, factor), order, channels)


def _tree(
    lines: TextLines, children: list[_Entry], bones: dict[str, AcclaimBone]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names, parents first, and each one's parent index."""
    order, parents = ["root"], [-1]
    pending = list(children)
    while pending:
        ready = [entry for entry in pending if entry.words[0] in order]
        if not ready:
            lines.number = pending[0].line
            raise lines.error(f"bone {pending[0].words[0]} does not hang on the root")
        entry = ready[0]
        pending.remove(entry)
        lines.number = entry.line
        for name in entry.words[1:]:
            if name not in bones:
                raise lines.error(f"bone {name} is not in :bonedata")
            if name in order:
                raise lines.error(f"bone {name} has two parents")
            parents.append(order.index(entry.words[0]))
            order.append(name)
    return tuple(order), tuple(parents)
