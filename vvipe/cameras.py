"""Cameras as tensors: random views for augmentation, the benchmark's fixed rigs, perspective projection.

World frame: z up, right-handed. Camera frame: x right, y down, z forward (OpenCV). Cameras look at the pelvis;
distances are in torso lengths, the focal length is 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class CameraRange:
    """What random cameras are drawn from, uniformly; angles in degrees, distances in torso lengths (log-uniform)."""

    elevation_deg: tuple[float, float] = (-30.0, 30.0)
    roll_deg: tuple[float, float] = (-30.0, 30.0)
    distance: tuple[float, float] = (2.0, 2.0)
    min_depth: float = 0.3

    def __post_init__(self) -> None:
        for name in ("elevation_deg", "roll_deg", "distance"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"CameraRange.{name}: expected (low, high), got {(low, high)}")
        if self.distance[0] <= self.min_depth:
            raise ValueError(
                f"CameraRange.distance: expected more than min_depth {self.min_depth}, got {self.distance}"
            )


@dataclass(frozen=True)
class Rig:
    """Fixed cameras around the person.

    Attributes:
        azimuth_deg, elevation_deg, roll_deg: One value a camera, in the world frame.
        distance: From the pelvis, in torso lengths.
        chest: Indices of the chest-level cameras; views with another camera are "unseen" in Table 1's sense.
    """

    name: str
    azimuth_deg: tuple[float, ...]
    elevation_deg: tuple[float, ...]
    roll_deg: tuple[float, ...]
    distance: float
    chest: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.azimuth_deg)

    def rotations(self) -> Float[Tensor, "C 3 3"]:
        return look_at_rotation(
            *(torch.deg2rad(torch.tensor(a)) for a in (self.azimuth_deg, self.elevation_deg, self.roll_deg))
        )


TRAINING_RIG = Rig("four", (45.0, 135.0, 225.0, 315.0), (8.0,) * 4, (0.0,) * 4, 8.0, (0, 1, 2, 3))
"""Four cameras at chest level, as Human3.6M has."""

UNSEEN_RIG = Rig(
    "eleven",
    (0.0, 60.0, 130.0, 220.0, 300.0, 30.0, 90.0, 160.0, 200.0, 260.0, 330.0),
    (4.0,) * 5 + (-15.0, 25.0, 30.0, -10.0, 20.0, 35.0),
    (0.0,) * 5 + (2.0, -3.0, 0.0, 3.0, -2.0, 0.0),
    8.0,
    (0, 1, 2, 3, 4),
)
"""Eleven cameras shaped like MPI-INF-3DHP's without its ceiling: five at chest level, six others."""


def look_at_rotation(
    azimuth: Float[Tensor, " N"], elevation: Float[Tensor, " N"], roll: Float[Tensor, " N"]
) -> Float[Tensor, "N 3 3"]:
    """World-to-camera rotations (det +1) of cameras that look at the origin; angles in radians.

    The camera stands at azimuth (from x towards y) and elevation above the floor; roll turns it about its axis.
    """
    ca, sa, ce, se = azimuth.cos(), azimuth.sin(), elevation.cos(), elevation.sin()
    zero = torch.zeros_like(ca)
    forward = torch.stack([-ca * ce, -sa * ce, -se], -1)
    right = torch.stack([-sa, ca, zero], -1)
    down = torch.linalg.cross(forward, right)
    cr, sr = roll.cos()[:, None], roll.sin()[:, None]
    return torch.stack([cr * right + sr * down, -sr * right + cr * down, forward], 1)


def project(
    points: Float[Tensor, "N J 3"], rotation: Float[Tensor, "N 3 3"], distance: Float[Tensor, " N"]
) -> tuple[Float[Tensor, "N J 2"], Float[Tensor, "N J"]]:
    """Image points (x right, y down; focal length 1) and depths of world points about the camera's target."""
    camera = points @ rotation.transpose(1, 2)
    depth = camera[..., 2] + distance[:, None]
    return camera[..., :2] / depth[..., None], depth


def random_rotations(count: int, cameras: CameraRange, generator: torch.Generator) -> Float[Tensor, "N 3 3"]:
    """`count` world-to-camera rotations: azimuth over the circle, elevation and roll independent."""
    azimuth = 2 * math.pi * torch.rand(count, generator=generator)
    elevation, roll = (
        torch.deg2rad(low + (high - low) * torch.rand(count, generator=generator))
        for low, high in (cameras.elevation_deg, cameras.roll_deg)
    )
    return look_at_rotation(azimuth, elevation, roll)


def random_distances(count: int, cameras: CameraRange, generator: torch.Generator) -> Float[Tensor, " N"]:
    """`count` distances, uniform in the logarithm."""
    low, high = (math.log(d) for d in cameras.distance)
    return (low + (high - low) * torch.rand(count, generator=generator)).exp()


def push_back(
    points: Float[Tensor, "N J 3"], rotation: Float[Tensor, "N 3 3"], distance: Float[Tensor, " N"], min_depth: float
) -> Float[Tensor, " N"]:
    """Distances enlarged where a joint would be nearer to the camera plane than `min_depth`, so that none is.

    Same effect as rejecting such cameras and drawing a farther one, without a loop over draws.
    """
    nearest = (points @ rotation.transpose(1, 2))[..., 2].amin(1)
    return torch.maximum(distance, min_depth - nearest)
