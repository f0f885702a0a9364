"""Tracks as a folder of OpenPose's JSON: one file a frame, BODY_25."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.openpose import BODY_25
from poseflow.formats.tracks_by_frame import TracksByFrame, plain_numbers
from poseflow.output_folder import atomic_folder
from vvipe.skeleton import COCO17

_MIDDLES = {"neck": ("left_shoulder", "right_shoulder"), "mid_hip": ("left_hip", "right_hip")}
_OTHER_PARTS: dict[str, list[float]] = {
    f"{part}_keypoints_{dimensions}": []
    for dimensions in ("2d", "3d")
    for part in ("pose", "face", "hand_left", "hand_right")
    if (part, dimensions) != ("pose", "2d")
}


def write_openpose(path: Path, clip: TracksByFrame, *, name: str) -> None:
    """Writes ``NAME_000000000012_keypoints.json`` for every frame, also for those with nobody in them.

    The joints are OpenPose's BODY_25: neck and mid hip are the middles of shoulders and hips, with the lower score of
    the two, and the feet are not seen (0, 0, 0). ``person_id`` counts from 0, as OpenPose's does. The format has no
    times, and a seen joint with a score of 0 counts as not seen.
    """
    bodies = {track.person_id: _body_25(track.keypoints, track.scores) for track in clip.tracks}
    with atomic_folder(path) as folder:
        for frame, _, seen in clip.seen():
            people = [
                {
                    "person_id": [track.person_id - 1],
                    "pose_keypoints_2d": bodies[track.person_id][row].tolist(),
                    **_OTHER_PARTS,
                }
                for track, row in seen
            ]
            text = json.dumps({"version": 1.3, "people": people}, allow_nan=False)
            (folder / f"{name}_{frame:012d}_keypoints.json").write_text(text, encoding="utf-8")


def _body_25(keypoints: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """(T, 75) x, y, score of each joint of BODY_25; zeros where it was not seen."""
    points = np.concatenate([keypoints, scores[..., None]], axis=-1)
    body = np.zeros((len(points), len(BODY_25), 3), np.float32)
    for place, joint in enumerate(BODY_25):
        if joint in _MIDDLES:
            left, right = (points[:, COCO17.index(side)] for side in _MIDDLES[joint])
            body[:, place] = (left + right) / 2
            body[:, place, 2] = np.minimum(left[:, 2], right[:, 2])
        elif joint in COCO17.joints:
            body[:, place] = points[:, COCO17.index(joint)]
    body[~np.isfinite(body).all(-1)] = 0
    return plain_numbers(body).reshape(len(points), -1)
