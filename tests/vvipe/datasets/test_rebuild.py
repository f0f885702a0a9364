from __future__ import annotations

import hashlib
import shutil

import numpy as np
import pytest
from acclaim_files import write_motion, write_skeleton

from vvipe.datasets import rebuild as module
from vvipe.datasets.mocap import read_npz
from vvipe.datasets.rebuild import CMU, HDM05, poses_sha256, rebuild
from vvipe.errors import FileFormatError, OutputError

UNIT_M = 0.0254 / 0.45


@pytest.fixture
def download(tmp_path):
    """Two takes of the official CMU layout, and one that the benchmark does not have."""
    subjects = tmp_path / "all_asfamc" / "subjects"
    write_skeleton(subjects / "02" / "02.asf")
    for take, frames in (("02_01", 343), ("02_03", 21), ("02_99", 5)):
        write_motion(subjects / "02" / f"{take}.amc", frames=frames)
    return tmp_path


def test_every_second_frame_of_the_listed_takes_is_written(download, tmp_path):
    rebuild("cmu", download, tmp_path / "x.npz")
    first, second = read_npz(tmp_path / "x.npz")
    assert (first.name, first.subject, first.fps, len(first.poses)) == ("02_01", "cmu02", 60, 172)
    assert (second.name, len(second.poses)) == ("02_03", 11)
    np.testing.assert_allclose(np.diff(first.poses[:, 0, 2]), 2 * UNIT_M, atol=1e-5)
    with np.load(tmp_path / "x.npz") as archive:
        assert archive["kind"].tolist() == ["asf", "asf"] and len(archive["joints"]) == 17


def test_takes_are_compared_and_missing_ones_listed(download, tmp_path):
    report = rebuild("cmu", download, tmp_path / "x.npz")
    states = {take.name: take for take in report.takes}
    assert (report.count("match"), report.count("mismatch"), report.count("missing")) == (0, 2, len(CMU.takes) - 2)
    assert states["02_01"].detail == "as many frames, other positions"
    assert states["02_03"].detail == "11 frames, the benchmark has 87"
    text = report.to_text()
    assert "2 of 217 takes, 0 with the benchmark's hash" in text
    assert "missing: 01_01, 01_02" in text and "mocap.cs.cmu.edu" in text
    assert report.to_json()["takes"][0] == {"name": "01_01", "status": "missing", "detail": ""}


def test_take_with_the_listed_hash_is_a_match(download, tmp_path, monkeypatch):
    rebuild("cmu", download, tmp_path / "x.npz")
    (take, _) = read_npz(tmp_path / "x.npz")
    sha256 = hashlib.sha256(take.poses.tobytes()).hexdigest()
    source = module.OfficialSource("cmu", (module.OfficialTake("02_01", 172, sha256),), "", "")
    monkeypatch.setitem(module.SOURCES, "cmu", source)
    assert [t.status for t in rebuild("cmu", download, tmp_path / "x.npz").takes] == ["match"]


def test_damaged_take_is_listed_with_its_line(download, tmp_path):
    path = download / "all_asfamc" / "subjects" / "02" / "02_03.amc"
    path.write_text(path.read_text().replace("head 0 0 0", "head 0 0", 1))
    report = rebuild("cmu", download, tmp_path / "x.npz")
    (damaged,) = [take for take in report.takes if take.status == "damaged"]
    assert damaged.name == "02_03" and "line" in damaged.detail
    assert [take.name for take in read_npz(tmp_path / "x.npz")] == ["02_01"]


def test_skeleton_may_lie_above_its_takes(tmp_path):
    write_skeleton(tmp_path / "HDM05" / "HDM_bd.asf")
    write_motion(tmp_path / "HDM05" / "cut" / "squat1Reps" / "HDM_bd_squat1Reps_001_120.amc", frames=140)
    report = rebuild("hdm05", tmp_path / "HDM05", tmp_path / "h.npz")
    (take,) = read_npz(tmp_path / "h.npz")
    assert (take.name, take.subject, take.label) == ("HDM_bd_squat1Reps_001_120", "bd", "squat1Reps")
    assert len(take.poses) == 70 and report.count("missing") == len(HDM05.takes) - 1


def test_take_without_any_skeleton_is_listed(tmp_path):
    write_motion(tmp_path / "in" / "02_01.amc", frames=3)
    report = rebuild("cmu", tmp_path / "in", tmp_path / "x.npz")
    assert report.count("damaged") == 1 and "02.asf" in report.to_text()
    assert read_npz(tmp_path / "x.npz") == []


def test_wrong_folders_say_what_was_expected_and_where_it_is_had(tmp_path):
    output = tmp_path / "x.npz"
    with pytest.raises(
        FileFormatError, match=r"nowhere: no such folder; expected subjects/02/02\.asf .*mocap\.cs\.cmu"
    ):
        rebuild("cmu", tmp_path / "nowhere", output)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileFormatError, match=r"no \.amc file in it or below; .*resources\.mpi-inf\.mpg\.de/HDM05"):
        rebuild("hdm05", tmp_path / "empty", output)
    write_motion(tmp_path / "own" / "dance.amc", frames=1)
    with pytest.raises(FileFormatError, match=r"none of the 217 takes of cmu among its 1 \.amc files \(dance\.amc"):
        rebuild("cmu", tmp_path / "own", output)
    assert not output.exists()


def test_wrong_settings_name_what_was_expected(download, tmp_path):
    with pytest.raises(ValueError, match="cmu or hdm05"):
        rebuild("kit", download, tmp_path / "x.npz")
    with pytest.raises(ValueError, match=r"ends in \.npz"):
        rebuild("cmu", download, tmp_path / "x.parquet")
    with pytest.raises(OutputError, match="cannot be written"):
        rebuild("cmu", download, tmp_path / "no folder" / "x.npz")


@pytest.mark.parametrize("source", [CMU, HDM05])
def test_each_listed_take_stands_once_with_a_whole_hash(source):
    assert len({take.name for take in source.takes}) == len(source.takes)
    assert all(len(bytes.fromhex(take.sha256)) == 32 and take.frames > 0 for take in source.takes)
    assert source.takes[0].source_frames[:3] == range(0, 6, 2)


@pytest.mark.real_data
@pytest.mark.parametrize("source", [CMU, HDM05])
def test_listed_hashes_are_those_of_the_benchmarks_files(source, real_file):
    files = {"cmu": ("cmu", "cmu_more"), "hdm05": ("hdm05",)}[source.name]
    takes = {take.name: take for name in files for take in read_npz(real_file(f"data/mocap/{name}.npz"))}
    for official in source.takes:
        assert (len(takes[official.name].poses), poses_sha256(takes[official.name])) == (
            official.frames,
            official.sha256,
        )


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("source", "files", "npz"),
    [
        ("cmu", {"cmu_02.asf": "subjects/02/02.asf", "cmu_02_01.amc": "subjects/02/02_01.amc"}, "cmu"),
        (
            "hdm05",
            {
                "HDM_bd.asf": "HDM_bd.asf",
                "HDM_bd_squat1Reps_001_120.amc": "cut/squat/HDM_bd_squat1Reps_001_120.amc",
            },
            "hdm05",
        ),
    ],
)
def test_official_files_give_the_benchmarks_take(source, files, npz, real_file, tmp_path):
    for name, place in files.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(real_file(f"data/formats/{name}"), tmp_path / place)
    report = rebuild(source, tmp_path, tmp_path / "x.npz")
    (take,) = read_npz(tmp_path / "x.npz")
    (expected,) = [other for other in read_npz(real_file(f"data/mocap/{npz}.npz")) if other.name == take.name]
    np.testing.assert_allclose(take.poses, expected.poses, atol=1e-6)
    assert (take.subject, take.fps) == (expected.subject, expected.fps)
    assert report.count("match") == 1
