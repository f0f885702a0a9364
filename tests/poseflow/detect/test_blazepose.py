from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from poseflow.detect import blazepose
from poseflow.detect.blazepose import BlazePosePredictor
from poseflow.detect.protocol import PosePredictor
from poseflow.errors import PackageError
from poseflow.records import Frame, FramePoses
from vvipe.skeleton import COCO17

RealFile = Callable[[str], Path]
COCO_SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000


@pytest.fixture(scope="module")
def predictor() -> BlazePosePredictor:
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    return BlazePosePredictor()


def clip_frames(path: Path, *, n_frames: int | None = None) -> Iterator[Frame]:
    with av.open(str(path)) as container:
        for index, picture in enumerate(container.decode(video=0)):
            if index == n_frames:
                return
            yield Frame(index, float(picture.time), picture.to_ndarray(format="bgr24"))


def photo_frame(path: Path) -> Frame:
    return Frame(0, 0.0, cv2.imread(str(path)))


def blank_frames(n_frames: int) -> Iterator[Frame]:
    for index in range(n_frames):
        yield Frame(index, index / 30, np.full((120, 160, 3), 127, np.uint8))


def assert_same(first: list[FramePoses], second: list[FramePoses]) -> None:
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)
        np.testing.assert_array_equal(a.scores, b.scores)


def test_it_is_a_pose_predictor_of_coco17(predictor: PosePredictor):
    assert predictor.skeleton is COCO17


def test_info_names_both_model_files_with_their_hashes(predictor: BlazePosePredictor):
    import mediapipe

    folder = Path(mediapipe.__file__).parent / "modules"
    hashes = [
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("pose_detection/pose_detection.tflite", "pose_landmark/pose_landmark_full.tflite")
    ]
    assert predictor.info.signature == "blazepose:pose_detection+pose_landmark_full"
    assert [model.sha256 for model in predictor.info.models] == hashes


def test_no_frames_give_no_results(predictor: BlazePosePredictor):
    assert list(predictor.predict([])) == []


def test_blank_pictures_hold_nobody_and_keep_their_times(predictor: BlazePosePredictor):
    results = list(predictor.predict(blank_frames(3)))
    assert [(r.index, r.time_s) for r in results] == [(0, 0.0), (1, 1 / 30), (2, 2 / 30)]
    assert all(r.keypoints.shape == (0, 17, 2) and r.boxes.shape == (0, 4) for r in results)


def test_no_frame_is_read_ahead(predictor: BlazePosePredictor):
    frames = blank_frames(10)
    next(predictor.predict(frames))
    assert next(frames).index == 1


def test_graph_is_closed_when_the_caller_stops_early(predictor: BlazePosePredictor, monkeypatch: pytest.MonkeyPatch):
    opened = []
    open_graph = predictor._open_graph
    monkeypatch.setattr(predictor, "_open_graph", lambda: opened.append(open_graph()) or opened[-1])
    results = predictor.predict(blank_frames(10))
    next(results)
    assert opened[0]._graph is not None
    results.close()
    assert opened[0]._graph is None


def test_min_score_outside_0_1_is_refused():
    with pytest.raises(ValueError, match=r"min_score.*1\.5"):
        BlazePosePredictor(min_score=1.5)


def without_module(module: str, program: str) -> str:
    """Standard output of a fresh Python in which importing `module` fails."""
    program = f"import sys; sys.modules[{module!r}] = None\nfrom poseflow.detect import blazepose\n{program}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


REPORT = """
try:
    blazepose.BlazePosePredictor()
except blazepose.PackageError as error:
    print(error)
"""


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="mediapipe 0.10.21 has no wheel for this Python")
def test_missing_mediapipe_names_the_command_that_installs_it():
    message = without_module("mediapipe", REPORT)
    assert f'"{sys.executable}" -m pip install --no-deps mediapipe==0.10.21' in message


def test_python_without_a_wheel_is_told_about_mmpose():
    later_python = "blazepose._PYTHON = (3, 13)"
    message = without_module("mediapipe", later_python + REPORT)
    assert "wheels up to Python 3.12" in message
    assert "this is Python 3.13" in message
    assert "--detector mmpose" in message


def test_missing_dependency_of_mediapipe_is_named(predictor: BlazePosePredictor):
    message = without_module("attr", REPORT)
    assert "mediapipe needs the package 'attr'" in message
    assert "pip install attrs absl-py" in message


def test_missing_library_of_the_system_is_named():
    error = ImportError("libGL.so.1: cannot open shared object file")
    message = blazepose._how_to_install(error)
    assert "libGL.so.1" in message and "None" not in message


def test_mediapipe_that_is_there_but_does_not_load_is_not_called_missing(predictor: BlazePosePredictor):
    error = ImportError("DLL load failed", name="mediapipe.python._framework_bindings")
    message = blazepose._how_to_install(error)
    assert "does not load (DLL load failed)" in message and "not installed" not in message
    assert "--force-reinstall mediapipe==0.10.21" in message


def test_wheel_without_models_is_told_apart(predictor: BlazePosePredictor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blazepose, "_MODELS", ("modules/pose_detection/elsewhere.tflite",))
    with pytest.raises(PackageError, match=r"carries no model elsewhere\.tflite.*--force-reinstall"):
        BlazePosePredictor()


@pytest.mark.real_data
def test_a_fresh_process_writes_nothing_to_stderr(predictor: BlazePosePredictor, real_file: RealFile):
    photo = real_file("data/video/coco/000000000785.jpg")
    program = (
        "import cv2, sys\n"
        "from poseflow.records import Frame\nfrom poseflow.detect.blazepose import BlazePosePredictor\n"
        "result, = BlazePosePredictor().predict([Frame(0, 0.0, cv2.imread(sys.argv[1]))]); print(len(result.boxes))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(photo)], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("1", "")


@pytest.mark.real_data
@pytest.mark.parametrize("camera", ["cam01", "cam02"])
def test_person_is_found_in_real_footage(predictor: BlazePosePredictor, real_file: RealFile, camera: str):
    results = list(predictor.predict(clip_frames(real_file(f"data/video/pose2sim_{camera}.mp4"))))
    assert len(results) == 100
    assert sum(len(r.boxes) == 1 for r in results) >= 95
    shoulders_to_hips_px = [
        np.linalg.norm(r.keypoints[0, 5:7].mean(0) - r.keypoints[0, 11:13].mean(0)) for r in results
    ]
    assert 200 < np.min(shoulders_to_hips_px) <= np.max(shoulders_to_hips_px) < 350  # 260 - 290 px on the picture


@pytest.mark.real_data
def test_a_clip_gives_the_same_result_after_another_clip(predictor: BlazePosePredictor, real_file: RealFile):
    path = real_file("data/video/pose2sim_cam01.mp4")
    first = list(predictor.predict(clip_frames(path, n_frames=15)))
    list(predictor.predict(clip_frames(real_file("data/video/sports2d_demo.mp4"), n_frames=10)))
    assert_same(first, list(predictor.predict(clip_frames(path, n_frames=15))))


def object_keypoint_similarity(keypoints: np.ndarray, annotation: dict) -> float:
    """OKS by the COCO formula."""
    truth = np.reshape(annotation["keypoints"], (17, 3))
    labelled = truth[:, 2] > 0
    square = ((keypoints - truth[:, :2]) ** 2).sum(-1)
    similarity = np.exp(-square / (2 * annotation["area"] * (2 * COCO_SIGMAS) ** 2))
    return float(np.where(np.isfinite(similarity), similarity, 0)[labelled].mean())


@pytest.mark.real_data
@pytest.mark.parametrize(("photo", "least"), [("000000000785", 0.85), ("000000196141", 0.8)])
def test_keypoints_lie_on_an_annotated_person(
    predictor: BlazePosePredictor, real_file: RealFile, photo: str, least: float
):
    annotations = json.loads(real_file("data/video/coco/test_coco.json").read_text())["annotations"]
    people = [a for a in annotations if a["image_id"] == int(photo) and a["num_keypoints"] > 0]
    (result,) = predictor.predict([photo_frame(real_file(f"data/video/coco/{photo}.jpg"))])
    assert max(object_keypoint_similarity(result.keypoints[0], person) for person in people) > least


@pytest.mark.real_data
def test_joints_outside_the_picture_are_not_seen(predictor: BlazePosePredictor, real_file: RealFile):
    (frame,) = clip_frames(real_file("data/video/pose2sim_cam01.mp4"), n_frames=1)
    knee_row = 900  # knees of the first picture lie at about row 920, feet at 1100
    (result,) = predictor.predict([Frame(0, 0.0, np.ascontiguousarray(frame.image[:knee_row]))])
    ankles = list(COCO17.indices("left_ankle", "right_ankle"))
    assert np.isnan(result.keypoints[0, ankles]).all()
    assert (result.scores[0, ankles] == 0).all()
    assert np.isfinite(result.keypoints[0, :13]).all()
    assert result.boxes[0, 3] <= knee_row


@pytest.mark.real_data
def test_joints_below_min_score_are_nan_and_the_others_unchanged(predictor: BlazePosePredictor, real_file: RealFile):
    path = real_file("data/video/sports2d_demo.mp4")
    everything = [r for r in predictor.predict(clip_frames(path, n_frames=20)) if len(r.boxes)]
    strict = [r for r in BlazePosePredictor(min_score=0.6).predict(clip_frames(path, n_frames=20)) if len(r.boxes)]
    scores = np.concatenate([r.scores for r in everything])
    assert (scores < 0.6).any()
    expected = np.where((scores >= 0.6)[..., None], np.concatenate([r.keypoints for r in everything]), np.nan)
    np.testing.assert_array_equal(np.concatenate([r.keypoints for r in strict]), expected)
