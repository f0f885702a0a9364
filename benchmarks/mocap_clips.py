"""Motion capture as a camera sees it: keypoint tracks of known movements, with or without noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from poseflow.records import PoseTrack
from vvipe.cameras import CameraRange, look_at_rotation, project
from vvipe.detector_noise import add_detector_noise
from vvipe.geometry import normalize_3d
from vvipe.noise import add_gaussian_noise
from vvipe.skeleton import COCO13, COCO17, H36M17, conversion_indices

Noise = Literal["D0", "D1"]
PIXELS_PER_UNIT = 1000.0
FILMING = CameraRange(elevation_deg=(-10.0, 30.0), roll_deg=(-3.0, 3.0), distance=(6.0, 12.0))
"""Where a filming camera stands: from knee to above head height, about level, 3 to 6 metres away."""


@dataclass(frozen=True)
class View:
    """One camera, which follows the pelvis: angles in degrees in the world frame, distance in torso lengths."""

    azimuth_deg: float
    elevation_deg: float = 8.0
    roll_deg: float = 0.0
    distance: float = 8.0


def random_view(generator: np.random.Generator, cameras: CameraRange = FILMING) -> View:
    """A camera anywhere around the person."""
    low, high = np.log(cameras.distance)
    return View(
        azimuth_deg=float(generator.uniform(0, 360)),
        elevation_deg=float(generator.uniform(*cameras.elevation_deg)),
        roll_deg=float(generator.uniform(*cameras.roll_deg)),
        distance=float(np.exp(generator.uniform(low, high))),
    )


def film(
    poses: NDArray[np.floating],
    time_s: NDArray[np.float64],
    view: View,
    *,
    noise_seed: int | None = None,
    noise: Noise = "D0",
    person_id: int = 1,
) -> PoseTrack:
    """What a detector would see of a movement: COCO-13 keypoints in pixels, with score 1 if it is not D1.

    Args:
        poses: (T, 17, 3) H36M-17 joints, z up, any unit.
        time_s: (T,) rising times.
        view: The camera; it follows the pelvis.
        noise_seed: Adds noise, each frame for itself; None = exact keypoints.
        noise: D0 (`vvipe.noise.add_gaussian_noise`) or D1 (`vvipe.detector_noise.add_detector_noise`).
        person_id: Of the track.
    """
    points = normalize_3d(torch.as_tensor(np.asarray(poses), dtype=torch.float32))
    angles = torch.deg2rad(torch.tensor([[view.azimuth_deg], [view.elevation_deg], [view.roll_deg]]))
    rotation = look_at_rotation(*angles).expand(len(points), 3, 3)
    image, _ = project(points, rotation, torch.full((len(points),), view.distance))
    image = image[:, torch.as_tensor(conversion_indices(H36M17, COCO13))]
    scores = torch.ones(image.shape[:2])
    if noise_seed is not None:
        image, scores = _noisy(image, noise, noise_seed)
    pixels = (PIXELS_PER_UNIT * image.numpy()).astype(np.float32)
    corners = np.concatenate([np.nanmin(pixels, 1), np.nanmax(pixels, 1)], axis=1)
    frames = len(pixels)
    return PoseTrack(
        person_id=person_id,
        skeleton=COCO13,
        index=np.arange(frames),
        time_s=np.asarray(time_s, dtype=np.float64),
        keypoints=pixels,
        scores=scores.numpy().astype(np.float32),
        boxes=corners,
        box_scores=np.ones(frames, np.float32),
    )


def with_face(track: PoseTrack) -> PoseTrack:
    """A COCO-13 track as COCO-17: eyes and ears were not seen."""
    places = list(COCO17.indices(*track.skeleton.joints))
    keypoints = np.full((len(track.time_s), COCO17.n_joints, 2), np.nan, np.float32)
    scores = np.zeros(keypoints.shape[:2], np.float32)
    keypoints[:, places], scores[:, places] = track.keypoints, track.scores
    return replace(track, skeleton=COCO17, keypoints=keypoints, scores=scores)


def _noisy(image: torch.Tensor, noise: Noise, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keypoints and scores; the noise works where the largest shoulder/hip distance is 0.5, about the hips' middle."""
    sides = list(COCO13.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip"))
    torso = image[:, sides]
    scale = 2 * (torso[:, :, None] - torso[:, None]).norm(dim=-1).amax((1, 2))[:, None, None]
    middle = torso[:, 2:].mean(1, keepdim=True)
    unit, generator = (image - middle) / scale, torch.Generator().manual_seed(seed)
    if noise == "D1":
        unit, scores = add_detector_noise(unit, generator=generator)
    else:
        unit, scores = add_gaussian_noise(unit, generator=generator), torch.ones(unit.shape[:2])
    return unit * scale + middle, scores


def warped(
    poses: NDArray[np.floating],
    fps: float,
    warp: Callable[[NDArray], NDArray],
    duration_s: float,
    *,
    rate: float = 30.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The movement played as `warp` says: at time t of the result, the pose of time warp(t) of the take, linearly.

    Returns:
        (T, 17, 3) poses at `rate` Hz for `duration_s`, and their times (T,).
    """
    time_s = np.arange(int(duration_s * rate + 1e-6)) / rate
    at = np.clip(warp(time_s) * fps, 0, len(poses) - 1)
    left = np.minimum(at.astype(int), len(poses) - 2)
    share = (at - left)[:, None, None]
    return (1 - share) * poses[left] + share * poses[left + 1], time_s


def joined(
    clips: Sequence[NDArray[np.floating]], fps: float, *, blend_s: float = 0.3
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Movements one after the other, about the pelvis, each turned to face as the last one ended.

    Args:
        clips: (T, 17, 3) each, z up, at `fps`.
        blend_s: Between two clips, joints go straight from the last pose to the next over that time.

    Returns:
        (T, 17, 3) poses, pelvis at the origin, and the first frame of each clip (C,).
    """
    parts: list[NDArray[np.float64]] = []
    starts, length = [], 0
    steps = round(blend_s * fps)
    for clip in clips:
        poses = np.asarray(clip, np.float64) - clip[:, :1]
        if parts:
            last = parts[-1][-1]
            poses = poses @ _turn(poses[0], last).T
            share = (np.arange(1, steps + 1) / (steps + 1))[:, None, None]
            parts.append((1 - share) * last + share * poses[0])
            length += steps
        starts.append(length)
        parts.append(poses)
        length += len(poses)
    return np.concatenate(parts), np.array(starts)


def _turn(pose: NDArray[np.float64], onto: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) rotation about z that brings the hips of `pose` to the heading of those of `onto`."""
    left, right = H36M17.indices("left_hip", "right_hip")
    angles = [np.arctan2(*(p[left] - p[right])[[1, 0]]) for p in (pose, onto)]
    turn = angles[1] - angles[0]
    return np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
