from __future__ import annotations

import os
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse

from vvipe.datasets.plain_pickle import Shell, read_object_npz, read_plain_pickle
from vvipe.errors import FileFormatError


class Runs:
    def __reduce__(self):
        return os.mkdir, ("run",)


def _write(path, content, protocol=2):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_plain_values_and_arrays_come_back(tmp_path, protocol):
    content = {
        "a": np.arange(6.0).reshape(2, 3),
        ("S1", "5"): [1, 2.5, "x", None, True],
        "s": np.float32(1.5),
        "b": b"\xff",
    }
    found = read_plain_pickle(_write(tmp_path / "x.pkl", content, protocol))
    np.testing.assert_array_equal(found.pop("a"), content.pop("a"))
    if protocol < 3:
        found["b"] = found["b"] if isinstance(found["b"], bytes) else found["b"].encode("latin1")
    assert found == content


def test_nothing_in_a_pickle_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileFormatError, match="mkdir, which is no plain value"):
        read_plain_pickle(_write(tmp_path / "x.pkl", {"a": Runs()}))
    np.savez(tmp_path / "x.npz", a=np.array({"b": Runs()}, dtype=object))
    with pytest.raises(FileFormatError, match="mkdir, which is no plain value"):
        read_object_npz(tmp_path / "x.npz")
    assert not (tmp_path / "run").exists()


def test_sparse_matrices_come_back_as_their_state(tmp_path):
    matrix = scipy.sparse.csc_matrix(np.array([[0.0, 2.0], [3.0, 0.0]]))
    found = read_plain_pickle(_write(tmp_path / "x.pkl", matrix))
    assert isinstance(found, Shell)
    assert found.state["data"].tolist() == [3.0, 2.0] and found.state["_shape"] == (2, 2)


def test_chumpy_arrays_come_back_as_their_state(tmp_path, monkeypatch):
    module = types.ModuleType("chumpy.ch")
    module.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    array = module.Ch()
    array.x = np.ones(3)
    path = _write(tmp_path / "x.pkl", array)
    monkeypatch.undo()
    assert read_plain_pickle(path).state["x"].tolist() == [1, 1, 1]


def test_archive_of_objects_and_arrays(tmp_path):
    content = {"S9": {"Walking": [np.zeros((2, 3), np.float32)]}}
    np.savez_compressed(tmp_path / "x.npz", objects=np.array(content, dtype=object), plain=np.arange(3))
    found = read_object_npz(tmp_path / "x.npz")
    assert found["objects"]["S9"]["Walking"][0].shape == (2, 3) and found["plain"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04."])
def test_damaged_files_are_errors(tmp_path, content):
    (tmp_path / "x.bin").write_bytes(content)
    for read in (read_plain_pickle, read_object_npz):
        with pytest.raises(FileFormatError, match=r"x\.bin: cannot be read"):
            read(tmp_path / "x.bin")


def test_missing_files_are_errors(tmp_path):
    for read in (read_plain_pickle, read_object_npz):
        with pytest.raises(FileFormatError, match="No such file"):
            read(tmp_path / "none")
