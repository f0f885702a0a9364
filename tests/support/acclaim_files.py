"""Small ASF/AMC files with all the bones that H36M-17 needs."""

from __future__ import annotations

from pathlib import Path

_CHAIN = "root-lowerback lowerback-upperback upperback-thorax thorax-lowerneck lowerneck-upperneck upperneck-head"
_SIDE = "root-{s}hipjoint {s}hipjoint-{s}femur {s}femur-{s}tibia thorax-{s}clavicle {s}clavicle-{s}humerus"
_BONES = [
    tuple(bone.split("-"))
    for bone in (_CHAIN + "".join(f" {_SIDE.format(s=s)} {s}humerus-{s}radius" for s in "lr")).split()
]


def _direction(bone: str) -> str:
    if bone[1:] in ("femur", "tibia"):
        return "0 -1 0"
    sides = ("hipjoint", "clavicle", "humerus", "radius")
    return f"{1 if bone[0] == 'l' else -1} 0 0" if bone[1:] in sides else "0 1 0"


def write_skeleton(path: Path) -> Path:
    """An .asf whose bones are all two units long."""
    lines = [":version 1.10", ":units", "  mass 1.0", "  length 0.45", "  angle deg", ":root"]
    lines += ["   order TX TY TZ RX RY RZ", "   axis XYZ", "   position 0 0 0", "   orientation 0 0 0", ":bonedata"]
    for number, (_, bone) in enumerate(_BONES, 1):
        lines += ["  begin", f"     id {number}", f"     name {bone}", f"     direction {_direction(bone)}"]
        lines += ["     length 2", "     axis 0 0 0  XYZ", "    dof rx ry rz", "  end"]
    lines += [":hierarchy", "  begin"]
    for parent in dict.fromkeys(parent for parent, _ in _BONES):
        lines.append(f"    {parent} {' '.join(child for above, child in _BONES if above == parent)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, "  end", ""]))
    return path


def write_motion(path: Path, *, frames: int) -> Path:
    """An .amc in which the root rises by one unit a frame and nothing turns."""
    lines = [":FULLY-SPECIFIED", ":DEGREES"]
    for frame in range(frames):
        lines += [str(frame + 1), f"root 0 {frame} 0 0 0 0"]
        lines += [f"{bone} 0 0 0" for _, bone in _BONES]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path
