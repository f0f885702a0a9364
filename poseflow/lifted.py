"""The record of one person's 3D poses through a clip, and what it takes to put it on an even time grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vvipe.skeleton import H36M17

LiftFrame = Literal["canonical", "camera"]
RotationSource = Literal["fit", "head"]

ASSUMED_HEIGHT_M = 1.75
"""Body height where a file needs metres and none was given; every such file says so."""
CHAIN_SHARE = 0.90
"""Ankle to head joint, along the bones, as a share of body height.

The ankle lies 0.039 of body height above the floor (Drillis and Contini 1966, in Winter's Biomechanics); that the head
joint, near the forehead, lies about 0.06 below the crown is our estimate.
"""
_CHAIN = ("left_knee", "left_ankle", "spine", "thorax", "neck_nose", "head")
_EVEN_SHARE = 0.02  # of a step: times no farther from an even grid are one
_ONE_FRAME_STEP_S = 1 / 30  # motion files need a step where one frame has none


class FrameState(IntEnum):
    """Where the pose of a frame comes from.

    SEEN: keypoints of this frame. INTERPOLATED: those, or the poses, on the two sides of a short gap. HELD: the last
    pose before a long gap, or the first one after it where the clip begins with the gap.
    """

    SEEN = 0
    INTERPOLATED = 1
    HELD = 2


@dataclass(frozen=True)
class LiftedTrack:
    """One person's 3D poses; bones keep their lengths, and the pelvis stays at the origin.

    Attributes:
        person_id: Identity within the clip.
        index: (T,) int64 frame numbers in the source; on an even grid, those of the nearest frames.
        time_s: (T,) presentation times, rising.
        canonical: (T, 17, 3) H36M-17, torso lengths, the person facing -x with the left at -y, z along the torso.
        root_rotation: (T, 4) quaternion (w, x, y, z) from the canonical to the camera frame.
        state: (T,) uint8, values of FrameState.
        uncertainty: (T,) expected NP-MPJPE in torso lengths; NaN where the frame was not seen.
        frame: Whose axes `poses` has.
        rotation: What `root_rotation` is: the encoder's own head, or fitted to the keypoints.
        height_m: Body height, if it was given.
        model: Id of the embedding weights.
        is_smoothed: Whether the poses are those of smoothed keypoints.
    """

    person_id: int
    index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    canonical: NDArray[np.float64] = field(repr=False)
    root_rotation: NDArray[np.float64] = field(repr=False)
    state: NDArray[np.uint8]
    uncertainty: NDArray[np.float32] = field(repr=False)
    frame: LiftFrame
    rotation: RotationSource
    height_m: float | None
    model: str
    is_smoothed: bool

    def __post_init__(self) -> None:
        t = len(self.time_s)
        if not t or (np.diff(self.time_s) <= 0).any():
            raise ValueError("LiftedTrack.time_s: expected at least one time, and times that rise")
        shapes = {"index": (t,), "canonical": (t, 17, 3), "root_rotation": (t, 4), "state": (t,), "uncertainty": (t,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"LiftedTrack.{name}: expected {shape}, got {getattr(self, name).shape}")

    @property
    def poses(self) -> NDArray[np.float64]:
        """(T, 17, 3) in the axes of `frame`; metres where the height was given, else torso lengths."""
        poses = self.canonical * (1.0 if self.height_m is None else self.metres_per_torso)
        return poses if self.frame == "canonical" else np.einsum("tab,tjb->tja", self.rotation_matrices, poses)

    @property
    def unit(self) -> str:
        """Of `poses`."""
        return "torso length" if self.height_m is None else "metre"

    @property
    def rotation_matrices(self) -> NDArray[np.float64]:
        """(T, 3, 3) from the canonical to the camera frame."""
        from scipy.spatial.transform import Rotation

        return Rotation.from_quat(self.root_rotation, scalar_first=True).as_matrix()

    @property
    def bone_lengths(self) -> NDArray[np.float64]:
        """(16,) torso lengths in the order of ``H36M17.bones``, the same in all frames."""
        return bone_lengths(self.canonical[:1])[0]

    @property
    def metres_per_torso(self) -> float:
        """Metres in a torso length, by the height that was given or else ASSUMED_HEIGHT_M."""
        children = [H36M17.joints[child] for _, child in H36M17.bones]
        chain = sum(self.bone_lengths[children.index(joint)] for joint in _CHAIN)
        return (self.height_m or ASSUMED_HEIGHT_M) * CHAIN_SHARE / float(chain)

    def count(self, state: FrameState) -> int:
        """Frames in that state."""
        return int((self.state == state).sum())

    def in_metres(self) -> LiftedTrack:
        """The track with `poses` in metres, by an assumed height where none was given."""
        return replace(self, height_m=self.height_m or ASSUMED_HEIGHT_M)

    def at_even_times(self) -> LiftedTrack:
        """The track at even steps, for files that know a rate alone; as it is where its times are even."""
        step_s = self.step_s
        grid = self.time_s[0] + step_s * np.arange(math.floor((self.time_s[-1] - self.time_s[0]) / step_s + 1e-6) + 1)
        if len(grid) == len(self.time_s) and np.abs(grid - self.time_s).max() <= _EVEN_SHARE * step_s:
            return self
        after = np.clip(np.searchsorted(self.time_s, grid), 1, len(self.time_s) - 1)
        before = after - 1
        share = np.clip((grid - self.time_s[before]) / (self.time_s[after] - self.time_s[before]), 0, 1)
        nearest = np.where(share < 0.5, before, after)
        return replace(
            self,
            index=self.index[nearest],
            time_s=grid,
            canonical=between_poses(self.canonical[before], self.canonical[after], share, self.bone_lengths),
            root_rotation=between_rotations(self.time_s, self.root_rotation, grid),
            state=np.maximum(self.state[before], self.state[after]),
            uncertainty=self.uncertainty[nearest],
        )

    @property
    def step_s(self) -> float:
        """Median time from frame to frame; 1/30 s for a single frame."""
        return float(np.median(np.diff(self.time_s))) if len(self.time_s) > 1 else _ONE_FRAME_STEP_S


def bone_lengths(poses: NDArray) -> NDArray[np.float64]:
    """(T, 16) lengths of the bones of poses (T, 17, 3), in the order of ``H36M17.bones``."""
    parents, children = (list(ends) for ends in zip(*H36M17.bones, strict=True))
    return np.linalg.norm(np.asarray(poses[:, children] - poses[:, parents], float), axis=-1)


def with_bone_lengths(poses: NDArray, lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Poses (T, 17, 3) with the same bone directions and bones of these lengths (16,), pelvis at the origin."""
    changed = np.zeros(poses.shape)
    for bone, (parent, child) in enumerate(H36M17.bones):
        step = np.asarray(poses[:, child] - poses[:, parent], float)
        norm = np.linalg.norm(step, axis=-1, keepdims=True)
        changed[:, child] = changed[:, parent] + lengths[bone] * step / np.maximum(norm, 1e-12)
    return changed


def between_poses(
    before: NDArray, after: NDArray, share: NDArray[np.float64], lengths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(T, 17, 3) poses at a share (T,) of the way, joints on straight lines and then bones at their lengths."""
    return with_bone_lengths(before + share[:, None, None] * (after - before), lengths)


def between_rotations(
    time_s: NDArray[np.float64], quaternions: NDArray, wanted_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, 4) quaternions (w first, not negative) at times from the first to the last of `time_s`, by slerp."""
    from scipy.spatial.transform import Rotation, Slerp

    rotations = Rotation.from_quat(quaternions, scalar_first=True)
    wanted_s = np.clip(wanted_s, time_s[0], time_s[-1])
    turned = Slerp(time_s, rotations)(wanted_s) if len(time_s) > 1 else rotations[np.zeros(len(wanted_s), int)]
    return turned.as_quat(canonical=True, scalar_first=True)
