"""One person of one clip as the page's scripts draw it: keypoints, canonical poses, and where to look."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from poseflow.draw_poses import MIN_DRAWN_SCORE
from poseflow.records import EmbeddingTrack, PoseTrack
from poseflow.report.packing import pack_array
from vvipe.skeleton import H36M17, Skeleton

TIME_STEP_S, PIXEL_STEP, POSE_STEP = 1e-4, 0.1, 1e-3
_ROOM = 0.12  # of the larger side, around everything that is drawn
_NECK = ("nose", "left_shoulder", "right_shoulder")


class PoseDecoder(Protocol):
    """What a report needs of `vvipe.Embedder`."""

    def decode(self, vectors: NDArray) -> NDArray: ...


def clip_data(
    track: PoseTrack,
    *,
    role: str,
    name: str,
    start_s: float,
    end_s: float,
    frame_size: tuple[int, int] | None = None,
    is_mirrored: bool = False,
) -> dict[str, Any]:
    """What player.js needs of a clip.

    Args:
        track: The person who is drawn.
        role: What the clip is on the page, e.g. "Reference".
        name: The file's.
        start_s, end_s: What of the track goes on the page.
        frame_size: (width, height) of the picture; None = show the person alone, close up.
        is_mirrored: Whether the clip is shown as in a mirror.
    """
    rows = (track.time_s >= start_s - TIME_STEP_S) & (track.time_s <= end_s + TIME_STEP_S)
    points = shown_keypoints(track)[rows]
    return {
        "role": role,
        "name": name,
        "view": [0, 0, *frame_size] if frame_size else extent(points),
        "mirrored": is_mirrored,
        "time": pack_array(track.time_s[rows], step=TIME_STEP_S),
        "points": pack_array(points, step=PIXEL_STEP),
        **skeleton_json(track.skeleton),
    }


def skeleton_json(skeleton: Skeleton) -> dict[str, Any]:
    """Its bones, for each joint "left", "right" or "middle", and the joints of a drawn neck (None: it lacks one)."""
    words = [joint.partition("_")[0] for joint in skeleton.joints]
    return {
        "bones": [list(bone) for bone in skeleton.bones],
        "neck": list(skeleton.indices(*_NECK)) if set(_NECK) <= set(skeleton.joints) else None,
        "sides": [word if word in ("left", "right") else "middle" for word in words],
    }


def shown_keypoints(track: PoseTrack) -> NDArray[np.float32]:
    """(T, K, 2) keypoints; NaN for those of low score."""
    return np.where(track.scores[..., None] >= MIN_DRAWN_SCORE, track.keypoints, np.float32(np.nan))


def extent(points: NDArray[np.floating]) -> list[float]:
    """x0, y0, x1, y1 around the known ones of points (..., 2) with room; a unit square where none is known."""
    known = points[np.isfinite(points).all(-1)]
    if not len(known):
        return [0.0, 0.0, 1.0, 1.0]
    low, high = known.min(0).astype(float), known.max(0).astype(float)
    room = max(_ROOM * float((high - low).max()), 1.0)
    return [*(low - room).round(1).tolist(), *(high + room).round(1).tolist()]


def pose_data(track: EmbeddingTrack, *, decoder: PoseDecoder, start_s: float, end_s: float) -> dict[str, Any]:
    """Canonical 3D poses of the span as figure3d.js reads them; NaN where the person could not be embedded.

    Args:
        track: The person's embeddings.
        decoder: The model that made them.
        start_s, end_s: The span.
    """
    rows = (track.time_s >= start_s - TIME_STEP_S) & (track.time_s <= end_s + TIME_STEP_S)
    poses = np.full((int(rows.sum()), H36M17.n_joints, 3), np.nan)
    is_known = track.valid[rows]
    if is_known.any():
        poses[is_known] = decoder.decode(track.vectors[rows][is_known])
    return {"time": pack_array(track.time_s[rows], step=TIME_STEP_S), "points": pack_array(poses, step=POSE_STEP)}
