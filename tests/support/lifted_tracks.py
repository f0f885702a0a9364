"""Lifted poses, tracks and clips of our own for tests."""

from __future__ import annotations

import numpy as np
import torch
from poses import random_poses

from poseflow.embed import embed_people
from poseflow.lift import steady_lengths
from poseflow.lifted import FrameState, LiftedTrack, with_bone_lengths
from poseflow.records import ClipMetadata, EmbeddedClip, PoseTrack
from vvipe.cameras import look_at_rotation, project
from vvipe.datasets.bodies import coco13_joints
from vvipe.geometry import normalize_3d, to_canonical
from vvipe.skeleton import COCO13, COCO17


def make_lifted(frames: int = 12, *, time_s=None, frame="canonical", height_m=1.8, state=None, seed=0) -> LiftedTrack:
    """Random rigid poses at 25 Hz with random root rotations."""
    poses = to_canonical(random_poses(frames, seed=seed)).numpy().astype(float)
    rotation = np.random.default_rng(seed).standard_normal((frames, 4))
    return LiftedTrack(
        person_id=3,
        index=np.arange(frames),
        time_s=np.arange(frames) / 25 if time_s is None else np.asarray(time_s, float),
        canonical=with_bone_lengths(poses, steady_lengths(poses)),
        root_rotation=rotation / np.linalg.norm(rotation, axis=1, keepdims=True),
        state=np.full(frames, FrameState.SEEN, np.uint8) if state is None else np.asarray(state, np.uint8),
        uncertainty=np.full(frames, 0.1, np.float32),
        frame=frame,
        rotation="fit",
        height_m=height_m,
        model="tiny@00000000",
        is_smoothed=True,
    )


def make_track(time_s, *, person_id: int = 1, hidden=()) -> PoseTrack:
    """A person of random poses (a new one every half second, standing between) before a level camera; COCO-17."""
    time_s = np.asarray(time_s, float)
    poses = normalize_3d(random_poses(int(2 * time_s[-1]) + 2, seed=person_id, spread=0.08))
    at = time_s * 2
    before = np.floor(at).astype(int)
    share = torch.from_numpy(at - before)[:, None, None]
    moving = (poses[before] * (1 - share) + poses[before + 1] * share).float()
    camera = look_at_rotation(*(moving.new_full((1,), angle) for angle in (2.6, 0.1, 0.0)))
    points = project(coco13_joints(moving), camera.expand(len(moving), 3, 3), moving.new_full((len(moving),), 8.0))[0]
    keypoints = np.full((len(time_s), 17, 2), np.nan, np.float32)
    keypoints[:, [COCO17.index(joint) for joint in COCO13.joints]] = 800 * points.numpy() + 400
    keypoints[list(hidden)] = np.nan
    seen = np.isfinite(keypoints).all(-1)
    is_seen = seen.any(1)
    boxes = np.where(is_seen[:, None], [200.0, 100.0, 600.0, 700.0], np.nan).astype(np.float32)
    return PoseTrack(
        person_id=person_id,
        skeleton=COCO17,
        index=np.arange(len(time_s)),
        time_s=time_s,
        keypoints=keypoints,
        scores=seen.astype(np.float32),
        boxes=boxes,
        box_scores=np.where(is_seen, 1, np.nan).astype(np.float32),
    )


def make_clip(tracks, embedder, *, smooth: bool = True) -> EmbeddedClip:
    """The tracks, embedded."""
    metadata = ClipMetadata(source="own.mp4", frames=len(tracks[0].time_s), size=(800, 800))
    return embed_people(tracks, metadata=metadata, embedder=embedder, smooth=smooth)
