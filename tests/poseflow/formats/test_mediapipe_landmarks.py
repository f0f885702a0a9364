from __future__ import annotations

import csv
from dataclasses import asdict

import numpy as np
import pytest

from poseflow.errors import FileFormatError
from poseflow.formats import import_keypoints
from vvipe.skeleton import BLAZEPOSE33, COCO17

# MediaPipe's documented numbers of the landmarks that COCO has, in COCO's order.
NUMBERS = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
SIZE = (640, 480)


@pytest.fixture
def whole(walk):
    """MediaPipe places every landmark, so none is missing."""
    walk.keypoints[3:5, 0, COCO17.index("left_wrist")] = 300, 200
    walk.scores[3:5, 0, COCO17.index("left_wrist")] = 0.1
    return walk


@pytest.fixture
def one(whole):
    return type(whole)(whole.keypoints[:, :1], whole.scores[:, :1])


def landmarks(walk, frame: int, person: int = 0, size=SIZE) -> list[dict[str, float]]:
    all_33 = [{"x": 0.5, "y": 0.5, "z": 0.0, "visibility": 0.0} for _ in range(33)]
    for k, number in enumerate(NUMBERS):
        x, y = walk.keypoints[frame, person, k] / size
        all_33[number] = {"x": x, "y": y, "z": -0.1, "visibility": walk.scores[frame, person, k]}
    return all_33


def test_numbers_of_the_landmarks_are_the_documented_ones():
    assert [BLAZEPOSE33.index(joint) for joint in COCO17.joints] == NUMBERS


LAYOUTS = {
    "list of landmarks": lambda people: people[0],
    "protobuf list": lambda people: {"landmark": people[0]},
    "legacy python": lambda people: {"pose_landmarks": {"landmark": people[0]}},
    "legacy javascript": lambda people: {"poseLandmarks": people[0]},
    "tasks python": lambda people: {"pose_landmarks": people},
    "tasks javascript": lambda people: {"landmarks": people, "worldLandmarks": people},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_json_of_one_person_comes_back(write_json, one, layout):
    path = write_json([layout([landmarks(one, t)]) for t in range(12)])
    one.check(import_keypoints(path, fps=30, size=SIZE))


def test_json_of_two_people_with_rate_and_size_comes_back(write_json, whole):
    frames = [{"pose_landmarks": [landmarks(whole, t, p) for p in (0, 1)]} for t in range(12)]
    whole.check(import_keypoints(write_json({"fps": 30, "width": 640, "height": 480, "frames": frames})))


def test_messages_written_by_mediapipe_come_back(write_json, one):
    pb2 = pytest.importorskip("mediapipe.framework.formats.landmark_pb2", exc_type=ImportError)
    json_format = pytest.importorskip("google.protobuf.json_format")
    frames = []
    for t in range(12):
        message = pb2.NormalizedLandmarkList()
        for landmark in landmarks(one, t):
            message.landmark.add(**landmark)
        frames.append(json_format.MessageToDict(message))
    one.check(import_keypoints(write_json(frames), fps=30, size=SIZE))


def test_landmarks_of_mediapipe_tasks_come_back(write_json, one):
    containers = pytest.importorskip("mediapipe.tasks.python.components.containers.landmark", exc_type=ImportError)
    frames = [
        {
            "pose_landmarks": [[asdict(containers.NormalizedLandmark(**landmark)) for landmark in landmarks(one, t)]],
            "frame": t,
        }
        for t in range(12)
    ]
    one.check(import_keypoints(write_json(frames), fps=30, size=SIZE))


def write_csv(path, walk, *, spelling, size=SIZE, extra=None):
    rows = []
    for t in range(12):
        for p in range(walk.keypoints.shape[1]):
            row = {} if extra is None else extra(t, p)
            for number, landmark in enumerate(landmarks(walk, t, p, size)):
                for field, value in landmark.items():
                    row[spelling(number, field)] = value
            rows.append(row)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize(
    "spelling",
    [
        lambda number, field: f"{BLAZEPOSE33.joints[number]}_{field}",
        lambda number, field: f"{BLAZEPOSE33.joints[number].upper()}_{field}",
        lambda number, field: f"{field[0]}{number}",
        lambda number, field: f"{field[0]}{number + 1}",
        lambda number, field: f"{number}_{field}",
        lambda number, field: f"{field}_{number}",
    ],
    ids=["names", "upper", "from 0", "from 1", "number first", "field first"],
)
def test_csv_comes_back_for_every_naming(tmp_path, one, spelling):
    one.check(import_keypoints(write_csv(tmp_path / "a.csv", one, spelling=spelling), fps=30, size=SIZE))


def test_csv_in_pixels_with_times_and_people_comes_back(tmp_path, whole):
    path = write_csv(
        tmp_path / "a.csv",
        whole,
        spelling=lambda number, field: f"{BLAZEPOSE33.joints[number]}_{field}",
        size=(1, 1),
        extra=lambda t, p: {"frame": t, "timestamp_ms": t * 1000 / 30, "person": p},
    )
    whole.check(import_keypoints(path))


def test_empty_cells_and_null_frames_are_not_seen(tmp_path, write_json, one):
    path = write_csv(tmp_path / "a.csv", one, spelling=lambda number, field: f"{field[0]}{number}")
    lines = path.read_text().splitlines()
    lines[3] = "," * (33 * 4 - 1)
    path.write_text("\n".join(lines))
    for source in (path, write_json([None if t == 2 else {} if t == 3 else landmarks(one, t) for t in range(12)])):
        (track,) = import_keypoints(source, fps=30, size=SIZE)
        np.testing.assert_array_equal(track.index, np.arange(12))
        assert not track.is_seen[2]


def test_fractions_need_the_size(write_json, one):
    with pytest.raises(FileFormatError, match=r"fractions of the picture; give its size \(width, height\)"):
        import_keypoints(write_json([landmarks(one, 0)]), fps=30)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([[{"x": 1, "y": 1}] * 21], "entry 0: expected 33 pose landmarks, found 21"),
        ([[{"x": "a", "y": 1}] * 33], "landmark 0, x: expected a number, found 'a'"),
        ([[{"x": 1, "y": 1}] * 33, {"hands": 1}], "entry 1: expected landmarks, .*found hands"),
        ([[{"x": 1, "y": 1}] * 33, 5], "entry 1: .*found int"),
        ([{"frame": -1, "landmark": [{"x": 1, "y": 1}] * 33}], "frame: expected a whole number"),
    ],
)
def test_damaged_json_is_named(write_json, entries, message):
    with pytest.raises(FileFormatError, match=message):
        import_keypoints(write_json(entries), fps=30, size=SIZE)


def test_damaged_csv_is_named(tmp_path, one):
    path = write_csv(tmp_path / "a.csv", one, spelling=lambda number, field: f"{field[0]}{number}")
    text = path.read_text().splitlines()
    cases = {
        "line 3: expected 132 cells, found 131": [text[0], text[1], text[2].rpartition(",")[0]],
        "line 2: expected a number, found 'left'": [text[0], "left" + text[1][text[1].index(",") :]],
        "found none for landmark 2": [text[0].replace("x2,", "q2,", 1), *text[1:]],
    }
    for message, lines in cases.items():
        path.write_text("\n".join(lines))
        with pytest.raises(FileFormatError, match=message):
            import_keypoints(path, format="mediapipe", fps=30, size=SIZE)
