from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poseflow.errors import FileFormatError
from poseflow.formats import import_keypoints
from vvipe.skeleton import COCO17


def instances(walk, frame: int, people=(0, 1)) -> list[dict[str, Any]]:
    return [
        {
            "keypoints": np.nan_to_num(walk.keypoints[frame, p], nan=-1).tolist(),
            "keypoint_scores": walk.scores[frame, p].tolist(),
            "bbox": [[0.0, 0.0, 640.0, 480.0]],
            "bbox_score": 0.75,
        }
        for p in people
    ]


@pytest.fixture
def whole(walk):
    """MMPose places every joint, so none is missing."""
    walk.keypoints[3:5, 0, COCO17.index("left_wrist")] = 300, 200
    walk.scores[3:5, 0, COCO17.index("left_wrist")] = 0.1
    return walk


@pytest.mark.slow  # the first import of MMPose
def test_predictions_written_by_mmpose_itself_come_back(tmp_path, whole):
    """The structures that MMPose's inferencer dumps, made by MMPose's own functions."""
    from poseflow.detect.openmmlab import prepare

    prepare()
    mmengine = pytest.importorskip("mmengine")
    structures = pytest.importorskip("mmpose.structures", exc_type=ImportError)
    predictions = []
    for frame in range(len(whole.keypoints)):
        data = mmengine.structures.InstanceData(
            keypoints=whole.keypoints[frame],
            keypoint_scores=whole.scores[frame],
            bboxes=np.array([[0.0, 0, 640, 480]] * 2),
            bbox_scores=np.array([0.75, 0.75]),
        )
        predictions.append({"frame_id": frame, "instances": structures.split_instances(data)})
    path = tmp_path / "clip.json"
    mmengine.dump(predictions, str(path), indent="  ")
    tracks = import_keypoints(path, fps=30)
    whole.check(tracks)
    np.testing.assert_array_equal(tracks[0].boxes[0], [0, 0, 640, 480])
    assert tracks[0].box_scores[0] == 0.75


def test_demo_script_counts_frames_from_one_and_names_joints(write_json, whole):
    names = {str(i): name for i, name in enumerate(COCO17.joints[::-1])}
    backwards = type(whole)(whole.keypoints[:, :, ::-1], whole.scores[:, :, ::-1])
    frames = [{"frame_id": t + 1, "instances": instances(backwards, t)} for t in range(len(whole.keypoints))]
    path = write_json({"meta_info": {"keypoint_id2name": names}, "instance_info": frames})
    whole.check(import_keypoints(path, fps=30))


def test_picture_is_one_frame(write_json, whole):
    (track,) = import_keypoints(write_json(instances(whole, 0, people=[0])), fps=30)
    assert (track.person_id, track.index.tolist(), track.time_s.tolist()) == (1, [0], [0.0])
    np.testing.assert_allclose(track.keypoints[0], whole.keypoints[0, 0], rtol=1e-6)


def test_wholebody_starts_with_coco17(write_json, whole):
    (one,) = instances(whole, 0, people=[0])
    one["keypoints"] += [[0, 0]] * 116
    one["keypoint_scores"] += [0.5] * 116
    (track,) = import_keypoints(write_json([{"frame_id": 0, "instances": [one]}]), fps=30)
    np.testing.assert_allclose(track.keypoints[0], whole.keypoints[0, 0], rtol=1e-6)


def test_track_ids_are_kept(write_json, whole):
    frames = [
        {"frame_id": t, "instances": [{**i, "track_id": k} for i, k in zip(instances(whole, t), (4, 2), strict=True)]}
        for t in range(3)
    ]
    assert [track.person_id for track in import_keypoints(write_json(frames), fps=30)] == [3, 5]


def test_frames_with_nobody_count(write_json, whole):
    frames = [{"frame_id": t, "instances": instances(whole, t, [0]) if t != 2 else []} for t in range(12)]
    (track,) = import_keypoints(write_json(frames), fps=30)
    assert not track.is_seen[2]
    assert track.is_seen.sum() == 11


def test_clip_with_nobody_gives_no_track(write_json):
    assert import_keypoints(write_json([{"frame_id": 0, "instances": []}]), fps=30) == []


GOOD = {"keypoints": [[1, 2]] * 17, "keypoint_scores": [1] * 17}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"instances": [GOOD]}, "entry 0, frame_id: expected a whole number of at least 0, found None"),
        ({"frame_id": "x", "instances": []}, "found 'x'"),
        ({"frame_id": 0, "instances": 3}, "entry 0, instances: expected a list of objects, found 3"),
    ],
)
def test_damaged_frame_is_named(write_json, entry, message):
    with pytest.raises(FileFormatError, match=message):
        import_keypoints(write_json([entry]), fps=30)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": [[1, 2, 3]] * 17}, r"shape \(any, 2\), .*\(17, 3\)"),
        ({"keypoints": [[1, 2]] * 5, "keypoint_scores": [1] * 5}, "5 joints without names; known"),
        ({"keypoint_scores": [1] * 16}, r"keypoint_scores.*\(17\).*\(16,\)"),
        ({"keypoints": [[1, "a"]] * 17}, "expected numbers"),
        ({"keypoints": [[1, 2], [3]]}, "expected numbers"),
        ({"keypoints": None}, "expected numbers"),
        ({"bbox": [1, 2]}, "bbox"),
        ({"bbox_score": "high"}, "bbox_score: expected a number"),
        ({"track_id": 1.5}, "track_id: expected a whole number"),
    ],
)
def test_damaged_instance_is_named(write_json, change, message):
    with pytest.raises(FileFormatError, match=message):
        import_keypoints(write_json([{"frame_id": 0, "instances": [{**GOOD, **change}]}]), fps=30)


def test_joint_map_without_names_is_refused(write_json):
    with pytest.raises(ValueError, match="no joint names"):
        import_keypoints(write_json([GOOD]), fps=30, joint_map={"a": "nose"})
