"""Forward kinematics of motion-capture skeletons, and their turn into the z-up world frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

METRES_PER_CMU_UNIT = 0.0254 / 0.45
"""The CMU and HDM05 files count in inches times 0.45."""


def axis_rotations(angles_rad: NDArray[np.float64], axis: str) -> NDArray[np.float64]:
    """(..., 3, 3) right-handed rotations by `angles_rad` (...) about ``x``, ``y`` or ``z``."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    rotations = np.zeros((*np.shape(angles_rad), 3, 3))
    rotations[...] = np.eye(3)
    cosine, sine = np.cos(angles_rad), np.sin(angles_rad)
    rotations[..., first, first] = rotations[..., second, second] = cosine
    rotations[..., first, second] = -sine
    rotations[..., second, first] = sine
    return rotations


def euler_rotations(angles_rad: NDArray[np.float64], axes: str) -> NDArray[np.float64]:
    """(..., 3, 3) products of axis rotations, leftmost first: ``zyx`` gives Rz Ry Rx.

    Args:
        angles_rad: (..., len(axes)) one angle for each letter of `axes`.
        axes: Letters ``x``, ``y``, ``z``; none gives the identity.
    """
    rotations = np.broadcast_to(np.eye(3), (*angles_rad.shape[:-1], 3, 3))
    for position, axis in enumerate(axes):
        rotations = rotations @ axis_rotations(angles_rad[..., position], axis)
    return rotations


def accumulate_rotations(local: NDArray[np.float64], parents: Sequence[int]) -> NDArray[np.float64]:
    """(F, J, 3, 3) rotations to the world from rotations to the parent (F, J, 3, 3).

    Args:
        local: Rotation of each joint relative to its parent.
        parents: Index of each joint's parent, which comes before the joint; -1 for a root.
    """
    world = np.array(local)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            world[:, joint] = world[:, parent] @ local[:, joint]
    return world


def accumulate_steps(steps: NDArray[np.float64], parents: Sequence[int]) -> NDArray[np.float64]:
    """(F, J, 3) world positions from the step (F, J, 3), in world axes, that leads from each parent to its joint."""
    positions = np.array(steps)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            positions[:, joint] += positions[:, parent]
    return positions


def turn_z_up(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) points of a y-up frame in the right-handed z-up frame: (x, y, z) becomes (x, -z, y)."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)
