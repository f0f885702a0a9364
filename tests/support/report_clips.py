"""Two filmed people of our own whose warp is known, for tests of reports and the page's pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.embed import embed_people
from poseflow.records import ClipMetadata, EmbeddedClip, PoseTrack
from vvipe.embedder import Embedder
from vvipe.skeleton import COCO17

SIZE = (320, 240)
REF_TIMES_S = np.arange(228) / 30
QUERY_TIMES_S = np.concatenate([np.arange(120) / 30, 4 + np.arange(66) / 15])  # the frame rate drops to half
CORNERS = np.array([(0.0, 0.7, 0.4), (3.0, 3.7, 2.2), (3.8, 3.7, 3.0), (7.3, 7.2, 7.9)])
"""(position, ref_s, query_s): 0.6 query seconds a reference second, a pause of 0.8 s, then 1.4 a second."""
_PLACES = {  # pixels right of and below the hips
    "nose": (0, -80), "left_shoulder": (20, -60), "right_shoulder": (-20, -60), "left_elbow": (35, -30),
    "right_elbow": (-35, -30), "left_wrist": (38, 0), "right_wrist": (-38, 0), "left_hip": (13, 0),
    "right_hip": (-13, 0), "left_knee": (15, 45), "right_knee": (-15, 45), "left_ankle": (15, 90),
    "right_ankle": (-15, 90),
}  # fmt: skip


def known_steps() -> NDArray[np.float64]:
    """(L, 2) ref_s and query_s of the known warp as an alignment gives it: in whole steps of 1/30 s."""
    positions = np.linspace(0, CORNERS[-1, 0], 5000)
    exact = np.stack([np.interp(positions, CORNERS[:, 0], CORNERS[:, column]) for column in (1, 2)], axis=1)
    return np.unique(np.round(exact * 30), axis=0) / 30


def distance_to_path(ref_s: float, query_s: float, steps: NDArray[np.float64]) -> float:
    """Seconds by which the worse clip is off the nearest point of the path, by dense sampling."""
    fine = np.concatenate([np.linspace(a, b, 12) for a, b in zip(steps[:-1], steps[1:], strict=True)])
    return float(np.abs(fine - [ref_s, query_s]).max(1).min())


def moving_person(time_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """(T, 17, 2) pixels in a picture of SIZE; eyes and ears are never seen."""
    points = np.full((len(time_s), 17, 2), np.nan)
    for joint, place in _PLACES.items():
        points[:, COCO17.index(joint)] = np.add(place, (160, 125))
    for number, joint in enumerate(("left_wrist", "right_wrist", "left_elbow", "right_knee", "left_ankle")):
        speed = 1.1 + 0.37 * number
        points[:, COCO17.index(joint)] += 22 * np.stack([np.sin(speed * time_s), np.cos(speed * time_s)], axis=1)
    return points.astype(np.float32)


def embedded_person(
    time_s: NDArray[np.float64], embedder: Embedder, *, source: str, hidden: slice = slice(0, 0)
) -> EmbeddedClip:
    """The moving person as a clip; frames of `hidden` are not seen."""
    keypoints = moving_person(time_s)
    keypoints[hidden] = np.nan
    frames = len(time_s)
    track = PoseTrack(
        person_id=1,
        skeleton=COCO17,
        index=np.arange(frames),
        time_s=np.asarray(time_s),
        keypoints=keypoints,
        scores=np.isfinite(keypoints).all(-1).astype(np.float32),
        boxes=np.tile(np.array([100, 30, 220, 230], np.float32), (frames, 1)),
        box_scores=np.ones(frames, np.float32),
    )
    metadata = ClipMetadata(source=source, frames=frames, size=SIZE)
    return embed_people([track], metadata=metadata, embedder=embedder)


def known_match(**changes: Any) -> dict[str, Any]:
    """What `poseflow match --json` prints for the known warp, with feedback on it; `changes` replace keys."""
    steps = known_steps()
    return {
        "score": 71.5,
        "subscores": {"pose": 71.5, "timing": 40.0, "coverage": 100.0},
        "match_probability": 0.42,
        "is_mirrored": False,
        "mirror_margin": 0.03,
        "offset_s": -0.4,
        "tempo": 0.93,
        "coverage": {"ref": 0.9, "query": 0.95},
        "ref_person": 1,
        "query_person": 1,
        "path": [
            {"ref_s": float(r), "query_s": float(q), "distance": 0.15, "match_probability": 0.4} for r, q in steps
        ],
        "occurrences": [],
        "feedback": [
            {
                "start_s": 5.8,
                "end_s": 6.6,
                "joint": "right_elbow",
                "text": "5.8-6.6 s: right elbow 24° more bent than the reference",
                "delta_deg": 24.0,
            },
            {
                "start_s": 1.0, "end_s": 1.6, "joint": "left_knee", "delta_deg": -12.0,
                "text": "1.0-1.6 s: left knee 12° straighter",
            },
        ],
        "joints": [{"joint": "right_elbow", "mean_delta_deg": 11.2}, {"joint": "left_knee", "mean_delta_deg": -4.0}],
        "tempo_changes": [{"start_s": 3.0, "end_s": 7.9, "factor": 0.71, "text": "dragged 1.4x from 3.0 s to 7.9 s"}],
        "pauses": [{"start_s": 2.2, "end_s": 3.0, "side": "query"}],
        "signature": "poseflow|test",
        **changes,
    }  # fmt: skip
