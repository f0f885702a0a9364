"""Skeletons: named joints, bones and left/right pairs, and the conversion of keypoints between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Skeleton:
    """An ordered set of joints with its bones.

    Attributes:
        name: Short lower-case name, e.g. ``coco17``.
        joints: Joint names in array order; a joint has the same name in every skeleton that has it.
        bones: Pairs of joint indices, parent first.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if len(set(self.joints)) != len(self.joints):
            raise ValueError(f"skeleton {self.name!r}: joint names repeat")
        for parent, child in self.bones:
            if not (0 <= parent < len(self.joints) and 0 <= child < len(self.joints)):
                raise ValueError(f"skeleton {self.name!r}: bone {(parent, child)} names no joint")

    @property
    def n_joints(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Position of `joint`; raises ValueError for a joint that this skeleton lacks."""
        if joint not in self.joints:
            raise ValueError(f"skeleton {self.name!r} has no joint {joint!r}; it has {', '.join(self.joints)}")
        return self.joints.index(joint)

    def indices(self, *joints: str) -> tuple[int, ...]:
        return tuple(self.index(joint) for joint in joints)

    @cached_property
    def flip_pairs(self) -> tuple[tuple[int, int], ...]:
        """(left, right) index pairs, by name."""
        return tuple(
            (self.index(joint), self.index("right" + joint.removeprefix("left")))
            for joint in self.joints
            if joint.startswith("left")
        )

    @cached_property
    def flip_order(self) -> NDArray[np.int64]:
        """(K,) the joint that each joint becomes in a mirror: ``mirrored = points[..., flip_order, :]``."""
        order = np.arange(self.n_joints)
        for left, right in self.flip_pairs:
            order[left], order[right] = right, left
        return order


def _skeleton(name: str, joints: str, bones: str) -> Skeleton:
    names = tuple(joints.split())
    pairs = tuple((names.index(bone.split("-")[0]), names.index(bone.split("-")[1])) for bone in bones.split())
    return Skeleton(name, names, pairs)


_LIMB_BONES = (
    "left_shoulder-left_elbow left_elbow-left_wrist right_shoulder-right_elbow right_elbow-right_wrist "
    "left_hip-left_knee left_knee-left_ankle right_hip-right_knee right_knee-right_ankle "
)
_TRUNK_BONES = "left_shoulder-right_shoulder left_hip-right_hip left_shoulder-left_hip right_shoulder-right_hip "
_COCO13_JOINTS = (
    "nose left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist "
    "left_hip right_hip left_knee right_knee left_ankle right_ankle"
)

H36M17 = _skeleton(
    "h36m17",
    "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle spine thorax neck_nose head "
    "left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist",
    "pelvis-right_hip right_hip-right_knee right_knee-right_ankle pelvis-left_hip left_hip-left_knee "
    "left_knee-left_ankle pelvis-spine spine-thorax thorax-neck_nose neck_nose-head thorax-left_shoulder "
    "left_shoulder-left_elbow left_elbow-left_wrist thorax-right_shoulder right_shoulder-right_elbow "
    "right_elbow-right_wrist",
)
COCO17 = _skeleton(
    "coco17",
    "nose left_eye right_eye left_ear right_ear " + _COCO13_JOINTS.removeprefix("nose "),
    "nose-left_eye nose-right_eye left_eye-left_ear right_eye-right_ear " + _TRUNK_BONES + _LIMB_BONES,
)
COCO13 = _skeleton("coco13", _COCO13_JOINTS, _TRUNK_BONES + _LIMB_BONES)
BLAZEPOSE33 = _skeleton(
    "blazepose33",
    "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer left_ear right_ear "
    "left_mouth right_mouth left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist "
    "left_pinky right_pinky left_index right_index left_thumb right_thumb left_hip right_hip left_knee right_knee "
    "left_ankle right_ankle left_heel right_heel left_foot_index right_foot_index",
    _TRUNK_BONES + _LIMB_BONES + "left_ankle-left_heel left_heel-left_foot_index "
    "right_ankle-right_heel right_heel-right_foot_index",
)
MPI_INF_3DHP28 = _skeleton(
    "mpi_inf_3dhp28",
    "spine3 spine4 spine2 spine pelvis neck head head_top left_clavicle left_shoulder left_elbow left_wrist "
    "left_hand right_clavicle right_shoulder right_elbow right_wrist right_hand left_hip left_knee left_ankle "
    "left_foot left_toe right_hip right_knee right_ankle right_foot right_toe",
    "pelvis-spine spine-spine2 spine2-spine3 spine3-spine4 spine4-neck neck-head head-head_top "
    "pelvis-left_hip pelvis-right_hip " + _LIMB_BONES,
)

SKELETONS = {s.name: s for s in (H36M17, COCO17, COCO13, BLAZEPOSE33, MPI_INF_3DHP28)}

# A projected H36M skeleton has no nose; its Neck/Nose joint stands for it.
_ALIASES = {("h36m17", "nose"): "neck_nose"}


def get_skeleton(skeleton: str | Skeleton) -> Skeleton:
    """The skeleton of that name (a Skeleton passes through); raises ValueError for an unknown one."""
    if isinstance(skeleton, Skeleton):
        return skeleton
    if skeleton not in SKELETONS:
        raise ValueError(f"unknown skeleton {skeleton!r}; known: {', '.join(SKELETONS)}")
    return SKELETONS[skeleton]


def conversion_indices(source: str | Skeleton, target: str | Skeleton) -> NDArray[np.int64]:
    """(K_target,) for each joint of `target`, its index in `source`; ValueError where `source` lacks one."""
    source, target = get_skeleton(source), get_skeleton(target)
    return np.array([source.index(_ALIASES.get((source.name, joint), joint)) for joint in target.joints])
