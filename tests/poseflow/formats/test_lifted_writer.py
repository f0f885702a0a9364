import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from lifted_tracks import make_lifted

from poseflow.errors import OutputError
from poseflow.formats.lifted_writer import write_lifted_npz, write_lifted_parquet
from vvipe.skeleton import H36M17

STATES = [0, 1, 2, 0]


def check_note(note, *, unit):
    assert note["unit"] == unit
    assert note["frame"] == "camera" and "z forward" in note["axes"]
    assert note["root_rotation"] == "fit"
    assert "median" in note["bone_lengths"] and note["root_path"].startswith("none")
    assert note["joints"] == list(H36M17.joints)
    assert note["states"] == {"seen": 0, "interpolated": 1, "held": 2}


@pytest.mark.parametrize("height_m", [None, 1.6])
def test_npz_holds_the_track(tmp_path, height_m):
    track = make_lifted(4, frame="camera", state=STATES, height_m=height_m, time_s=[0, 0.1, 0.15, 0.4])
    write_lifted_npz(tmp_path / "out.npz", track)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as file:
        np.testing.assert_allclose(file["poses"], track.poses, atol=1e-6)
        np.testing.assert_array_equal(file["time_s"], track.time_s)
        np.testing.assert_array_equal(file["state"], STATES)
        np.testing.assert_allclose(file["root_rotation"], track.root_rotation, atol=1e-6)
        pose = file["poses"][0]
        lengths = [np.linalg.norm(pose[b] - pose[a]) for a, b in file["bones"]]
        np.testing.assert_allclose(file["bone_lengths"], lengths, atol=1e-5)
        check_note(json.loads(str(file["metadata"])), unit="torso length" if height_m is None else "metre")


def test_parquet_holds_the_track(tmp_path):
    track = make_lifted(4, frame="camera", state=STATES)
    track.uncertainty[2] = np.nan
    write_lifted_parquet(tmp_path / "out.parquet", track)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["state"].to_pylist() == ["seen", "interpolated", "held", "seen"]
    assert table["person_id"].to_pylist() == [3] * 4
    np.testing.assert_array_equal(table["time_s"].to_numpy(), track.time_s)
    poses = np.array(table["pose"].to_pylist()).reshape(-1, 17, 3)
    np.testing.assert_allclose(poses, track.poses, atol=1e-6)
    np.testing.assert_allclose(table["root_rotation"].to_pylist(), track.root_rotation, atol=1e-6)
    assert [value is None for value in table["uncertainty"].to_pylist()] == [False, False, True, False]
    check_note(json.loads(table.schema.metadata[b"poseflow_lift"]), unit="metre")


@pytest.mark.parametrize("write", [write_lifted_npz, write_lifted_parquet])
def test_a_missing_folder_is_an_output_error(tmp_path, write):
    with pytest.raises(OutputError, match="does not exist"):
        write(tmp_path / "none" / "out", make_lifted(1))
