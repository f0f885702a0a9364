"""Poses of our own for tests: a person with known proportions, and random ones."""

from __future__ import annotations

import torch

from vvipe.geometry import set_bone_lengths
from vvipe.skeleton import H36M17

# A standing person in metres, facing -x (left is -y), z up; proportions of our own.
STANDING = {
    "pelvis": (0.0, 0.0, 0.95),
    "right_hip": (0.0, 0.12, 0.95),
    "right_knee": (0.0, 0.12, 0.5),
    "right_ankle": (0.0, 0.12, 0.08),
    "left_hip": (0.0, -0.12, 0.95),
    "left_knee": (0.0, -0.12, 0.5),
    "left_ankle": (0.0, -0.12, 0.08),
    "spine": (0.0, 0.0, 1.2),
    "thorax": (0.0, 0.0, 1.45),
    "neck_nose": (-0.05, 0.0, 1.55),
    "head": (0.0, 0.0, 1.7),
    "left_shoulder": (0.0, -0.18, 1.42),
    "left_elbow": (0.0, -0.2, 1.15),
    "left_wrist": (-0.1, -0.2, 0.92),
    "right_shoulder": (0.0, 0.18, 1.42),
    "right_elbow": (0.0, 0.2, 1.15),
    "right_wrist": (-0.1, 0.2, 0.92),
}


def standing() -> torch.Tensor:
    """(1, 17, 3) metres."""
    return torch.tensor([[STANDING[joint] for joint in H36M17.joints]])


def random_poses(count: int, *, seed: int = 0, spread: float = 0.15) -> torch.Tensor:
    """(count, 17, 3) metres: the standing person, every joint displaced at random, with rigid bones."""
    generator = torch.Generator().manual_seed(seed)
    base = standing()
    moved = base + spread * torch.randn(count, 17, 3, generator=generator)
    lengths = torch.stack([(base[:, child] - base[:, parent]).norm(dim=-1) for parent, child in H36M17.bones], -1)
    return set_bone_lengths(moved, lengths) + torch.tensor([0.0, 0.0, 0.95])


def random_rotations(count: int, *, seed: int = 0) -> torch.Tensor:
    """(count, 3, 3) uniform rotations, det +1."""
    generator = torch.Generator().manual_seed(seed)
    q, r = torch.linalg.qr(torch.randn(count, 3, 3, generator=generator))
    q = q * torch.sign(torch.diagonal(r, dim1=1, dim2=2))[:, None]
    return q * torch.det(q)[:, None, None].sign()
