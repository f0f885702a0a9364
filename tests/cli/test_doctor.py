"""`poseflow doctor`: what it finds here, and in installations that are broken on purpose."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from poseflow import doctor
from poseflow.doctor import Check, Diagnosis, format_diagnosis, nodeps_requirements
from poseflow.import_probe import ProbeResult, run_probes


@pytest.fixture(scope="module")
def report() -> dict:
    command = [sys.executable, "-m", "poseflow_cli", "doctor", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    content = json.loads(result.stdout)
    assert result.returncode == (0 if content["can_embed"] else 1)
    return content


@pytest.fixture(scope="module")
def checks(report) -> dict[str, dict]:
    return {check["name"]: check for check in report["checks"]}


@pytest.fixture
def installed_only(monkeypatch):
    """Lets the doctor see only the given distributions, and none of them tried in truth."""

    def install(versions: dict[str, str], broken: dict[str, str] | None = None) -> dict[str, Check]:
        errors = broken or {}
        monkeypatch.setattr(doctor, "_installed_versions", lambda: {"poseflow": "0.1.0", **versions})
        monkeypatch.setattr(
            doctor, "run_probes", lambda probes, on_start: {n: ProbeResult(error=errors.get(n)) for n in probes}
        )
        return {check.name: check for check in doctor.diagnose().checks}

    return install


@pytest.mark.parametrize("name", ["torch", "numpy", "opencv-python", "av", "mmengine", "mmpose", "mmdet"])
def test_package_that_is_installed_is_ok_at_its_version(checks, name):
    assert (checks[name]["status"], checks[name]["found"]) == ("ok", version(name))


def test_machine_of_the_tests_can_embed(report):
    assert report["can_embed"], [check for check in report["checks"] if check["status"] == "problem"]


def test_nothing_that_is_installed_here_is_called_broken(report):
    assert [check for check in report["checks"] if (check["problem"] or "").startswith("does not work")] == []


def test_device_and_codec_are_named(checks):
    assert "cpu" in checks["device"]["found"]
    assert "libx264" in checks["H.264 video"]["found"]


def test_absent_weights_are_a_note_that_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("POSEFLOW_WEIGHTS", str(tmp_path / "mine"))
    monkeypatch.setenv("POSEFLOW_CACHE", str(tmp_path / "cache"))
    result = run_probes({"mmpose weights": doctor.PARTS["mmpose weights"]})["mmpose weights"]
    assert result.error is not None and str(tmp_path / "mine") in result.error


def test_wanted_versions_without_dependencies_come_from_the_file_in_the_package():
    lines = (Path(doctor.__file__).parent / "requirements-nodeps.txt").read_text().splitlines()
    assert "mmpose==1.3.2" in lines
    assert "mmpose==1.3.2" in {str(requirement) for requirement in nodeps_requirements()}


def test_missing_package_is_a_problem_with_the_command_that_installs_it(installed_only):
    torch = installed_only({})["torch"]
    assert (torch.status, torch.problem) == ("problem", "not installed")
    assert torch.fix.startswith(sys.executable) and "-m pip install 'torch>=" in torch.fix


def test_missing_mmpose_is_installed_without_its_dependencies(installed_only):
    assert installed_only({})["mmpose"].fix.endswith("-m pip install --no-deps mmpose==1.3.2")


def test_other_version_than_the_wanted_one_is_a_problem(installed_only):
    check = installed_only({"mmpose": "1.1.0"})["mmpose"]
    assert (check.status, check.found, check.wanted) == ("problem", "1.1.0", "==1.3.2")


def test_package_that_does_not_import_is_reinstalled_alone(installed_only):
    check = installed_only({"scipy": "1.17.1"}, broken={"scipy": "ImportError: numpy.dtype size changed"})["scipy"]
    assert "numpy.dtype size changed" in check.problem
    assert "--force-reinstall --no-deps 'scipy" in check.fix


def test_compiled_mmcv_serves_for_mmcv_lite(installed_only):
    check = installed_only({"mmcv": "2.1.0"})["mmcv-lite"]
    assert (check.status, check.found) == ("ok", "mmcv 2.1.0")


def test_two_opencv_distributions_collide(installed_only):
    check = installed_only({"opencv-python": "5.0.0.93", "opencv-contrib-python": "4.11.0.86"})["cv2"]
    assert check.status == "problem"
    assert "uninstall -y opencv-python opencv-contrib-python && " in check.fix


def test_one_opencv_distribution_is_no_collision(installed_only):
    assert "cv2" not in installed_only({"opencv-python-headless": "5.0.0.93"})


def test_detectors_are_those_whose_packages_and_weights_work(monkeypatch):
    def detectors(*broken: str) -> tuple[str, ...]:
        fail = {name: ProbeResult(error="broken") for name in broken}
        monkeypatch.setattr(doctor, "run_probes", lambda probes, on_start: {n: ProbeResult() for n in probes} | fail)
        return doctor.diagnose().detectors

    assert "mmpose" in detectors()
    assert "mmpose" not in detectors("mmpose weights")
    assert "mmpose" not in detectors("mmdet")
    assert detectors("mediapipe", "mmpose weights") == ()


def test_text_shows_the_reason_and_the_command_below_a_problem():
    check = Check("package", "torch", "problem", "2.1", ">=2.6", "another version is wanted", "pip install torch")
    lines = format_diagnosis(Diagnosis((check,), (), can_embed=False)).splitlines()
    assert [line.strip() for line in lines[:3]] == [
        "!!  torch           2.1 (wanted: >=2.6)",
        "another version is wanted",
        "mend it: pip install torch",
    ]
    assert lines[-1] == "poseflow embed and match cannot run on this machine"


def test_probe_tells_values_and_errors_and_survives_a_dead_process():
    probes = {
        "fine": "print('noise'); result = 6 * 7",
        "raises": "raise RuntimeError('two\\nlines')",
        "leaves": "raise SystemExit(3)",
        "dies": "import os; os._exit(9)",
        "leaves in silence": "import os; os._exit(0)",
        "after": "result = 'reached'",
    }
    started = []
    results = run_probes(probes, on_start=started.append)
    assert results["fine"] == ProbeResult("42")
    assert results["raises"].error == "RuntimeError: two lines"
    assert results["leaves"].error == "SystemExit: 3"
    assert "exit status 9" in (results["dies"].error or "")
    assert "exit status 0" in (results["leaves in silence"].error or "")
    assert results["after"] == ProbeResult("reached")
    assert started == list(probes)
