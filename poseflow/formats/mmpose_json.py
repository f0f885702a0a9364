"""Predictions that MMPose saves as JSON: its inferencer's, and those of its demo scripts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.joints import order_by_name, order_by_number, refuse_joint_map, take
from poseflow.formats.json_values import number, number_array, records, whole_number
from poseflow.formats.protocol import ImportOptions
from poseflow.formats.sightings import Sighting, Sightings
from poseflow.formats.source import KeypointSource


class MMPoseJson:
    """MMPose 1.x predictions.

    - The inferencer on a video: ``[{"frame_id": 0, "instances": [...]}, ...]``, frames counted from 0.
    - The inferencer on a picture: ``[instance, ...]``, which is frame 0.
    - The demo scripts: ``{"meta_info": ..., "instance_info": ...}`` with either of the two; there, frames count from 1.

    An instance has ``keypoints`` [[x, y], ...], ``keypoint_scores``, and may have ``bbox`` (x0, y0, x1, y1),
    ``bbox_score`` and ``track_id``. Joints are taken by the names of ``meta_info`` if it has them; without, 17, 23,
    26, 133 and 136 joints are read in COCO's and Halpe's orders.
    """

    name = "mmpose"
    description = "MMPose's predictions (.json of the inferencer or of a demo script)"

    def detects(self, source: KeypointSource) -> bool:
        if not source.is_json:
            return False
        content = source.json
        if isinstance(content, dict):
            return "instance_info" in content
        if not isinstance(content, list) or not content or not isinstance(content[0], dict):
            return False
        return "instances" in content[0] or {"keypoints", "keypoint_scores"} <= content[0].keys()

    def read(self, source: KeypointSource, options: ImportOptions) -> Sightings:
        content, names, first = source.json, None, 0
        if isinstance(content, dict):
            names, first = _joint_names(content.get("meta_info")), 1
            content = content.get("instance_info")
        entries = records(source, content, "MMPose's predictions")
        if entries and "instances" not in entries[0]:
            entries, first = [{"frame_id": 0, "instances": entries}], 0
        if names is None:
            refuse_joint_map(source, options.joint_map)
        order = None if names is None else order_by_name(source, names, options.joint_map)
        people, frames = [], []
        for position, entry in enumerate(entries):
            frame = whole_number(source, entry.get("frame_id"), f"entry {position}, frame_id") - first
            if frame < 0:
                raise source.error(f"entry {position}, frame_id: expected {first} or more, found {entry['frame_id']}")
            frames.append(frame)
            for instance in records(source, entry.get("instances"), f"entry {position}, instances"):
                people.append(_sighting(source, instance, frame, names, order))
        return Sightings(people, frames)


def _joint_names(meta_info: Any) -> list[str] | None:
    """Names in order from ``keypoint_id2name``, whose keys JSON has made text."""
    names = meta_info.get("keypoint_id2name") if isinstance(meta_info, dict) else None
    if not isinstance(names, dict) or set(names) != {str(i) for i in range(len(names))}:
        return None
    return [str(names[str(i)]) for i in range(len(names))]


def _sighting(
    source: KeypointSource,
    instance: dict[str, Any],
    frame: int,
    names: list[str] | None,
    order: NDArray[np.int64] | None,
) -> Sighting:
    where = f"frame {frame}"
    joints = None if names is None else len(names)
    keypoints = number_array(source, instance.get("keypoints"), f"{where}, keypoints", (joints, 2))
    scores = number_array(source, instance.get("keypoint_scores"), f"{where}, keypoint_scores", (len(keypoints),))
    if order is None:
        order = order_by_number(source, len(keypoints))
    track_id = instance.get("track_id")
    return Sighting(
        frame=frame,
        keypoints=take(keypoints, order),
        scores=take(scores, order),
        person=None if track_id is None else whole_number(source, track_id, f"{where}, track_id") + 1,
        box=_box(source, instance.get("bbox"), where),
        box_score=number(source, instance.get("bbox_score"), f"{where}, bbox_score"),
    )


def _box(source: KeypointSource, value: Any, where: str) -> NDArray[np.float64] | None:
    """MMPose 1.x writes the box inside one more list."""
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return number_array(source, value, f"{where}, bbox", (4,))
