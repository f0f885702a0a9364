"""3D poses with their 2D keypoints in several real cameras: what cross-view retrieval is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class MultiViewSet:
    """N poses as C synchronised cameras see them.

    Attributes:
        name: Of the data set and what was taken from it.
        poses: (N, 17, 3) float32 H36M-17, pelvis at the origin, torso length 1, subjects' own proportions, z up.
        keypoints: (C, N, 13, 2) float32 COCO-13 in pixels of each camera, x right, y down; NaN = not seen.
        scores: (C, N, 13) confidence in [0, 1], or None where the 2D is no detector's.
        chest: Indices of the chest-level cameras.
        take: (N,) int64 number of the recording, the unit of the bootstrap.
    """

    name: str
    poses: Float[Tensor, "N 17 3"]
    keypoints: Float[Tensor, "C N 13 2"]
    scores: Float[Tensor, "C N 13"] | None
    chest: tuple[int, ...]
    take: Tensor

    def __post_init__(self) -> None:
        count, cameras = len(self.poses), len(self.keypoints)
        wanted = {"poses": (count, 17, 3), "keypoints": (cameras, count, 13, 2), "take": (count,)}
        if self.scores is not None:
            wanted["scores"] = (cameras, count, 13)
        for field, shape in wanted.items():
            if tuple(getattr(self, field).shape) != shape:
                raise ValueError(f"MultiViewSet.{field}: expected {shape}, got {tuple(getattr(self, field).shape)}")
        if not bool(torch.isfinite(self.poses).all()):
            raise ValueError("MultiViewSet.poses: expected finite numbers, got NaN or infinity")
        if not set(self.chest) <= set(range(cameras)):
            raise ValueError(f"MultiViewSet.chest: expected indices of the {cameras} cameras, got {self.chest}")

    @property
    def n_cameras(self) -> int:
        return len(self.keypoints)

    def camera_pairs(self) -> dict[str, list[tuple[int, int]]]:
        """Ordered (query, index) camera pairs; see `camera_pairs`."""
        return camera_pairs(self.n_cameras, self.chest)


def camera_pairs(n_cameras: int, chest: tuple[int, ...]) -> dict[str, list[tuple[int, int]]]:
    """Ordered (query, index) camera pairs: ``all``, ``unseen`` = chest with another, ``chest`` = two of them.

    Cameras that are all at chest level have ``all`` alone.
    """
    pairs = {"all": list(permutations(range(n_cameras), 2))}
    if set(chest) == set(range(n_cameras)):
        return pairs
    pairs["unseen"] = [(a, b) for a, b in pairs["all"] if (a in chest) != (b in chest)]
    pairs["chest"] = [(a, b) for a, b in pairs["all"] if a in chest and b in chest]
    return pairs
