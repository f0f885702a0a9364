from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from poseflow.errors import FileFormatError
from poseflow.formats import import_keypoints
from vvipe.skeleton import COCO17

CATEGORY = {"id": 1, "name": "person", "keypoints": list(COCO17.joints), "skeleton": []}


def flat(walk, frame: int, person: int, *, last: float | None = None) -> list[float]:
    scores = walk.scores[frame, person]
    third = scores if last is None else np.where(scores > 0, last, 0)
    return np.column_stack([np.nan_to_num(walk.keypoints[frame, person]), third]).ravel().tolist()


def dataset(walk, **extra) -> dict:
    images = [{"id": 100 + t, "file_name": f"clip_{t:05d}.jpg", "width": 640, "height": 480} for t in range(12)]
    annotations = []
    for t in range(12):
        for p in range(walk.keypoints.shape[1]):
            seen = walk.keypoints[t, p][walk.scores[t, p] > 0]
            x, y = seen.min(0)
            w, h = seen.max(0) - seen.min(0)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": 100 + t,
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": w * h,
                    "bbox": [x, y, w, h],
                    "num_keypoints": len(seen),
                    "keypoints": flat(walk, t, p, last=2),
                    **{key: values[p] for key, values in extra.items()},
                }
            )
    return {"images": images, "annotations": annotations, "categories": [CATEGORY]}


def test_annotations_with_track_ids_come_back(write_json, walk):
    path = write_json(dataset(walk, track_id=[0, 1]))
    tracks = import_keypoints(path, fps=30)
    walk.without_scores().check(tracks)
    # pycocotools reads the same file.
    first = COCO(str(path)).loadAnns([1])[0]
    np.testing.assert_allclose(tracks[0].boxes[0, 2:] - tracks[0].boxes[0, :2], first["bbox"][2:], rtol=1e-5)
    np.testing.assert_allclose(tracks[0].keypoints[0], np.reshape(first["keypoints"], (17, 3))[:, :2], rtol=1e-6)


def test_annotations_without_ids_are_tracked(write_json, walk):
    walk.without_scores().check(import_keypoints(write_json(dataset(walk)), fps=30))


def test_results_that_pycocotools_accepts_come_back(write_json, walk):
    truth = COCO(str(write_json(dataset(walk), "truth.json")))
    results = [
        {"image_id": 100 + t, "category_id": 1, "keypoints": flat(walk, t, p), "score": 0.5}
        for t in range(12)
        for p in range(2)
    ]
    path = write_json(results, "results.json")
    read_back = truth.loadRes(str(path))
    tracks = import_keypoints(path, fps=30)
    for t in range(12):
        theirs = [np.reshape(ann["keypoints"], (17, 3)) for ann in read_back.imgToAnns[100 + t]]
        ours = [np.column_stack([np.nan_to_num(track.keypoints[t]), track.scores[t]]) for track in tracks]
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert tracks[0].index[0] == 100
    assert tracks[0].box_scores[0] == 0.5


def test_alphapose_results_keep_names_and_ids(write_json, walk):
    results = [
        {"image_id": f"{t}.jpg", "category_id": 1, "keypoints": flat(walk, t, p), "score": 2.9, "idx": p}
        for t in range(12)
        for p in range(2)
    ]
    tracks = import_keypoints(write_json(results), fps=30)
    walk.check(tracks)
    assert tracks[0].box_scores[0] == 1


def test_frame_ids_of_images_come_first(write_json, lone_walk):
    content = dataset(lone_walk, track_id=[0])
    for t, image in enumerate(content["images"]):
        image["frame_id"] = 5 * t
    (track,) = import_keypoints(write_json(content), fps=30)
    np.testing.assert_array_equal(track.index, np.arange(12) * 5)


def test_images_without_numbers_are_counted(write_json, lone_walk):
    content = dataset(lone_walk, track_id=[0])
    for image in content["images"]:
        image["file_name"] = "same.jpg"
    lone_walk.without_scores().check(import_keypoints(write_json(content), fps=30))


def test_category_in_another_order_is_matched_by_name(write_json, lone_walk):
    content = dataset(lone_walk, track_id=[0])
    content["categories"] = [{**CATEGORY, "keypoints": list(COCO17.joints[::-1])}]
    for annotation in content["annotations"]:
        annotation["keypoints"] = np.reshape(annotation["keypoints"], (17, 3))[::-1].ravel().tolist()
    lone_walk.without_scores().check(import_keypoints(write_json(content), fps=30))


def test_categories_that_do_not_occur_may_be_of_other_things(write_json, lone_walk):
    content = dataset(lone_walk, track_id=[0])
    content["categories"].append({"id": 9, "name": "chair", "keypoints": ["seat", "back"]})
    lone_walk.without_scores().check(import_keypoints(write_json(content), fps=30))


def test_crowds_and_people_without_keypoints_are_left_out(write_json, lone_walk):
    content = dataset(lone_walk, track_id=[0])
    crowd = {"id": 90, "image_id": 100, "category_id": 1, "iscrowd": 1, "keypoints": [0] * 51, "num_keypoints": 0}
    content["annotations"] += [{**crowd, "track_id": 7}, {"id": 91, "image_id": 100, "category_id": 1, "track_id": 8}]
    assert len(import_keypoints(write_json(content), fps=30)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": None}, "images: expected a list of objects, found None"),
        ({"images": [{"id": 1}, {"id": 1}]}, "each with its own id"),
        ({"images": []}, "annotation 1: image_id 100 is not among the images"),
        ({"categories": [{"id": 1, "keypoints": ["nose"]}]}, "no joint for left_shoulder"),
        ({"categories": [{"id": 1, "keypoints": [*COCO17.joints, "tail"]}]}, "names 18 joints, it has 17"),
        ({"categories": []}, None),
        ({"annotations": {}}, "annotations: expected a list"),
    ],
)
def test_damaged_annotations_are_named(write_json, lone_walk, change, message):
    path = write_json({**dataset(lone_walk), **change})
    if message is None:  # without names: COCO-17
        assert len(import_keypoints(path, fps=30)) == 1
        return
    with pytest.raises(FileFormatError, match=message):
        import_keypoints(path, fps=30)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": [1, 2]}, "three numbers a joint in one list, found 2"),
        ({"keypoints": [1.0] * 42}, "14 joints without names"),
        ({"keypoints": "none"}, "expected numbers, found 'none'"),
        ({"keypoints": [[1, 2, 3]] * 17}, r"shape \(any\), found shape \(17, 3\)"),
        ({"image_id": "a.jpg"}, "image_id: expected a whole number"),
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({"score": "high"}, "score: expected a number"),
    ],
)
def test_damaged_results_are_named(write_json, change, message):
    with pytest.raises(FileFormatError, match=f"result 0.*{message}|{message}"):
        import_keypoints(write_json([{"image_id": 0, "keypoints": [1.0] * 51, "score": 1, **change}]), fps=30)


@pytest.mark.real_data
def test_real_annotations_agree_with_pycocotools(real_file, write_json):
    path = real_file("data/video/coco/test_coco.json")
    theirs, content = COCO(str(path)), json.loads(path.read_text())
    checked = 0
    for image in content["images"]:
        annotations = theirs.loadAnns(theirs.getAnnIds(imgIds=[image["id"]], iscrowd=False))
        annotations = [annotation for annotation in annotations if annotation["num_keypoints"]]
        # One photograph is one clip.
        tracks = import_keypoints(write_json({**content, "images": [image], "annotations": annotations}), fps=25)
        assert len(tracks) == len(annotations)
        for annotation in annotations:
            points = np.reshape(annotation["keypoints"], (17, 3)).astype(float)
            x, y, w, h = annotation["bbox"]
            (track,) = [t for t in tracks if np.allclose(t.boxes[0], [x, y, x + w, y + h], atol=0.01)]
            np.testing.assert_array_equal(track.scores[0], points[:, 2] > 0)
            np.testing.assert_allclose(np.nan_to_num(track.keypoints[0]), points[:, :2], atol=1e-3)
            checked += 1
    assert checked == 12
