import hashlib
import pickle

import numpy as np
import pytest
import torch

from poseflow.detect.checkpoints import load_checkpoint, sha256_of, state_dict_of
from vvipe.errors import WeightsError


class Evil:
    def __reduce__(self):
        return (print, ("code of a foreign file ran",))


def test_sha256_equals_hashlib(tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(b"x" * 3_000_000)
    assert sha256_of(path) == hashlib.sha256(b"x" * 3_000_000).hexdigest()


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8", "bool", "U5"])
def test_numpy_arrays_and_scalars_in_meta_load(tmp_path, kind):
    array = np.array([1, 0, 1]).astype(kind)
    torch.save({"state_dict": {"w": torch.ones(2)}, "meta": {"a": array, "s": array[0]}}, tmp_path / "a.pth")
    meta = load_checkpoint(tmp_path / "a.pth")["meta"]
    np.testing.assert_array_equal(meta["a"], array)
    assert meta["s"] == array[0]


def test_log_history_of_mmengine_loads(tmp_path):
    from mmengine.logging import HistoryBuffer

    torch.save({"state_dict": {"w": torch.ones(2)}, "log": HistoryBuffer([1.0, 2.0], [1, 1])}, tmp_path / "a.pth")
    assert load_checkpoint(tmp_path / "a.pth")["log"].mean() == 1.5


@pytest.mark.real_data
def test_zoo_style_file_loads_where_torch_alone_refuses(real_file):
    path = real_file("weights/pptinypose_256x192_mmpose-litehrnet-wider-naive_zoo-style-numpy-meta.pth")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    assert len(state_dict_of(load_checkpoint(path), path)) == 1610


def test_code_in_a_checkpoint_does_not_run(tmp_path, capsys):
    torch.save({"state_dict": {"w": torch.ones(2)}, "meta": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="could run code"):
        load_checkpoint(tmp_path / "evil.pth")
    assert "ran" not in capsys.readouterr().out


class Reaching:
    def __reduce__(self):
        return (getattr, (np.ndarray, "tofile"))


def test_attributes_of_other_classes_are_refused(tmp_path):
    torch.save({"state_dict": {"w": torch.ones(2)}, "meta": Reaching()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="could run code"):
        load_checkpoint(tmp_path / "evil.pth")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut"])
def test_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "bad.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.pth"):
        load_checkpoint(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"no such weights file: .*gone\.pth"):
        load_checkpoint(tmp_path / "gone.pth")


def test_file_without_weights_is_refused(tmp_path):
    torch.save([torch.ones(2)], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="expected a dictionary"):
        load_checkpoint(tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="no model weights"):
        state_dict_of({"epoch": 3}, tmp_path / "a.pth")


def test_prefix_of_parallel_training_is_removed(tmp_path):
    state = state_dict_of({"state_dict": {"module.head.w": torch.ones(1)}}, tmp_path / "a.pth")
    assert list(state) == ["head.w"]
