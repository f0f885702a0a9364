from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from poseflow.errors import FileFormatError
from poseflow.formats import FORMATS, import_keypoints
from poseflow.formats.joints import order_by_name
from poseflow.formats.protocol import ImportOptions
from poseflow.formats.sightings import Sighting, Sightings, to_tracks
from poseflow.formats.source import KeypointSource
from vvipe.skeleton import COCO17


def person(frame: int, *, person: int | None = 1, at: float = 100.0) -> Sighting:
    keypoints = np.arange(34.0).reshape(17, 2) + at
    return Sighting(frame, keypoints, np.full(17, 0.5), person=person)


def test_person_who_leaves_and_returns_has_nan_between(tmp_path):
    (track,) = to_tracks(tmp_path, Sightings([person(4), person(1)], range(6)), fps=10)
    np.testing.assert_array_equal(track.index, [1, 2, 3, 4])
    np.testing.assert_allclose(track.time_s, [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_array_equal(track.is_seen, [True, False, False, True])
    assert np.isnan(track.boxes[1]).all()
    np.testing.assert_array_equal(track.boxes[0], [100, 101, 132, 133])
    assert track.box_scores[0] == 0.5


def test_one_sighting_in_one_frame_is_one_track(tmp_path):
    (track,) = to_tracks(tmp_path, Sightings([person(0)], [0]), fps=25)
    assert track.keypoints.shape == (1, 17, 2)


def test_person_without_a_joint_is_left_out(tmp_path):
    nobody = Sighting(0, np.full((17, 2), np.nan), np.ones(17), person=2)
    assert [t.person_id for t in to_tracks(tmp_path, Sightings([person(0), nobody], [0]), fps=25)] == [1]
    assert to_tracks(tmp_path, Sightings([nobody], [0]), fps=25) == []
    assert to_tracks(tmp_path, Sightings([], []), fps=25) == []


def test_scores_are_completed_and_cut_to_one(tmp_path):
    seen = person(0)
    seen.scores[:2] = np.nan, 7.5
    seen.keypoints[2, 0] = np.nan
    (track,) = to_tracks(tmp_path, Sightings([seen], [0]), fps=25)
    np.testing.assert_allclose(track.scores[0, :4], [1, 1, 0, 0.5])
    assert np.isnan(track.keypoints[0, 2]).all()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"fps": 10}, [0.2, 0.3]),
        ({"times": [0, 0.1, 0.5, 0.8, 0.9]}, [0.5, 0.8]),
        ({}, [1.5, 1.75]),
    ],
)
def test_given_times_come_before_those_of_the_file(tmp_path, given, expected):
    sightings = Sightings([person(2), person(3)], [3, 2], time_s=[1.75, 1.5], fps=99)
    (track,) = to_tracks(tmp_path, sightings, **given)
    np.testing.assert_allclose(track.time_s, expected)


def test_frame_rate_of_the_file_is_used_last(tmp_path):
    (track,) = to_tracks(tmp_path, Sightings([person(6)], [6], fps=60))
    np.testing.assert_allclose(track.time_s, [0.1])


def test_people_without_identity_are_tracked(tmp_path, walk):
    people = [
        Sighting(t, walk.keypoints[t, p], walk.scores[t, p])
        for t in range(len(walk.keypoints))
        for p in ((0, 1) if t % 2 else (1, 0))
    ]
    tracks = to_tracks(tmp_path, Sightings(people, range(len(walk.keypoints))), fps=30)
    assert len(tracks) == 2
    places = sorted(float(np.nanmean(track.keypoints[0, :, 0])) for track in tracks)
    np.testing.assert_allclose(places, np.sort(np.nanmean(walk.keypoints[0, :, :, 0], axis=1)), rtol=1e-5)


@pytest.mark.parametrize(
    ("sightings", "given", "error", "message"),
    [
        (Sightings([person(0)], [0]), {}, FileFormatError, r"no times; give the frame rate"),
        (Sightings([person(0)], [0], fps=0), {}, FileFormatError, "its frame rate is 0"),
        (Sightings([person(0)], [0]), {"fps": 0}, ValueError, "fps: expected"),
        (Sightings([person(0)], [0]), {"fps": float("nan")}, ValueError, "fps: expected"),
        (Sightings([person(2)], [2]), {"times": [0, 1]}, ValueError, "one a frame up to frame 2"),
        (Sightings([person(0), person(0)], [0]), {"fps": 9}, FileFormatError, "person 1 is twice in frame 0"),
        (
            Sightings([person(10**30)], [10**30]),
            {"fps": 9},
            FileFormatError,
            r"from 0 to 9\d+, found 10{30} to",
        ),
        (Sightings([person(0)], [0, 1, 1]), {"fps": 9}, FileFormatError, "frame 1 is in it twice"),
        (Sightings([person(0)], [0, 1], time_s=[1, 1]), {}, FileFormatError, "do not rise"),
    ],
)
def test_bad_times_and_doubles_are_refused(tmp_path, sightings, given, error, message):
    with pytest.raises(error, match=message):
        to_tracks(tmp_path / "k.json", sightings, **given)


@pytest.mark.parametrize(
    "spelling", ["{side}_{part}", "{S}{Part}", "{Part}{S}", "{side}{Part}", "{s}_{part}", "{Side} {Part}", "{s}{part}"]
)
def test_joint_names_are_recognised_however_they_are_spelled(tmp_path, spelling):
    names = ["Nose"]
    for joint in COCO17.joints[1:]:
        side, part = joint.split("_")
        words = {"side": side, "s": side[0], "S": side[0].upper(), "Side": side.title()}
        names.append(spelling.format(**words, part=part, Part=part.title()))
    order = order_by_name(KeypointSource(tmp_path), names[::-1], None)
    np.testing.assert_array_equal(order, np.arange(17)[::-1])


def test_joint_map_names_what_is_not_recognised(tmp_path):
    order = order_by_name(KeypointSource(tmp_path), ["snout", "tail", "wristL"], {"snout": "nose"})
    assert order[COCO17.index("nose")] == 0
    assert order[COCO17.index("left_wrist")] == 2
    assert (order >= 0).sum() == 2


@pytest.mark.parametrize(
    ("names", "joint_map", "error", "message"),
    [
        (
            ["snout", "tail"],
            None,
            FileFormatError,
            "no joint for left_shoulder, .*has: snout, tail.*joint_map",
        ),
        ([], None, FileFormatError, "no joint for"),
        (["snout"], {"nase": "nose"}, ValueError, "the file has no joint 'nase'"),
        (["snout"], {"snout": "nase"}, ValueError, "'nase' is no COCO-17 joint"),
        (["l_hip", "hipL"], None, FileFormatError, "several joints mean left_hip: l_hip, hipL"),
    ],
)
def test_unknown_joints_are_listed(tmp_path, names, joint_map, error, message):
    with pytest.raises(error, match=message):
        order_by_name(KeypointSource(tmp_path), names, joint_map)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"", "the file is empty"),
        ("a.json", b"hello", "line 1, column 1: no complete JSON"),
        ("a.json", b'[{"frame_id": 0, "instances": [', "line 1, column 32: no complete JSON"),
        ("a.json", b"\xff\xfe\x00", "expected UTF-8 text"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.json", b"9" * 5000, "no JSON of keypoints"),
        ("a.json", b"[]", "no known format"),
        ("a.json", b"3", "no known format"),
        ("a.json", b'{"hello": 1}', "no known format of keypoints. Known are mmpose: "),
        ("a.csv", b"\n", "no known format"),
        ("a.csv", b"\xef\xbb\xbf", "the file is empty"),
        ("a.csv", b"a" * 200_000, "no CSV of keypoints"),
        ("a.csv", b"a,b\n1,2\n", "no known format"),
        ("a.csv", b"\x89\xff\x00", "expected UTF-8 text"),
        ("a.txt", b"hello", "no known format"),
        ("a.h5", b"hello", "no known format"),
    ],
)
def test_file_of_no_known_format_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=message) as caught:
        import_keypoints(path, fps=30)
    assert str(path) in str(caught.value)


def test_missing_file_and_strange_folder_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="no such file or folder"):
        import_keypoints(tmp_path / "nothing.json")
    with pytest.raises(FileFormatError, match="no known format"):
        import_keypoints(tmp_path)


def test_wrong_settings_are_refused(write_json):
    path = write_json([])
    with pytest.raises(ValueError, match="format: unknown 'vicon'; known: auto, mmpose"):
        import_keypoints(path, format="vicon")
    with pytest.raises(ValueError, match="fps or times, not both"):
        import_keypoints(path, fps=30, times=[0])
    with pytest.raises(ValueError, match="size: expected"):
        import_keypoints(path, size=(0, 10))


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.name)
@pytest.mark.parametrize("content", ["[]", "{}", "3", '"text"', "[1, 2]", "[[1]]", '[{"a": 1}]', "null", '{"a": [1]}'])
def test_no_format_fails_otherwise_than_with_its_error_on_odd_json(tmp_path, format_, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    assert format_.detects(KeypointSource(path)) is False
    with pytest.raises(FileFormatError):
        to_tracks(path, format_.read(KeypointSource(path), ImportOptions()))


POINTS = [[float(i), float(i)] for i in range(17)]
SOUND = {
    "mmpose": {
        "meta_info": {"keypoint_id2name": {str(i): joint for i, joint in enumerate(COCO17.joints)}},
        "instance_info": [
            {
                "frame_id": 1,
                "instances": [
                    {"keypoints": POINTS, "keypoint_scores": [1.0] * 17, "bbox": [[0, 0, 9, 9]], "bbox_score": 1.0}
                ],
            }
        ],
    },
    "coco": {
        "images": [{"id": 7, "file_name": "a.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "keypoints": [5] * 51, "bbox": [0, 0, 9, 9], "track_id": 0}
        ],
        "categories": [{"id": 1, "keypoints": list(COCO17.joints)}],
    },
    "coco results": [{"image_id": 7, "category_id": 1, "keypoints": [5] * 51, "score": 1.0, "bbox": [0, 0, 9, 9]}],
    "openpose": {"version": 1.3, "people": [{"person_id": [0], "pose_keypoints_2d": [5] * 75}]},
    "mediapipe": {
        "fps": 30,
        "width": 9,
        "height": 9,
        "frames": [{"frame": 0, "time_s": 0.5, "pose_landmarks": [[{"x": 0.5, "y": 0.5, "visibility": 1.0}] * 33]}],
    },
}


def damaged(value):
    """Every JSON that has one value replaced by an odd one or taken away (of long lists, in the first place)."""
    yield from (None, "x", -1, True, 1e400, 10**400, [], {}, [[1, [2]]], {"x": "y"})
    if isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
            yield from ({**value, key: other} for other in damaged(value[key]))
    elif isinstance(value, list) and value:
        yield value[1:]
        yield from ([other, *value[1:]] for other in damaged(value[0]))


@pytest.mark.parametrize("name", SOUND)
def test_damaged_json_is_read_or_refused_with_the_file_named(write_json, name):
    assert len(import_keypoints(write_json(SOUND[name]), fps=30)) == 1
    refused = 0
    for content in damaged(SOUND[name]):
        path = write_json(content)
        try:
            import_keypoints(path, fps=30, format=name.split()[0])
        except FileFormatError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 20


def test_importing_the_readers_is_light():
    heavy = "{'h5py', 'pandas', 'scipy', 'torch', 'cv2', 'mediapipe', 'mmpose'}"
    code = f"import sys, poseflow.formats.importer; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
