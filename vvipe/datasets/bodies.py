"""Bodies as detectors see them: the thirteen 2D joints' 3D places, and people of many proportions.

Detectors mark a nose, wide hips and the hand's side of the wrist; motion capture gives a mid-neck joint, narrow hips
and the forearm's end. Training poses get such joints with random offsets, so that real keypoints look familiar.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vvipe.geometry import set_bone_lengths
from vvipe.skeleton import COCO13, H36M17, conversion_indices

_TO_COCO13 = conversion_indices(H36M17, COCO13)
_NECK, _HEAD, _SPINE, _PELVIS, _THORAX = H36M17.indices("neck_nose", "head", "spine", "pelvis", "thorax")


@dataclass(frozen=True)
class BodyRange:
    """What a detector's joints differ by from motion capture's, uniform ranges; lengths in torso lengths.

    Attributes:
        detector_fraction: Samples with detector-like joints; the others keep the benchmark's definition (the
            projected nose is joint 9, hips and wrists as captured).
        bone_length_sd: Relative spread of each bone's length (left and right together), people's proportions.
        nose_height: Place between neck (0) and head (1); `nose_forward` is added along the face's normal.
        hip_width, shoulder_width, forearm: Factors on the captured lengths.
        hip_rise, shoulder_rise: Shift along the spine.
        joint_sd: Further Gaussian offset of every joint.
    """

    detector_fraction: float = 0.6
    bone_length_sd: float = 0.06
    nose_height: tuple[float, float] = (0.45, 1.05)
    nose_forward: tuple[float, float] = (0.12, 0.32)
    hip_width: tuple[float, float] = (0.95, 1.6)
    hip_rise: tuple[float, float] = (-0.05, 0.15)
    shoulder_width: tuple[float, float] = (0.8, 1.1)
    shoulder_rise: tuple[float, float] = (-0.15, 0.05)
    forearm: tuple[float, float] = (0.95, 1.4)
    joint_sd: float = 0.02


def vary_proportions(
    poses: Float[Tensor, "N 17 3"], bodies: BodyRange, *, generator: torch.Generator
) -> Float[Tensor, "N 17 3"]:
    """The poses on people of other bone lengths, sides alike."""
    lengths = torch.stack([(poses[:, child] - poses[:, parent]).norm(dim=-1) for parent, child in H36M17.bones], -1)
    names = [H36M17.joints[child].removeprefix("left_").removeprefix("right_") for _, child in H36M17.bones]
    column = torch.tensor([sorted(set(names)).index(name) for name in names])
    factors = 1 + bodies.bone_length_sd * torch.randn(len(poses), len(set(names)), generator=generator)
    return set_bone_lengths(poses, lengths * factors.clamp(0.7, 1.3)[:, column])


def coco13_joints(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N 13 3"]:
    """The 3D places of the thirteen 2D joints by the benchmark's definition: the nose is joint 9."""
    return poses[:, _TO_COCO13]


def detector_joints(
    poses: Float[Tensor, "N 17 3"], bodies: BodyRange, *, generator: torch.Generator
) -> Float[Tensor, "N 13 3"]:
    """The thirteen joints' 3D places, detector-like in a fraction of the samples."""

    def draw(low_high: tuple[float, float]) -> Float[Tensor, "N 1"]:
        low, high = low_high
        return low + (high - low) * torch.rand(len(poses), 1, generator=generator)

    plain = coco13_joints(poses)
    points = dict(zip(COCO13.joints, plain.unbind(1), strict=True))
    across = points["left_shoulder"] - points["right_shoulder"]
    up = poses[:, _HEAD] - poses[:, _NECK]
    face = torch.nn.functional.normalize(torch.linalg.cross(across, up), dim=-1)
    points["nose"] = poses[:, _NECK] + draw(bodies.nose_height) * up + draw(bodies.nose_forward) * face
    trunk = torch.nn.functional.normalize(poses[:, _SPINE] - poses[:, _PELVIS], dim=-1)
    chest = torch.nn.functional.normalize(poses[:, _THORAX] - poses[:, _SPINE], dim=-1)
    width, rise = draw(bodies.hip_width), draw(bodies.hip_rise)
    shoulders, shrug, forearm = draw(bodies.shoulder_width), draw(bodies.shoulder_rise), draw(bodies.forearm)
    for side in ("left", "right"):
        hip, shoulder, elbow, wrist = (f"{side}_{j}" for j in ("hip", "shoulder", "elbow", "wrist"))
        points[wrist] = points[elbow] + forearm * (points[wrist] - points[elbow])
        points[hip] = poses[:, _PELVIS] + width * (points[hip] - poses[:, _PELVIS]) + rise * trunk
        points[shoulder] = poses[:, _THORAX] + shoulders * (points[shoulder] - poses[:, _THORAX]) + shrug * chest
    changed = torch.stack([points[joint] for joint in COCO13.joints], 1)
    changed = changed + bodies.joint_sd * torch.randn(changed.shape, generator=generator)
    is_detector = torch.rand(len(poses), 1, 1, generator=generator) < bodies.detector_fraction
    return torch.where(is_detector, changed, plain)


_LIMBS = {
    "left leg": ("left_hip", ("left_knee", "left_ankle")),
    "right leg": ("right_hip", ("right_knee", "right_ankle")),
    "left arm": ("left_shoulder", ("left_elbow", "left_wrist")),
    "right arm": ("right_shoulder", ("right_elbow", "right_wrist")),
}
_MIXES = (("left leg", "right leg"), ("left arm", "right arm"), ("left arm",), ("right arm",))


def mix_limbs(
    poses: Float[Tensor, "N 17 3"], *, partner: Tensor, choice: Tensor, turn: Float[Tensor, "N 3 3"]
) -> Float[Tensor, "N 17 3"]:
    """Poses whose legs or arms are those of another: new poses out of captured halves.

    Args:
        partner: (N,) row that lends its limbs.
        choice: (N,) 0 = none, 1 = both legs, 2 = both arms, 3 = the left arm, 4 = the right arm.
        turn: Rotations from the partner's frame to the pose's own.
    """
    mixed = poses.clone()
    for number, limbs in enumerate(_MIXES, start=1):
        rows = choice == number
        for anchor, joints in (_LIMBS[limb] for limb in limbs):
            (root,), ends = H36M17.indices(anchor), H36M17.indices(*joints)
            lent = poses[partner[rows]]
            offset = (lent[:, ends] - lent[:, root : root + 1]) @ turn[rows].transpose(1, 2)
            mixed[rows.nonzero(), torch.tensor([ends])] = poses[rows][:, root : root + 1] + offset
    return mixed
