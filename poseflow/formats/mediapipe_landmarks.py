"""MediaPipe's pose landmarks, saved as JSON or CSV."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.joints import refuse_joint_map
from poseflow.formats.json_values import number, records, whole_number
from poseflow.formats.protocol import ImportOptions
from poseflow.formats.sightings import Sighting, Sightings
from poseflow.formats.source import KeypointSource
from vvipe.skeleton import BLAZEPOSE33, COCO17, conversion_indices

_N_LANDMARKS = BLAZEPOSE33.n_joints
_LARGEST_FRACTION = 10.0  # landmarks may lie outside the picture, but not ten times its size
_PEOPLE_KEYS = ("pose_landmarks", "poseLandmarks", "landmarks")
_NUMBERED = re.compile(r"(x|y|z|v|visibility|presence)_?(\d+)$|(\d+)_(x|y|z|v|visibility|presence)$")
_FIELDS = {"x": "x", "y": "y", "v": "visibility", "visibility": "visibility"}


class MediaPipeLandmarks:
    """The 33 landmarks of MediaPipe Pose, for which it has no file format of its own. Read are:

    JSON: a list with one entry a frame, or ``{"frames": that list}`` with optional ``fps``, ``width``, ``height``.
    An entry is null or {} (nobody), the list of a person's landmarks, or an object with

    - ``pose_landmarks``, ``poseLandmarks`` or ``landmarks``: 33 landmarks, or a list of them for each person (the
      results of MediaPipe Tasks in Python and JavaScript), or ``{"landmark": [33 landmarks]}``;
    - or ``landmark``: 33 landmarks (a NormalizedLandmarkList as JSON);
    - optional ``frame``, and ``time_s`` or ``timestamp_ms``.

    A landmark is an object with ``x``, ``y`` and optional ``visibility``; others are left out. A missing number is 0,
    as protocol buffers write it.

    CSV: a header, one row a frame (and person), columns ``<landmark>_x``, ``<landmark>_y``, ``<landmark>_visibility``
    with MediaPipe's names (``left_wrist``), or ``x0``, ``y0``, ``v0`` ... ``v32`` (also from 1 to 33); optional
    ``frame``, ``time_s`` or ``timestamp_ms``, ``person``. Empty cells = not seen.

    Coordinates are fractions of the picture, whose size is then needed, unless one exceeds 10: then they are pixels.
    """

    name = "mediapipe"
    description = "MediaPipe's 33 pose landmarks (.json, or .csv with columns such as left_wrist_x or x15)"

    def detects(self, source: KeypointSource) -> bool:
        if source.is_csv:
            return len(_csv_columns(source.rows[0])) >= 2 * _N_LANDMARKS
        if not source.is_json:
            return False
        content = source.json
        entries = content.get("frames") if isinstance(content, dict) else content
        if not isinstance(entries, list):
            return False
        return any(_entry_people(entry) for entry in entries)

    def read(self, source: KeypointSource, options: ImportOptions) -> Sightings:
        refuse_joint_map(source, options.joint_map)
        if source.is_csv:
            return _in_pixels(source, _read_csv(source), options.size)
        sightings, size = _read_json(source)
        return _in_pixels(source, sightings, options.size or size)


def _entry_people(entry: Any) -> list[Any]:
    """The people of one frame, each a list of landmarks; nothing for what is no such entry."""
    if isinstance(entry, dict):
        if "landmark" in entry:
            return [entry["landmark"]]
        value: Any = next((entry[key] for key in _PEOPLE_KEYS if entry.get(key)), [])
        return _entry_people(value) if isinstance(value, dict) else _people(value)
    return _people(entry) if isinstance(entry, list) else []


def _people(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        return []
    return [value] if isinstance(value[0], dict) and "x" in value[0] else _flattened(value)


def _flattened(people: list[Any]) -> list[Any]:
    is_person = [isinstance(p, list) or (isinstance(p, dict) and "landmark" in p) for p in people]
    if not all(is_person):
        return []
    return [person["landmark"] if isinstance(person, dict) else person for person in people]


def _read_json(source: KeypointSource) -> tuple[Sightings, tuple[int, int] | None]:
    content = source.json
    about = content if isinstance(content, dict) else {}
    entries = about.get("frames") if about else content
    if not isinstance(entries, list):
        raise source.error('expected a list with one entry a frame, or {"frames": that list}')
    people, frames, times = [], [], []
    for position, entry in enumerate(entries):
        where = f"entry {position}"
        stated = _stated(source, entry, where)
        frame = whole_number(source, stated.get("frame", position), f"{where}, frame")
        frames.append(frame)
        times.append(_json_time(source, stated, where))
        for landmarks in _entry_people(entry):
            people.append(_sighting(frame, _landmarks(source, landmarks, where)))
    time_s = times if times and np.isfinite(times).all() else None
    fps = number(source, about["fps"], "fps") if "fps" in about else None
    size = None
    if "width" in about and "height" in about:
        size = (whole_number(source, about["width"], "width"), whole_number(source, about["height"], "height"))
    return Sightings(people, frames, time_s, fps), size


def _stated(source: KeypointSource, entry: Any, where: str) -> dict[str, Any]:
    """What a frame says beside its landmarks, which are all that a list holds."""
    known = {"landmark", *_PEOPLE_KEYS, "frame", "time_s", "timestamp_ms"}
    if isinstance(entry, dict) and (not entry or known & entry.keys()):
        return entry
    if entry is None or (isinstance(entry, list) and (not entry or _people(entry))):
        return {}
    found = ", ".join(entry) if isinstance(entry, dict) else type(entry).__name__
    raise source.error(
        f"{where}: expected landmarks, or an object with one of {', '.join(sorted(known))}; found {found}"
    )


def _json_time(source: KeypointSource, entry: dict[str, Any], where: str) -> float:
    if "time_s" in entry:
        return number(source, entry["time_s"], f"{where}, time_s")
    return number(source, entry.get("timestamp_ms"), f"{where}, timestamp_ms") / 1000


def _landmarks(source: KeypointSource, value: Any, where: str) -> NDArray[np.float64]:
    """(33, 3) x, y, visibility; NaN = visibility not stated."""
    landmarks = records(source, value, f"{where}, landmarks")
    if len(landmarks) != _N_LANDMARKS:
        raise source.error(f"{where}: expected {_N_LANDMARKS} pose landmarks, found {len(landmarks)}")
    return np.array(
        [
            [
                number(source, landmark.get("x", 0.0), f"{where}, landmark {i}, x"),
                number(source, landmark.get("y", 0.0), f"{where}, landmark {i}, y"),
                number(source, landmark.get("visibility"), f"{where}, landmark {i}, visibility"),
            ]
            for i, landmark in enumerate(landmarks)
        ]
    )


def _sighting(frame: int, landmarks: NDArray[np.float64], person: int | None = None) -> Sighting:
    joints = landmarks[conversion_indices(BLAZEPOSE33, COCO17)]
    return Sighting(frame, joints[:, :2], joints[:, 2], person=person)


def _csv_columns(header: list[str]) -> dict[tuple[int, str], int]:
    """(landmark, field) -> column, for columns of landmarks."""
    named, numbered = {}, {}
    for column, cell in enumerate(header):
        cell = cell.strip().lower()
        joint, _, field = cell.rpartition("_")
        match = _NUMBERED.match(cell)
        if joint in BLAZEPOSE33.joints and field in _FIELDS:
            named[BLAZEPOSE33.index(joint), _FIELDS[field]] = column
        elif match and (match[1] or match[4]) in _FIELDS:
            numbered[int(match[2] or match[3]), _FIELDS[match[1] or match[4]]] = column
    first = min((landmark for landmark, _ in numbered), default=0)
    return named or {(landmark - first, field): column for (landmark, field), column in numbered.items()}


def _read_csv(source: KeypointSource) -> Sightings:
    header = [cell.strip().lower() for cell in source.rows[0]]
    columns = _csv_columns(header)
    needed = {(landmark, field) for landmark in range(_N_LANDMARKS) for field in ("x", "y")}
    if not needed <= columns.keys():
        lost = sorted(needed - columns.keys())
        raise source.error(f"expected x and y of {_N_LANDMARKS} landmarks, found none for landmark {lost[0][0]}")
    about = {name: header.index(name) for name in ("frame", "time_s", "timestamp_ms", "person") if name in header}
    people, times = [], {}
    for line, row in enumerate(source.rows[1:], start=2):
        if not row:
            continue
        if len(row) != len(header):
            raise source.error(f"line {line}: expected {len(header)} cells, found {len(row)}")
        stated = {name: _cell(source, line, row[column]) for name, column in about.items()}
        frame = _whole(source, line, stated.get("frame", float(line - 2)))
        times[frame] = stated.get("time_s", stated.get("timestamp_ms", np.nan) / 1000)
        landmarks = np.full((_N_LANDMARKS, 3), np.nan)
        for (landmark, field), column in columns.items():
            if landmark < _N_LANDMARKS:
                landmarks[landmark, ("x", "y", "visibility").index(field)] = _cell(source, line, row[column])
        person = _whole(source, line, stated["person"]) + 1 if "person" in stated else None
        people.append(_sighting(frame, landmarks, person))
    frames = list(times)
    return Sightings(people, frames, list(times.values()) if np.isfinite(list(times.values())).all() else None)


def _cell(source: KeypointSource, line: int, cell: str) -> float:
    try:
        return float(cell) if cell.strip() else np.nan
    except ValueError as error:
        raise source.error(f"line {line}: expected a number, found {cell[:60]!r}") from error


def _whole(source: KeypointSource, line: int, value: float) -> int:
    if not (value >= 0 and value == int(value)):
        raise source.error(f"line {line}: expected a whole number of at least 0, found {value}")
    return int(value)


def _in_pixels(source: KeypointSource, sightings: Sightings, size: tuple[int, int] | None) -> Sightings:
    largest = max((float(np.nanmax(np.abs(p.keypoints), initial=0.0)) for p in sightings.people), default=0.0)
    if largest > _LARGEST_FRACTION or not sightings.people:
        return sightings
    if size is None:
        raise source.error("landmarks are fractions of the picture; give its size (width, height) in pixels")
    people = [Sighting(p.frame, p.keypoints * np.array(size), p.scores, p.person) for p in sightings.people]
    return Sightings(people, sightings.frames, sightings.time_s, sightings.fps)
