"""The built wheel, installed apart from the checkout and run from another directory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SOURCES = ["vvipe", "poseflow", "cli", "benchmarks", "tests", "scripts", "setup.py", "pyproject.toml", "README.md"]
TOP_LEVEL = {"vvipe", "poseflow", "poseflow_cli", "poseflow_benchmarks"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy of the sources so that nothing is left behind in the checkout."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in [*SOURCES, "LICENSE"]:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(target)]
    subprocess.run([*command, str(source)], check=True)
    return next(target.glob("poseflow-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """Python of an environment that has the wheel, and sees the other packages of this one but not the checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, str(wheel)], check=True)
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    (Path(packages) / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


@pytest.fixture
def run(installed, tmp_path):
    """Runs the installed command line in an empty directory; gives its stdout."""

    def command_line(*arguments: str | Path) -> str:
        command = [str(installed), "-m", "poseflow_cli", *map(str, arguments)]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return command_line


def moving_bodies(takes: int, frames: int) -> np.ndarray:
    """(takes * frames, 17, 3) metres, z up: people whose arms and legs swing, each at a rate and width of their own."""
    standing = np.array(
        [
            [0, 0, 0.95], [-0.12, 0, 0.93], [-0.13, 0, 0.5], [-0.14, 0, 0.08], [0.12, 0, 0.93], [0.13, 0, 0.5],
            [0.14, 0, 0.08], [0, 0.01, 1.18], [0, 0, 1.42], [0, -0.02, 1.52], [0, -0.03, 1.65], [0.17, 0, 1.4],
            [0.19, 0, 1.12], [0.2, -0.03, 0.88], [-0.17, 0, 1.4], [-0.19, 0, 1.12], [-0.2, -0.03, 0.88],
        ]
    )  # fmt: skip
    swing = np.zeros((17, 3))
    swing[[2, 6, 12], 1], swing[[3, 13], 1], swing[[5, 15], 1], swing[16, 1] = 0.15, 0.3, -0.15, -0.3
    swing[[12, 13, 15, 16], 2] = 0.1
    rates = 1 + np.arange(takes)[:, None] / takes
    phase = np.sin(rates * np.arange(frames) / 10).reshape(-1, 1, 1)
    return (standing + phase * swing).astype(np.float32)


@pytest.fixture
def motion_file(tmp_path) -> Path:
    takes, frames = 6, 120
    joints = "Pelvis RHip RKnee RAnkle LHip LKnee LAnkle Spine Thorax Neck/Nose Head LShoulder LElbow LWrist RShoulder"
    path = tmp_path / "motion.npz"
    np.savez(
        path,
        poses=moving_bodies(takes, frames),
        lengths=np.full(takes, frames),
        names=np.array([f"take-{i}" for i in range(takes)]),
        labels=np.array(["swing"] * takes),
        subjects=np.array([f"person-{i}" for i in range(takes)]),
        fps=np.full(takes, 60),
        joints=np.array([*joints.split(), "RElbow", "RWrist"]),
    )
    return path


def test_top_level_names_are_those_of_the_project(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name.split("/")[0] for name in archive.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == TOP_LEVEL


def test_wheel_carries_weights_recipes_and_the_requirements_without_dependencies(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = [path for path in (ROOT / "vvipe").rglob("*") if path.suffix in {".py", ".safetensors", ".json"}]
    assert {path.relative_to(ROOT).as_posix() for path in tracked} <= names
    assert any(name.startswith("vvipe/weights/") and name.endswith(".safetensors") for name in names)
    assert "poseflow/requirements-nodeps.txt" in names


def test_wheel_carries_the_files_that_pages_are_made_of(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assets = {f"poseflow/report/assets/{path.name}" for path in (ROOT / "poseflow/report/assets").iterdir()}
    assert "poseflow/report/assets/match.html" in assets
    assert assets <= names


def test_every_module_of_the_checkout_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    folders = {"vvipe": "vvipe", "poseflow": "poseflow", "cli": "poseflow_cli", "benchmarks": "poseflow_benchmarks"}
    modules = {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, package in folders.items()
        for path in (ROOT / folder).rglob("*.py")
    }
    assert modules <= names


def test_console_script_runs_the_installed_copy(installed, tmp_path):
    where = [str(installed), "-c", "import vvipe, poseflow, poseflow_cli; print(poseflow_cli.__file__)"]
    path = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert path.startswith(str(installed.parents[1]))
    script = installed.with_name("poseflow.exe" if os.name == "nt" else "poseflow")
    result = subprocess.run([str(script), "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("poseflow, version ")


def test_doctor_of_the_wheel_knows_what_is_installed_without_dependencies(run):
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json"))["checks"]}
    assert (checks["mmpose"]["wanted"], checks["mmpose"]["status"]) == ("==1.3.2", "ok")
    assert checks["shipped model"]["status"] == "ok"


def test_a_few_training_steps_give_a_model(run, motion_file, tmp_path):
    steps = ("--stage1-iterations", "3", "--stage2-iterations", "3", "--device", "cpu")
    result = json.loads(run("train", "vvipe_cmu", "--data", motion_file, "--work-dir", tmp_path / "run", *steps))
    assert Path(result["model"]).is_file()
    assert json.loads(Path(result["card"]).read_text(encoding="utf-8"))["sha256"]


@pytest.mark.real_data
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="mediapipe 0.10.21 has wheels up to Python 3.12")
def test_two_real_clips_are_embedded_and_matched(run, real_file, tmp_path):
    for name in ("cam01", "cam02"):
        clip = real_file(f"data/video/pose2sim_{name}.mp4")
        span = ("--start", "0.2", "--end", "1.2")
        run("embed", clip, "-o", tmp_path / f"{name}.parquet", "--detector", "blazepose", *span)
    result = json.loads(run("match", "--ref", "cam01.parquet", "--query", "cam02.parquet", "--json"))
    assert 0 <= result["score"] <= 100
    assert len(result["path"]) > 30
