import sys

import pytest

from poseflow.detect.factory import make_detector
from vvipe.errors import DeviceError, WeightsError


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEFLOW_WEIGHTS", "")
    monkeypatch.setenv("POSEFLOW_CACHE", str(tmp_path))
    monkeypatch.setenv("POSEFLOW_OFFLINE", "1")


@pytest.fixture
def needs_blazepose():
    pytest.importorskip("mediapipe", reason="BlazePose needs mediapipe", exc_type=ImportError)


def test_auto_without_weights_is_blazepose_and_says_why_in_one_line(no_weights, needs_blazepose, capsys):
    assert make_detector().info.name == "blazepose"
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1
    assert "BlazePose" in said.err and "rtmdet-nano" in said.err


def test_auto_without_the_package_is_blazepose(no_weights, needs_blazepose, capsys, monkeypatch):
    from poseflow.detect import openmmlab, weights

    monkeypatch.setattr(weights, "can_get", lambda name: True)
    openmmlab.prepare.cache_clear()
    monkeypatch.setitem(sys.modules, "mmpose.models", None)
    assert make_detector().info.name == "blazepose"
    assert "MMPose cannot run here" in capsys.readouterr().err


def test_settings_of_mmpose_make_its_errors_errors(no_weights):
    with pytest.raises(WeightsError, match="rtmpose-s"):
        make_detector("auto", pose_model="rtmpose-s")
    with pytest.raises(WeightsError, match=r"gone\.pth"):
        make_detector("auto", pose_checkpoint="gone.pth")


def test_mmpose_by_name_never_falls_back(no_weights):
    with pytest.raises(WeightsError, match="POSEFLOW_WEIGHTS"):
        make_detector("mmpose")


def test_another_device_never_falls_back(no_weights):
    with pytest.raises(DeviceError, match="cuda:77"):
        make_detector("auto", device="cuda:77")


def test_blazepose_takes_its_settings_and_only_the_cpu(needs_blazepose):
    assert make_detector("blazepose", min_score=0.5, device="cpu").info.name == "blazepose"
    with pytest.raises(ValueError, match="cpu only"):
        make_detector("blazepose", device="cuda")


@pytest.mark.parametrize("name", ["auto", "mmpose", "blazepose"])
def test_unknown_setting_is_refused(name):
    with pytest.raises(ValueError, match="no setting speed"):
        make_detector(name, speed=3)


def test_setting_of_the_other_detector_is_refused():
    with pytest.raises(ValueError, match="no setting pose_model"):
        make_detector("blazepose", pose_model="rtmpose-m")
    with pytest.raises(ValueError, match="no setting min_score"):
        make_detector("mmpose", min_score=0.5)


def test_unknown_detector_lists_the_known_ones():
    with pytest.raises(ValueError, match="auto, mmpose, blazepose"):
        make_detector("openpose")


@pytest.mark.real_data
def test_auto_with_checkpoints_is_mmpose(real_file):
    detector = make_detector(
        pose_model=str(real_file("weights/td-hm_litehrnet-wider-naive_pptinypose_coco-256x192.py")),
        pose_checkpoint=real_file("weights/pptinypose_256x192_mmpose-litehrnet-wider-naive.pth"),
        person_checkpoint=real_file("weights/rtmdet_nano_320_coco-person_hw140701_from-onnx.pth"),
    )
    assert detector.info.name == "mmpose"
