"""One performance by a person of other proportions, whose joints are taken to sit elsewhere in the body.

Every solver of motion capture and every detector has places of its own for hips, shoulders and wrists. What is learnt
on one data set holds elsewhere only if it was learnt with such differences; they are constant for a person.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from poseflow.hinges import unit
from vvipe.datasets.bodies import BodyRange, detector_joints, vary_proportions
from vvipe.geometry import set_bone_lengths
from vvipe.skeleton import COCO13, H36M17, conversion_indices

_NEIGHBOUR = {
    "nose": "head", "shoulder": "thorax", "elbow": "shoulder", "wrist": "elbow",
    "hip": "spine", "knee": "hip", "ankle": "knee",
}  # fmt: skip
"""Joint of COCO-13, without its side -> the joint of H36M-17 that it keeps its place to."""


def as_other_person(
    poses: NDArray[np.floating],
    generator: np.random.Generator,
    *,
    bodies: BodyRange = BodyRange(),  # noqa: B008  (frozen)
) -> NDArray[np.float64]:
    """(T, 17, 3) the poses as another body has them, one body for all of them, pelvis at the origin; unit as before.

    Args:
        poses: H36M-17 joints.
        generator: Draws the body.
        bodies: What a body may be; a range is drawn from once.
    """
    own = torch.as_tensor(np.asarray(poses), dtype=torch.float32)
    person = _proportions(own, bodies, generator)
    changed = person.numpy().astype(np.float64)
    if generator.random() < bodies.detector_fraction:
        joints = detector_joints(person, _one_detector(bodies, generator), generator=torch.Generator()).numpy()
        changed[:, conversion_indices(H36M17, COCO13)] = joints
    return changed + _offsets(changed, bodies.joint_sd, generator)


def _proportions(poses: torch.Tensor, bodies: BodyRange, generator: np.random.Generator) -> torch.Tensor:
    """(T, 17, 3) the poses with the bone lengths of one other person."""
    lengths = _lengths(poses).median(0).values
    standard = set_bone_lengths(poses[:1], lengths[None])
    varied = vary_proportions(standard, bodies, generator=torch.Generator().manual_seed(int(generator.integers(2**31))))
    return set_bone_lengths(poses, _lengths(varied).expand(len(poses), -1))


def _one_detector(bodies: BodyRange, generator: np.random.Generator) -> BodyRange:
    """Ranges of one value each: where one detector marks the joints of one person."""

    def one(low_high: tuple[float, float]) -> tuple[float, float]:
        value = float(generator.uniform(*low_high))
        return value, value

    return replace(
        bodies,
        detector_fraction=1.0,
        nose_height=one(bodies.nose_height),
        nose_forward=one(bodies.nose_forward),
        hip_width=one(bodies.hip_width),
        hip_rise=one(bodies.hip_rise),
        shoulder_width=one(bodies.shoulder_width),
        shoulder_rise=one(bodies.shoulder_rise),
        forearm=one(bodies.forearm),
        joint_sd=0.0,
    )


def _lengths(poses: torch.Tensor) -> torch.Tensor:
    """(T, 16)."""
    return torch.stack([(poses[:, child] - poses[:, parent]).norm(dim=-1) for parent, child in H36M17.bones], -1)


def _offsets(poses: NDArray[np.float64], sd: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """(T, 17, 3) offsets of the joints that are seen, `sd` torso lengths in each direction, fixed in the body."""
    pelvis, spine, thorax = (poses[:, H36M17.index(name)] for name in ("pelvis", "spine", "thorax"))
    torso = np.median(np.linalg.norm(spine - pelvis, axis=-1) + np.linalg.norm(thorax - spine, axis=-1))
    across = poses[:, H36M17.index("left_shoulder")] - poses[:, H36M17.index("right_shoulder")]
    offsets = np.zeros(poses.shape)
    for name, column in zip(COCO13.joints, conversion_indices(H36M17, COCO13), strict=True):
        side, _, part = name.rpartition("_")
        neighbour = _NEIGHBOUR[part]
        other = f"{side}_{neighbour}" if f"{side}_{neighbour}" in H36M17.joints else neighbour
        axes = _axes(poses[:, column] - poses[:, H36M17.index(other)], across)
        offsets[:, column] = axes @ (sd * torso * generator.standard_normal(3))
    return offsets


def _axes(along: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 3, 3) axes in columns: along a bone, and across it."""
    first = unit(along)
    second = unit(across - (across * first).sum(-1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second)], axis=-1)
