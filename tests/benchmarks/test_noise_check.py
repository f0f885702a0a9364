from __future__ import annotations

import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from poseflow_benchmarks.labelled_photos import LabelledPerson, match_people, read_photos
from poseflow_benchmarks.noise_check import classify, pixels_per_unit, run_noise_check
from poseflow_benchmarks.stereo_noise import Camera, fundamental_matrix, line_distances, read_qualisys
from scipy.spatial.transform import Rotation

from poseflow.detect.protocol import DetectorInfo, ModelFile
from poseflow.records import FramePoses
from vvipe.errors import FileFormatError, NothingToScoreError
from vvipe.skeleton import COCO13, COCO17, conversion_indices

PERSON = np.array(
    [
        *((100, 50), (120, 80), (80, 80), (130, 120), (70, 120), (135, 160), (65, 160)),
        *((112, 170), (88, 170), (114, 240), (86, 240), (115, 310), (85, 310)),
    ],
    float,
)
LEFT_WRIST, RIGHT_WRIST = COCO13.indices("left_wrist", "right_wrist")
AREA = 20_000.0


def person(**changes) -> LabelledPerson:
    return LabelledPerson(**({"photo": "x.jpg", "keypoints": PERSON, "area": AREA} | changes))


def test_each_kind_of_error_is_told_by_where_the_joint_lies():
    neighbour = PERSON + (300, 0)
    points = PERSON.copy()
    sd = 0.062 * math.sqrt(AREA)  # the wrist's: KS = exp(-d^2 / (8 sd^2))
    points[LEFT_WRIST] += (2 * sd * math.sqrt(-2 * math.log(0.7)), 0)
    assert classify(person(), points)[0][LEFT_WRIST] == "jitter"
    assert classify(person(), points)[1][LEFT_WRIST] == pytest.approx(0.7)
    points[LEFT_WRIST] = PERSON[RIGHT_WRIST] + (1, 1)
    assert classify(person(), points)[0][LEFT_WRIST] == "inversion"
    points[LEFT_WRIST] = neighbour[LEFT_WRIST]
    assert classify(person(others=(neighbour,)), points)[0][LEFT_WRIST] == "swap"
    assert classify(person(), points)[0][LEFT_WRIST] == "miss"
    points[LEFT_WRIST] = np.nan
    assert classify(person(), points)[0][LEFT_WRIST] == "missing"
    assert (np.delete(classify(person(), points)[0], LEFT_WRIST) == "good").all()


def test_joints_without_a_label_are_not_counted():
    truth = PERSON.copy()
    truth[LEFT_WRIST] = np.nan
    assert classify(person(keypoints=truth), PERSON)[0][LEFT_WRIST] == ""


def test_unit_is_twice_the_longest_distance_of_shoulders_and_hips():
    assert pixels_per_unit(person()) == pytest.approx(2 * math.hypot(32, 90))


class Fixed:
    """A detector that sees one person at a fixed place in every picture."""

    info = DetectorInfo("fixed", (ModelFile("none", "0" * 64),), "cpu")
    skeleton = COCO17

    def predict(self, frames):
        keypoints = np.zeros((1, 17, 2), np.float32)
        keypoints[0, conversion_indices("coco17", "coco13")] = PERSON + 1
        for frame in frames:
            yield FramePoses(
                frame.index,
                frame.time_s,
                keypoints=keypoints,
                scores=np.full((1, 17), 0.9, np.float32),
                boxes=np.array([[60, 40, 140, 320]], np.float32),
                box_scores=np.ones(1, np.float32),
            )


@pytest.fixture
def photos(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((400, 600, 3), np.uint8))
    joints = np.zeros((17, 3))
    joints[conversion_indices("coco17", "coco13")] = np.concatenate([PERSON, np.full((13, 1), 2)], 1)
    far = joints + (400, 0, 0)
    people = [
        {"image_id": 1, "num_keypoints": 13, "area": AREA, "iscrowd": 0, "keypoints": j.flatten().tolist()}
        for j in (joints, far)
    ]
    unlabelled = {"image_id": 1, "num_keypoints": 0, "area": 5.0, "iscrowd": 0, "keypoints": [0] * 51}
    content = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [*people, unlabelled]}
    (tmp_path / "labels.json").write_text(json.dumps(content))
    return tmp_path


def test_people_are_read_with_those_beside_them(photos):
    first, second = read_photos(photos)
    np.testing.assert_array_equal(first.keypoints, PERSON)
    np.testing.assert_array_equal(first.others[0], second.keypoints)


def test_a_person_who_is_not_found_is_left_out(photos):
    ((found, keypoints, scores),) = match_people(read_photos(photos), Fixed())
    np.testing.assert_array_equal(found.keypoints, PERSON)
    np.testing.assert_allclose(keypoints, PERSON + 1)
    assert scores.shape == (13,)


def test_report_sets_the_detector_beside_both_noises(photos):
    report = run_noise_check(get_detector=Fixed, photos=photos)
    detector, plain, model = report.rows
    assert (detector.people, detector.joints, detector.good) == (1, 13, 1.0)
    assert detector.median == pytest.approx(math.sqrt(2) / pixels_per_unit(person()), abs=1e-6)
    assert (plain.source, model.source) == ("D0", "D1")
    assert plain.good > model.good
    assert math.isnan(plain.rank_correlation)
    assert json.loads(json.dumps(report.to_json(), allow_nan=False))["rows"][1]["rank_correlation"] is None
    assert "| D1 | 2 | 26 |" in report.to_markdown()


def test_a_detector_that_finds_nobody_is_told(photos):
    class Blind(Fixed):
        def predict(self, frames):
            for poses in super().predict(frames):
                yield replace(poses, keypoints=poses.keypoints + 1000)

    with pytest.raises(NothingToScoreError, match="none of the 2"):
        run_noise_check(get_detector=Blind, photos=photos)


def test_stereo_needs_both_clips_and_the_calibration(photos):
    with pytest.raises(ValueError, match="all three"):
        run_noise_check(get_detector=Fixed, photos=photos, ref="a.mp4")


@pytest.mark.parametrize("text", [None, "{", '{"images": []}'])
def test_a_wrong_annotation_file_is_named(tmp_path, text):
    if text is not None:
        (tmp_path / "labels.json").write_text(text)
    with pytest.raises(FileFormatError, match="json"):
        read_photos(tmp_path)


def test_a_missing_photograph_is_named(photos):
    (photos / "a.png").unlink()
    with pytest.raises(FileFormatError, match="a.png"):
        read_photos(photos)


def camera(seed: int) -> Camera:
    rotation = Rotation.from_euler("xyz", [0.1 * seed, 0.4 * seed, 0.05], degrees=False).as_matrix()
    return Camera(np.array([[900.0, 0, 500], [0, 950, 400], [0, 0, 1]]), rotation, np.array([0.3 * seed, 0.1, 4.0]))


def seen(by: Camera, points: np.ndarray) -> np.ndarray:
    projected = (points @ by.rotation.T + by.translation) @ by.intrinsics.T
    return projected[:, :2] / projected[:, 2:]


def test_exact_pairs_lie_on_their_lines_and_noise_across_the_line_is_its_distance():
    points = np.random.default_rng(0).normal(size=(50, 3))
    first, second = camera(0), camera(1)
    fundamental = fundamental_matrix(first, second)
    a, b = seen(first, points), seen(second, points)
    np.testing.assert_allclose(line_distances(fundamental, a, b), 0, atol=1e-8)
    lines = np.concatenate([a, np.ones((50, 1))], 1) @ fundamental.T
    across = lines[:, :2] / np.linalg.norm(lines[:, :2], axis=1, keepdims=True)
    np.testing.assert_allclose(line_distances(fundamental, a, b + 3 * across), 3)


def test_a_file_that_is_no_calibration_is_named(tmp_path):
    path = tmp_path / "rig.xml"
    path.write_text("<calibration><camera/></calibration>")
    with pytest.raises(FileFormatError, match="rig.xml"):
        read_qualisys(path)


@pytest.mark.real_data
def test_real_calibration_puts_both_cameras_on_the_scene(real_file):
    cameras = read_qualisys(real_file("data/video/pose2sim_Calib.qca.txt"))
    for one in cameras[:2]:
        np.testing.assert_allclose(one.rotation @ one.rotation.T, np.eye(3), atol=1e-6)
        assert np.linalg.det(one.rotation) == pytest.approx(1)
        depth = one.translation[2]
        assert 1 < depth < 20  # the rig's origin lies before both, some metres away
