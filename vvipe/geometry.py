"""Pure functions on poses: centring, scale, universal skeleton, canonical frame, Procrustes, 2D normalisation.

3D poses are H36M-17 tensors (N, 17, 3); 2D keypoints are COCO-13 tensors (N, 13, 2).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vvipe.skeleton import COCO13, H36M17

PELVIS, SPINE, THORAX = H36M17.indices("pelvis", "spine", "thorax")
FRAME_JOINTS = H36M17.indices("left_hip", "right_hip", "spine")
FRAME_TARGETS = ((0.0, -1.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
"""Where V-VIPE Eq. 1 wants left hip, right hip and spine: the person faces -x."""

# Mean bone lengths of the training motion capture in torso lengths, sides averaged; keyed by the bone's child joint.
UNIVERSAL_BONE_LENGTHS = {
    "hip": 0.195,
    "knee": 0.907,
    "ankle": 0.955,
    "spine": 0.483,
    "thorax": 0.517,
    "neck_nose": 0.318,
    "head": 0.322,
    "shoulder": 0.438,
    "elbow": 0.651,
    "wrist": 0.422,
}
MIN_TORSO_JOINTS = 3
MIN_JOINTS = 7


def bone_length_table() -> Float[Tensor, " 16"]:
    """The universal skeleton's bone lengths in torso lengths, in the order of ``H36M17.bones``."""
    names = [H36M17.joints[child].removeprefix("left_").removeprefix("right_") for _, child in H36M17.bones]
    return torch.tensor([UNIVERSAL_BONE_LENGTHS[name] for name in names])


def center(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N 17 3"]:
    """Poses with the pelvis at the origin."""
    return poses - poses[:, PELVIS : PELVIS + 1]


def torso_length(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, " N"]:
    """|pelvis-spine| + |spine-thorax| of each pose, in the poses' unit (Pr-VIPE's scale)."""
    lower = (poses[:, SPINE] - poses[:, PELVIS]).norm(dim=-1)
    return lower + (poses[:, THORAX] - poses[:, SPINE]).norm(dim=-1)


def normalize_3d(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N 17 3"]:
    """Poses with the pelvis at the origin and torso length 1.

    Raises:
        ValueError: A torso has no length.
    """
    length = torso_length(poses)
    if not bool((length > 0).all()):
        raise ValueError("poses: expected torsos of positive length, got a pose whose spine joints coincide")
    return center(poses) / length[:, None, None]


def set_bone_lengths(poses: Float[Tensor, "N 17 3"], lengths: Float[Tensor, "*N 16"]) -> Float[Tensor, "N 17 3"]:
    """Poses of the same bone directions with other bone lengths (order of ``H36M17.bones``), pelvis at the origin."""
    lengths = lengths.expand(len(poses), -1)
    joints: list[Tensor] = [torch.zeros_like(poses[:, 0])] * H36M17.n_joints
    for bone, (parent, child) in enumerate(H36M17.bones):
        direction = torch.nn.functional.normalize(poses[:, child] - poses[:, parent], dim=-1)
        joints[child] = joints[parent] + direction * lengths[:, bone : bone + 1]
    return torch.stack(joints, dim=1)


def universal_skeleton(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N 17 3"]:
    """Poses on the universal skeleton: bone directions kept, everybody's proportions the same (V-VIPE 3.1)."""
    return set_bone_lengths(poses, bone_length_table().to(poses))


def canonical_rotation(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N 3 3"]:
    """Rotations R (det +1) that bring hips to the y axis and spine to z in least squares (V-VIPE Eq. 1, Kabsch).

    R turns about the root: no centroid is subtracted, targets keep unit length. Hips and spine that are not
    orthogonal share the remaining angle. ``canonical = pose @ R.T``.

    Args:
        poses: Root-centred joints, any unit.

    Raises:
        ValueError: A hip or spine vector is zero, or hips and spine are parallel.
    """
    sources = poses[:, FRAME_JOINTS, :]
    targets = torch.tensor(FRAME_TARGETS, dtype=poses.dtype, device=poses.device)
    left, right, spine = sources.unbind(1)
    area = torch.linalg.cross(right - left, spine).norm(dim=-1)
    if not bool((area > 1e-6 * sources.norm(dim=-1).amax(-1) ** 2).all()):
        raise ValueError("poses: expected hips and spine that span a plane, got a pose where they do not")
    covariance = torch.einsum("ji,njk->nik", targets, sources)
    return _nearest_rotation(covariance)


def _nearest_rotation(covariance: Float[Tensor, "N 3 3"]) -> Float[Tensor, "N 3 3"]:
    """Rotations that maximise trace(R.T @ covariance), det +1."""
    u, _, vh = torch.linalg.svd(covariance)
    sign = torch.det(u @ vh)
    u = torch.cat([u[..., :2], u[..., 2:] * sign[:, None, None]], dim=-1)
    return u @ vh


def canonicalize(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N 17 3"]:
    """Poses turned about the root into V-VIPE's canonical frame; errors as in `canonical_rotation`."""
    return poses @ canonical_rotation(poses).transpose(1, 2)


def to_canonical(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N 17 3"]:
    """V-VIPE's training target: universal skeleton, pelvis at the origin, torso length 1, canonical rotation."""
    return canonicalize(universal_skeleton(center(poses)))


def mirror_3d(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N 17 3"]:
    """Mirror images: x negated and left and right exchanged."""
    order = torch.as_tensor(H36M17.flip_order, device=poses.device)
    return poses[:, order] * torch.tensor([-1.0, 1.0, 1.0], dtype=poses.dtype, device=poses.device)


def procrustes_align(source: Float[Tensor, "N J 3"], target: Float[Tensor, "N J 3"]) -> Float[Tensor, "N J 3"]:
    """`source` moved onto `target` by the best similarity (rotation with det +1, scale, translation) of each pair."""
    source_mean, target_mean = source.mean(1, keepdim=True), target.mean(1, keepdim=True)
    a, b = source - source_mean, target - target_mean
    u, s, vh = torch.linalg.svd(b.transpose(1, 2) @ a)
    sign = torch.ones_like(s)
    sign[:, 2] = torch.det(u @ vh)
    rotation = u @ (sign[:, :, None] * vh)
    scale = (s * sign).sum(-1) / a.square().sum((1, 2)).clamp_min(1e-12)
    return scale[:, None, None] * a @ rotation.transpose(1, 2) + target_mean


def mpjpe(a: Float[Tensor, "*N J 3"], b: Float[Tensor, "*N J 3"]) -> Float[Tensor, " *N"]:
    """Mean per-joint position error, in the poses' unit."""
    return (a - b).norm(dim=-1).mean(-1)


def np_mpjpe(source: Float[Tensor, "N 17 3"], target: Float[Tensor, "N 17 3"]) -> Float[Tensor, " N"]:
    """NP-MPJPE in torso lengths: both poses normalised, source aligned onto target by Procrustes (Pr-VIPE 3.1)."""
    target = normalize_3d(target)
    return mpjpe(procrustes_align(normalize_3d(source), target), target)


_SIDES = COCO13.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
_HIPS = COCO13.indices("left_hip", "right_hip")


def normalize_2d(
    keypoints: Float[Tensor, "N 13 2"],
) -> tuple[Float[Tensor, "N 13 2"], Float[Tensor, " N"]]:
    """Keypoints about the hips' middle, the largest shoulder/hip distance 0.5; and whether each row could be scaled.

    Pr-VIPE's rule (six pairs of shoulders and hips), extended to missing joints (NaN): a missing hip leaves the
    other hip as the centre, a missing pair leaves the others. A row is valid with at least MIN_TORSO_JOINTS of the
    four shoulders and hips and MIN_JOINTS joints in all. Missing joints and invalid rows come back NaN.
    """
    seen = torch.isfinite(keypoints).all(-1)
    hips, hips_seen = keypoints[:, _HIPS], seen[:, _HIPS]
    middle = torch.where(hips_seen[..., None], hips, 0).sum(1) / hips_seen.sum(1, keepdim=True)
    torso = keypoints[:, _SIDES]
    distances = (torso[:, :, None] - torso[:, None]).square().sum(-1)
    scale = 2 * torch.nan_to_num(distances, nan=0.0).amax((1, 2)).sqrt()
    valid = (seen[:, _SIDES].sum(1) >= MIN_TORSO_JOINTS) & (seen.sum(1) >= MIN_JOINTS) & (scale > 0)
    scale = torch.where(valid, scale, torch.nan)
    return (keypoints - middle[:, None]) / scale[:, None, None], valid


def rotation_from_6d(values: Float[Tensor, "N 6"]) -> Float[Tensor, "N 3 3"]:
    """Rotations from their first two columns, made orthonormal by Gram-Schmidt (Zhou et al., CVPR 2019)."""
    first = torch.nn.functional.normalize(values[:, :3], dim=-1)
    second = values[:, 3:] - (first * values[:, 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)
