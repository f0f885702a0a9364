"""From the joints of a keypoint file, named or in a known order, to COCO-17."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.source import KeypointSource
from vvipe.datasets.joint_names import plain_joint_name
from vvipe.skeleton import COCO17

_LIMB_JOINTS = tuple(
    f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
_PARTS = frozenset(joint.split("_")[-1] for joint in COCO17.joints)

COCO_FIRST = {
    17: "COCO-17",
    23: "COCO body and feet",
    26: "Halpe-26",
    133: "COCO-WholeBody",
    136: "Halpe-136",
}
"""Numbers of joints whose usual order starts with COCO-17."""


def order_by_number(source: KeypointSource, n_joints: int, orders: Mapping[int, str] = COCO_FIRST) -> NDArray[np.int64]:
    """(17,) columns of COCO-17 in a file without joint names, whose number of joints says what they are."""
    if n_joints not in orders:
        known = ", ".join(f"{count} ({name})" for count, name in orders.items())
        raise source.error(f"{n_joints} joints without names; known without names are {known}")
    return np.arange(COCO17.n_joints)


def order_by_name(
    source: KeypointSource, names: Sequence[str], joint_map: Mapping[str, str] | None
) -> NDArray[np.int64]:
    """(17,) for each COCO-17 joint its column among `names`, -1 = the file lacks it.

    ``Left_Wrist``, ``l_wrist``, ``wristL`` and ``lwrist`` are all recognised; joints that COCO-17 lacks are left out.

    Args:
        source: For error messages.
        names: Joints of the file.
        joint_map: Name in the file -> COCO-17 name, before what is recognised. Without it, a file that lacks a
            shoulder, elbow, wrist, hip, knee or ankle is refused; with it, only one that has none at all.

    Raises:
        ValueError: `joint_map` names a joint that the file or COCO-17 lacks.
        FileFormatError: Joints are missing, or two names mean one joint.
    """
    given = dict(joint_map or {})
    _check_joint_map(given, names)
    meant = [given.get(name) or plain_joint_name(name, _PARTS) for name in names]
    twice = sorted({joint for joint in meant if joint in COCO17.joints and meant.count(joint) > 1})
    if twice:
        which = ", ".join(name for name, joint in zip(names, meant, strict=True) if joint == twice[0])
        raise source.error(f"several joints mean {twice[0]}: {which}; rename or remove all but one")
    missing = [joint for joint in _LIMB_JOINTS if joint not in meant]
    if not set(meant) & set(COCO17.joints) or (missing and not given):
        unknown = (name for name, joint in zip(names, meant, strict=True) if joint not in COCO17.joints)
        example = next(unknown, "name in the file"), (missing or ["nose"])[0]
        raise source.error(
            f"no joint for {', '.join(missing)}; the file has: {', '.join(names)}. Say which is which, such as "
            f'joint_map={{"{example[0]}": "{example[1]}"}} (--joint-map {example[0]}={example[1]})'
        )
    return np.array([meant.index(joint) if joint in meant else -1 for joint in COCO17.joints])


def _check_joint_map(joint_map: Mapping[str, str], names: Sequence[str]) -> None:
    for name, joint in joint_map.items():
        if name not in names:
            raise ValueError(f"joint_map: the file has no joint {name!r}; it has {', '.join(names)}")
        if joint not in COCO17.joints:
            raise ValueError(f"joint_map: {joint!r} is no COCO-17 joint; those are {', '.join(COCO17.joints)}")


def refuse_joint_map(source: KeypointSource, joint_map: Mapping[str, str] | None) -> None:
    """ValueError where a joint map is given for a file without joint names."""
    if joint_map:
        raise ValueError(f"joint_map: {source.path} has no joint names")


def take(values: NDArray[np.float64], order: Iterable[int]) -> NDArray[np.float64]:
    """The rows of `values` (K, ...) in COCO-17 order; NaN for -1."""
    columns = np.asarray(list(order))
    taken = np.array(values[columns], np.float64)
    taken[columns < 0] = np.nan
    return taken
