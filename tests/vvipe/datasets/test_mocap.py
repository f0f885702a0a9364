from __future__ import annotations

import numpy as np
import pytest
from mocap_files import write_npz

from vvipe.datasets.mocap import MocapSequence, read_mocap, read_npz, resample
from vvipe.datasets.splits import CARVE_OUT_SUBJECTS, TEST_SUBJECTS, select, split_of
from vvipe.errors import FileFormatError


def test_npz_gives_its_takes_in_order(tmp_path):
    takes = read_npz(write_npz(tmp_path / "m.npz", takes=3, frames=5))
    assert [take.name for take in takes] == ["take0", "take1", "take2"]
    assert all(take.poses.shape == (5, 17, 3) and take.fps == 60 for take in takes)


@pytest.mark.parametrize("content", [b"", b"not a zip file"])
def test_damaged_npz_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"bad\.npz"):
        read_npz(path)


def test_npz_without_an_array_says_which(tmp_path):
    np.savez(tmp_path / "m.npz", poses=np.zeros((1, 17, 3)))
    with pytest.raises(FileFormatError, match="lengths"):
        read_npz(tmp_path / "m.npz")


def test_npz_whose_lengths_do_not_add_up_is_an_error(tmp_path):
    path = write_npz(tmp_path / "m.npz", takes=1, frames=5)
    arrays = dict(np.load(path))
    np.savez(path, **(arrays | {"lengths": np.array([7])}))
    with pytest.raises(FileFormatError, match="7"):
        read_npz(path)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("names", lambda a: a[:1], r"names: expected one a take, \(4,\), got \(1,\)"),
        ("subjects", lambda a: a[:3], "subjects: expected one a take"),
        ("fps", lambda a: a[:0], "fps: expected one a take"),
        ("fps", lambda a: a * 0, r"take 'take0': .*fps: expected more than 0"),
        ("fps", lambda a: a * np.nan, r"take 'take0': .*fps: expected more than 0"),
        ("fps", lambda a: a.astype(str), "fps: expected numbers"),
        ("lengths", lambda a: a[None], "lengths: expected one whole number a take"),
        ("lengths", lambda a: a.astype(float), "lengths: expected one whole number a take"),
        ("lengths", lambda a: np.array([-5, 15, 5, 5]), "lengths: expected one whole number a take"),
        ("poses", lambda a: a.astype(str), "expected poses .* of floats"),
        ("poses", lambda a: np.where(np.arange(20)[:, None, None] == 7, np.nan, a), "take 'take1': .*NaN"),
    ],
)
def test_npz_whose_arrays_do_not_go_together_names_the_file_and_what_is_wrong(tmp_path, name, change, said):
    path = write_npz(tmp_path / "m.npz", takes=4, frames=5)
    arrays = dict(np.load(path))
    np.savez(path, **(arrays | {name: change(arrays[name])}))
    with pytest.raises(FileFormatError, match=rf"m\.npz: {said}"):
        read_npz(path)


def test_missing_and_unknown_files_are_errors(tmp_path):
    with pytest.raises(FileFormatError, match="no such"):
        read_mocap(tmp_path / "absent.npz")
    (tmp_path / "m.c3d").write_bytes(b"x")
    with pytest.raises(FileFormatError, match=r"\.c3d"):
        read_mocap(tmp_path / "m.c3d")


def _sequence(frames: int, fps: float) -> MocapSequence:
    poses = np.zeros((frames, 17, 3), np.float32)
    poses[:, 0, 0] = np.arange(frames) / fps
    return MocapSequence("t", "s", "", fps, poses)


@pytest.mark.parametrize(("fps", "target"), [(60, 20), (60, 25), (29.97, 20), (120, 5)])
def test_resampled_frames_are_the_nearest_in_time(fps, target):
    taken = resample(_sequence(301, fps), target).poses[:, 0, 0]
    wanted = np.arange(len(taken)) / target
    assert np.abs(taken - wanted).max() <= 0.5 / fps + 1e-6
    assert wanted[-1] <= 300 / fps < wanted[-1] + 1 / target + 1e-6


def test_slower_takes_and_single_frames_are_left_alone():
    slow = _sequence(10, 15)
    assert resample(slow, 20) is slow
    assert len(resample(_sequence(1, 60), 20).poses) == 1


def test_wrong_shapes_are_errors():
    with pytest.raises(ValueError, match="poses"):
        MocapSequence("t", "s", "", 60, np.zeros((5, 16, 3), np.float32))


@pytest.mark.real_data
def test_split_of_cmu_is_by_person_and_complete(real_file):
    takes = [take for name in ("cmu", "cmu_more") for take in read_npz(real_file(f"data/mocap/{name}.npz"))]
    parts = {part: select(takes, part) for part in ("train", "carve-out", "test")}
    assert sum(map(len, parts.values())) == len(takes) == 123 + 332
    assert {take.subject for take in parts["carve-out"]} == CARVE_OUT_SUBJECTS
    assert {take.subject for take in parts["test"]} == TEST_SUBJECTS | {"cmu8act"}
    salsa = {split_of(take) for take in takes if take.subject in ("cmu60", "cmu61")}
    assert salsa == {"train"}
