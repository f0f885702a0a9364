from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from poseflow.errors import FileFormatError
from poseflow.formats import import_keypoints
from poseflow.formats.openpose import BODY_25, COCO_18
from vvipe.skeleton import COCO17

# The numbers that OpenPose's documentation gives to the joints of its two models.
DOCUMENTED = {
    25: {"nose": 0, "right_shoulder": 2, "right_elbow": 3, "right_wrist": 4, "left_shoulder": 5, "left_elbow": 6,
         "left_wrist": 7, "right_hip": 9, "right_knee": 10, "right_ankle": 11, "left_hip": 12, "left_knee": 13,
         "left_ankle": 14, "right_eye": 15, "left_eye": 16, "right_ear": 17, "left_ear": 18},
    18: {"nose": 0, "right_shoulder": 2, "right_elbow": 3, "right_wrist": 4, "left_shoulder": 5, "left_elbow": 6,
         "left_wrist": 7, "right_hip": 8, "right_knee": 9, "right_ankle": 10, "left_hip": 11, "left_knee": 12,
         "left_ankle": 13, "right_eye": 14, "left_eye": 15, "right_ear": 16, "left_ear": 17},
}  # fmt: skip


def write_folder(folder: Path, walk, *, joints: int = 25, scale=(1, 1), key="pose_keypoints_2d", ids=None) -> Path:
    folder.mkdir(exist_ok=True)
    columns = [DOCUMENTED[joints][joint] for joint in COCO17.joints] if joints in DOCUMENTED else list(range(17))
    for t in range(len(walk.keypoints)):
        people = []
        for p in range(walk.keypoints.shape[1]):
            points = np.zeros((joints, 3))
            points[columns, :2] = np.nan_to_num(walk.keypoints[t, p] / scale)
            points[columns, 2] = walk.scores[t, p]
            people.append({"person_id": [-1 if ids is None else ids[p]], key: points.ravel().tolist()})
        name = f"clip_{t:012d}_keypoints.json"
        (folder / name).write_text(json.dumps({"version": 1.3, "people": people}))
    return folder


@pytest.mark.parametrize("joints", [25, 18, 17, 26, 133])
def test_folder_comes_back_for_every_model(tmp_path, walk, joints):
    walk.check(import_keypoints(write_folder(tmp_path / "out", walk, joints=joints), fps=30))


def test_orders_are_the_documented_ones():
    for count, order in ((25, BODY_25), (18, COCO_18)):
        assert len(order) == count
        assert {joint: order.index(joint) for joint in COCO17.joints} == DOCUMENTED[count]


def test_old_key_is_read(tmp_path, walk):
    walk.check(import_keypoints(write_folder(tmp_path / "out", walk, joints=18, key="pose_keypoints"), fps=30))


def test_person_ids_are_kept(tmp_path, walk):
    tracks = import_keypoints(write_folder(tmp_path / "out", walk, ids=[6, 1]), fps=30)
    assert [track.person_id for track in tracks] == [2, 7]


def test_fractions_need_the_size(tmp_path, walk):
    folder = write_folder(tmp_path / "out", walk, scale=(640, 480))
    walk.check(import_keypoints(folder, fps=30, size=(640, 480)))
    with pytest.raises(FileFormatError, match="fractions of the picture; give its size"):
        import_keypoints(folder, fps=30)


def test_one_file_is_one_frame(tmp_path, lone_walk):
    folder = write_folder(tmp_path / "out", lone_walk)
    (track,) = import_keypoints(folder / "clip_000000000007_keypoints.json", fps=10)
    assert (track.index.tolist(), track.time_s.tolist()) == ([7], [0.7])


def test_frame_with_nobody_is_a_gap(tmp_path, lone_walk):
    folder = write_folder(tmp_path / "out", lone_walk)
    (folder / "clip_000000000004_keypoints.json").write_text('{"version": 1.3, "people": []}')
    (track,) = import_keypoints(folder, fps=30)
    assert not track.is_seen[4]
    assert track.is_seen.sum() == 11


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"people": [{"pose_keypoints_2d": [1, 2]}]}', "x, y, confidence a joint, found 2 numbers"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}', "1 joints without names; known without names are 25"),
        ('{"people": [{}]}', "expected numbers"),
        ('{"people": 3}', "people: expected a list of objects"),
        ("[]", "expected OpenPose's object"),
        ('{"people": [', "no complete JSON"),
        ("", "the file is empty"),
    ],
)
def test_damaged_file_in_the_folder_is_named(tmp_path, lone_walk, content, message):
    folder = write_folder(tmp_path / "out", lone_walk)
    (folder / "clip_000000000004_keypoints.json").write_text(content)
    with pytest.raises(FileFormatError, match=f"clip_000000000004_keypoints.json.*{message}"):
        import_keypoints(folder, fps=30)


def test_two_clips_in_one_folder_are_refused(tmp_path, lone_walk):
    folder = write_folder(tmp_path / "out", lone_walk)
    (folder / "other_000000000004_keypoints.json").write_text('{"people": []}')
    with pytest.raises(FileFormatError, match="are both frame 4; put one clip in a folder"):
        import_keypoints(folder, fps=30)


def test_folder_without_frames_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match="expected OpenPose's files"):
        import_keypoints(tmp_path, format="openpose", fps=30)


def test_scale_from_minus_one_is_refused(tmp_path, lone_walk):
    folder = write_folder(tmp_path / "out", lone_walk, scale=(-640, 480))
    with pytest.raises(FileFormatError, match="keypoint_scale 4"):
        import_keypoints(folder, fps=30, size=(640, 480))
