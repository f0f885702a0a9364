"""Which joints of a BVH rig make up H36M-17, whatever the rig calls them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vvipe.datasets.joint_names import plain_joint_name
from vvipe.datasets.kinematics import METRES_PER_CMU_UNIT, accumulate_steps
from vvipe.errors import FileFormatError

# Plain names, the surest first: in a rig with LeftArm, LeftShoulder is the collar bone.
_LIMB_NAMES = {
    "hip": ("upleg", "thigh", "upperleg", "femur", "hip"),
    "knee": ("leg", "shin", "calf", "lowerleg", "lowleg", "tibia", "knee"),
    "ankle": ("foot", "ankle"),
    "shoulder": ("arm", "upperarm", "uparm", "shldr", "humerus", "shoulder"),
    "elbow": ("forearm", "lowerarm", "lowarm", "radius", "elbow"),
    "wrist": ("wrist", "hand"),
}
_HEAD_ENDS = ("headtopend", "headend", "headtop", "headnub", "headsite")
_NECKS = ("lowerneck", "neck", "neck1")
_KNOWN = frozenset(name for names in _LIMB_NAMES.values() for name in names)
_USUAL_LEG_M = 0.82
_POSSIBLE_LEGS_M = (0.4, 1.25)
_USUAL_UNITS_M = (1.0, METRES_PER_CMU_UNIT, 0.0254, 0.01, 0.001)


@dataclass(frozen=True)
class H36mSources:
    """Indices of the rig's joints from which H36M-17 is made.

    Attributes:
        limbs: ``right_hip`` ... ``left_wrist`` -> joint.
        spine, thorax: Joints of the trunk; `thorax` is the lowest neck joint.
        upper_neck: Start of the upper neck bone; that of the only one where the neck is one bone.
        skull: The head joint.
        head: The end of the head.
    """

    limbs: dict[str, int]
    spine: int
    thorax: int
    upper_neck: int
    skull: int
    head: int


def find_h36m17(path: Path, names: Sequence[str], parents: Sequence[int], offsets: NDArray[np.float64]) -> H36mSources:
    """The joints of a rig from which H36M-17 is made.

    Args:
        path: For error messages.
        names: (J) joint names.
        parents: (J) parent indices, -1 for the root.
        offsets: (J, 3) offsets from the parents, with no bone lost.

    Raises:
        FileFormatError: Lists the joints that were found and those that are missing.
    """
    index: dict[str, int] = {}
    for i, name in enumerate(names):
        index.setdefault(plain_joint_name(name, _KNOWN), i)
    found = {
        f"{side}_{part}": _first(index, [f"{side}_{name}" for name in spellings])
        for side in ("right", "left")
        for part, spellings in _LIMB_NAMES.items()
    }
    skull = found["head"] = index.get("head")
    thorax = found["neck"] = _first(index, _NECKS)
    found["end of the head"] = _head_end(index, names, parents, offsets, skull)
    found["spine"] = _spine(found, parents, accumulate_steps(offsets[None], parents)[0])
    sources = {role: joint for role, joint in found.items() if joint is not None}
    missing = [role for role in found if role not in sources]
    if missing or skull is None or thorax is None:
        raise FileFormatError(
            f"{path}: no joint for {', '.join(missing)}; found for the others: "
            f"{', '.join(f'{role} = {names[joint]}' for role, joint in sources.items()) or 'none'}; "
            f"all joints of the file: {', '.join(names)}"
        )
    between = [joint for joint in _ancestors(skull, parents) if thorax in _ancestors(joint, parents)]
    return H36mSources(
        limbs={role: joint for role, joint in sources.items() if "_" in role},
        spine=sources["spine"],
        thorax=thorax,
        upper_neck=between[0] if between else thorax,
        skull=skull,
        head=sources["end of the head"],
    )


def _first(index: dict[str, int], spellings: Sequence[str]) -> int | None:
    return next((index[name] for name in spellings if name in index), None)


def _ancestors(joint: int, parents: Sequence[int]) -> list[int]:
    """The joint's parent, its parent's, ... up to the root."""
    chain = []
    while parents[joint] >= 0:
        joint = parents[joint]
        chain.append(joint)
    return chain


def _head_end(
    index: dict[str, int],
    names: Sequence[str],
    parents: Sequence[int],
    offsets: NDArray[np.float64],
    skull: int | None,
) -> int | None:
    named = _first(index, _HEAD_ENDS)
    if named is not None or skull is None:
        return named
    end = f"{names[skull]} end"
    return next((i for i, name in enumerate(names) if name == end and parents[i] == skull and offsets[i].any()), None)


def _spine(found: dict[str, int | None], parents: Sequence[int], rest: NDArray[np.float64]) -> int | None:
    """The joint between root and thorax that is nearest to the middle from pelvis to thorax in the rest pose."""
    thorax, right, left = found["neck"], found["right_hip"], found["left_hip"]
    if thorax is None or right is None or left is None:
        return None
    below = [joint for joint in _ancestors(thorax, parents) if parents[joint] >= 0]
    middle = (rest[right] + rest[left]) / 4 + rest[thorax] / 2
    return min(below, key=lambda joint: float(np.linalg.norm(rest[joint] - middle)), default=None)


def with_thorax(parents: Sequence[int], offsets: NDArray[np.float64], up: int) -> NDArray[np.float64]:
    """(J, 3) offsets with one more upper-back length where the rig lost its thorax bone, else as they are.

    It is lost where all children (three or more: neck and shoulders) of a joint other than the root lie on it.

    Args:
        parents: (J) parent indices, -1 for the root.
        offsets: (J, 3) offsets from the parents.
        up: Axis of the file that points up; the thorax bone of CMU's skeletons does so in the rest pose.
    """
    restored = offsets.copy()
    for bearer in range(len(parents)):
        children = [joint for joint, parent in enumerate(parents) if parent == bearer]
        if parents[bearer] >= 0 and len(children) >= 3 and not offsets[children].any():
            restored[children, up] = np.linalg.norm(offsets[bearer])
    return restored


def h36m17_joints(positions: NDArray[np.float64], found: H36mSources) -> NDArray[np.float64]:
    """(F, 17, 3) H36M-17 joints of rig positions (F, J, 3), same unit and axes."""

    def at(joint: int) -> NDArray[np.float64]:
        return positions[:, joint]

    limb = {role: at(joint) for role, joint in found.limbs.items()}
    # Two neck bones of equal length, as CMU's, have the middle of the upper one at 3/4 of the neck.
    share = 0.75 if found.upper_neck == found.thorax else 0.5
    neck_nose = (1 - share) * at(found.upper_neck) + share * at(found.skull)
    trunk = [at(found.spine), at(found.thorax), neck_nose, at(found.head)]
    legs = [limb[f"{side}_{part}"] for side in ("right", "left") for part in ("hip", "knee", "ankle")]
    arms = [limb[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "elbow", "wrist")]
    pelvis = (limb["right_hip"] + limb["left_hip"]) / 2
    return np.stack([pelvis, *legs, *trunk, *arms], axis=1)


def metres_per_unit_by_legs(path: Path, found: H36mSources, offsets: NDArray[np.float64]) -> float:
    """The usual unit of length, in metres, that makes thigh and shank together nearest to 0.82 m.

    Raises:
        FileFormatError: No usual unit gives a person's leg.
    """
    bones = [found.limbs[f"{side}_{part}"] for side in ("left", "right") for part in ("knee", "ankle")]
    leg = float(np.linalg.norm(offsets[bones], axis=1).sum() / 2)
    unit = min(_USUAL_UNITS_M, key=lambda metres: abs(np.log(max(leg, 1e-9) * metres / _USUAL_LEG_M)))
    if not _POSSIBLE_LEGS_M[0] <= leg * unit <= _POSSIBLE_LEGS_M[1]:
        raise FileFormatError(
            f"{path}: legs of {leg:g} units fit no usual unit of length (metre, CMU's, inch, cm, mm); "
            "give metres_per_unit"
        )
    return unit
