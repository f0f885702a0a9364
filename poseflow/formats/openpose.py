"""OpenPose's JSON: a folder with one file a frame."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.joints import COCO_FIRST, order_by_number, refuse_joint_map, take
from poseflow.formats.json_values import number_array, records
from poseflow.formats.protocol import ImportOptions
from poseflow.formats.sightings import Sighting, Sightings
from poseflow.formats.source import KeypointSource, read_json
from vvipe.skeleton import COCO17

_FRAME_FILE = re.compile(r"(\d+)(_keypoints)?\.json$", re.IGNORECASE)
_ARMS = "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist"
_LEGS = "right_hip right_knee right_ankle left_hip left_knee left_ankle"
_FACE = "right_eye left_eye right_ear left_ear"
BODY_25 = (
    f"{_ARMS} mid_hip {_LEGS} {_FACE} left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel"
).split()
"""Joints of OpenPose's default model, in order."""
COCO_18 = f"{_ARMS} {_LEGS} {_FACE}".split()
"""Joints of OpenPose's COCO model, in order."""
_NAMED_ORDERS = {25: BODY_25, 18: COCO_18}
_KNOWN_ORDERS = {25: "BODY_25", 18: "OpenPose's COCO-18", **COCO_FIRST}


class OpenPoseJson:
    """A folder of ``NAME_000000000012_keypoints.json`` files (or one of them), the number being that of the frame.

    Each has ``people`` with ``pose_keypoints_2d`` (before 1.2: ``pose_keypoints``): x, y, confidence for each joint,
    0, 0, 0 where it was not seen. 25 joints are BODY_25, 18 are COCO-18; Pose2Sim and Sports2D write the same files
    with 17, 26 or 133 joints. Fractions of the picture (``--keypoint_scale 3``) need its size. ``person_id`` is kept
    where everybody has one.
    """

    name = "openpose"
    description = "a folder of OpenPose's .json files, one a frame, whose names end in the frame's number"

    def detects(self, source: KeypointSource) -> bool:
        if source.is_json:
            return isinstance(source.json, dict) and "people" in source.json
        files = _frame_files(source) if source.is_folder else []
        first = read_json(files[0][1]) if files else None
        return isinstance(first, dict) and "people" in first

    def read(self, source: KeypointSource, options: ImportOptions) -> Sightings:
        refuse_joint_map(source, options.joint_map)
        files = _frame_files(source) if source.is_folder else [(_frame_number(source.path) or 0, source.path)]
        if not files:
            raise source.error("expected OpenPose's files, such as clip_000000000000_keypoints.json; found none")
        people: list[Sighting] = []
        for frame, path in files:
            people += _read_frame(KeypointSource(path), frame)
        return Sightings(_in_pixels(source, people, options.size), [frame for frame, _ in files])


def _frame_number(path: Path) -> int | None:
    match = _FRAME_FILE.search(path.name)
    return int(match[1]) if match else None


def _frame_files(source: KeypointSource) -> list[tuple[int, Path]]:
    """(frame, file) in the order of the frames."""
    numbered = [(number, path) for path in source.path.iterdir() if (number := _frame_number(path)) is not None]
    files = sorted(numbered)
    for (frame, path), (other, other_path) in zip(files, files[1:], strict=False):
        if frame == other:
            raise source.error(f"{path.name} and {other_path.name} are both frame {frame}; put one clip in a folder")
    return files


def _read_frame(source: KeypointSource, frame: int) -> list[Sighting]:
    if not isinstance(source.json, dict):
        raise source.error("expected OpenPose's object with a list of people, found a list")
    people = records(source, source.json.get("people"), "people")
    return [_sighting(source, person, frame, f"person {i}") for i, person in enumerate(people)]


def _sighting(source: KeypointSource, person: dict[str, Any], frame: int, where: str) -> Sighting:
    value = person.get("pose_keypoints_2d", person.get("pose_keypoints"))
    flat = number_array(source, value, f"{where}, pose_keypoints_2d", (None,))
    if not len(flat) or len(flat) % 3:
        raise source.error(f"{where}, pose_keypoints_2d: expected x, y, confidence a joint, found {len(flat)} numbers")
    points = take(flat.reshape(-1, 3), _order(source, len(flat) // 3))
    points[points[:, 2] <= 0, :2] = np.nan
    ids = person.get("person_id")
    stated = ids[0] if isinstance(ids, list) and ids else -1
    person_id = stated + 1 if isinstance(stated, int) and stated >= 0 else None
    return Sighting(frame, points[:, :2], points[:, 2], person=person_id)


def _order(source: KeypointSource, n_joints: int) -> NDArray[np.int64]:
    if n_joints in _NAMED_ORDERS:
        return np.array([_NAMED_ORDERS[n_joints].index(joint) for joint in COCO17.joints])
    return order_by_number(source, n_joints, _KNOWN_ORDERS)


def _in_pixels(source: KeypointSource, people: list[Sighting], size: tuple[int, int] | None) -> list[Sighting]:
    """Coordinates none of which exceeds 1 are fractions of the picture."""
    largest = max((float(np.nanmax(np.abs(p.keypoints), initial=0.0)) for p in people), default=0.0)
    if not 0 < largest <= 1:
        return people
    if any((p.keypoints < 0).any() for p in people):
        raise source.error("coordinates from -1 to 1 (--keypoint_scale 4); write them with --keypoint_scale 0 or 3")
    if size is None:
        raise source.error("coordinates are fractions of the picture; give its size (width, height) in pixels")
    return [replace(p, keypoints=p.keypoints * np.array(size)) for p in people]
