import numpy as np
import pytest
from lifted_tracks import make_lifted

from poseflow.formats.trc_writer import write_trc
from vvipe.skeleton import H36M17


def read_trc(path):
    """The file by OpenSim's rules: five lines of head, a blank one, then Frame#, Time and three columns a marker."""
    lines = path.read_bytes().decode().split("\r\n")
    assert lines[-1] == ""
    fields = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    assert lines[5] == ""
    names = lines[3].split("\t")[2::3]
    axes = lines[4].split("\t")[2:]
    rows = [line.split("\t") for line in lines[6:-1]]
    return lines[0].split("\t"), fields, [name for name in names if name], axes, rows


def test_head_counts_what_follows(tmp_path):
    write_trc(tmp_path / "out.trc", make_lifted(12))
    first, fields, names, axes, rows = read_trc(tmp_path / "out.trc")
    assert first[:4] == ["PathFileType", "4", "(X/Y/Z)", "out.trc"]
    assert float(fields["DataRate"]) == float(fields["CameraRate"]) == float(fields["OrigDataRate"]) == 25
    assert int(fields["NumFrames"]) == int(fields["OrigNumFrames"]) == len(rows) == 12
    assert int(fields["NumMarkers"]) == len(names) == 17
    assert fields["Units"] == "mm"
    assert axes == [f"{axis}{number}" for number in range(1, 18) for axis in "XYZ"]
    assert {len(row) for row in rows} == {2 + 3 * 17}
    assert [int(row[0]) for row in rows] == list(range(1, 13))
    assert names[:3] == ["Pelvis", "RHip", "RKnee"] and names[-1] == "RWrist"


@pytest.mark.parametrize("frame", ["canonical", "camera"])
def test_markers_are_the_joints_in_millimetres_with_y_up(tmp_path, frame):
    track = make_lifted(frame=frame)
    write_trc(tmp_path / "out.trc", track)
    rows = read_trc(tmp_path / "out.trc")[4]
    values = np.array(rows, float)
    np.testing.assert_allclose(values[:, 1], track.time_s, atol=1e-6)
    x, y, z = np.moveaxis(track.poses, -1, 0)
    expected = np.stack([-x, z, y] if frame == "canonical" else [x, -y, -z], axis=-1)
    np.testing.assert_allclose(values[:, 2:].reshape(-1, 17, 3) / 1000, expected, atol=1e-6)


def test_a_canonical_person_faces_x_with_the_right_at_z(tmp_path):
    write_trc(tmp_path / "out.trc", make_lifted())
    points = np.array(read_trc(tmp_path / "out.trc")[4], float)[:, 2:].reshape(-1, 17, 3)
    right, left, thorax = (points[:, H36M17.index(name)] for name in ("right_hip", "left_hip", "thorax"))
    assert (right[:, 2] > left[:, 2]).all()
    assert (thorax[:, 1] > 0).all()
    forward = np.cross(thorax, right - left)
    assert (forward[:, 0] > 0).all()


def test_held_frames_are_empty_and_the_note_is_there(tmp_path):
    write_trc(tmp_path / "out.trc", make_lifted(4, state=[0, 2, 1, 0], height_m=None))
    first, _, _, _, rows = read_trc(tmp_path / "out.trc")
    assert rows[1][2:] == [""] * 51
    assert all(cell for row in (rows[0], *rows[2:]) for cell in row)
    for words in ("constant", "root path none", "1.75 m (assumed)", "canonical"):
        assert words in first[4]


def test_uneven_times_become_an_even_rate(tmp_path):
    write_trc(tmp_path / "out.trc", make_lifted(5, time_s=[2, 2.04, 2.08, 2.2, 2.24]))
    _, fields, _, _, rows = read_trc(tmp_path / "out.trc")
    assert [float(row[1]) for row in rows] == pytest.approx([2 + 0.04 * i for i in range(7)])
    assert float(fields["DataRate"]) == 25
