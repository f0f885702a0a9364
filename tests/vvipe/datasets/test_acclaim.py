from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vvipe.datasets.acclaim import bone_ends, find_asf, read_acclaim, read_amc
from vvipe.datasets.asf import read_asf
from vvipe.datasets.folder import read_folder
from vvipe.datasets.mocap import read_mocap, read_npz
from vvipe.errors import FileFormatError
from vvipe.skeleton import H36M17

UNIT_M = 0.0254 / 0.45
# (name, parent, direction, length, axis in degrees, degrees of freedom)
BONES = [
    ("lowerback", "root", "0 1 0", 2, "0 0 0", "rx ry rz"),
    ("upperback", "lowerback", "0 1 0", 2, "0 0 0", "rx ry rz"),
    ("thorax", "upperback", "0 1 0", 2, "0 0 0", "rx ry rz"),
    ("lowerneck", "thorax", "0 1 0", 1, "0 0 0", "rx ry rz"),
    ("upperneck", "lowerneck", "0 1 0", 1, "0 0 0", "rx ry rz"),
    ("head", "upperneck", "0 1 0", 2, "0 0 0", "rx ry rz"),
    *(
        (side + name, parent if parent in ("root", "thorax") else side + parent, direction, length, axis, dof)
        for side, direction_x, tilt in (("l", 1, 20), ("r", -1, -20))
        for name, parent, direction, length, axis, dof in (
            ("hipjoint", "root", f"{direction_x} 0 0", 1.5, "0 0 0", ""),
            ("femur", "hipjoint", "0 -1 0", 7, f"0 0 {tilt}", "rx ry rz"),
            ("tibia", "femur", "0 -1 0", 7, f"0 0 {tilt}", "rx"),
            ("clavicle", "thorax", f"{direction_x} 0 0", 3, "0 0 0", "ry rz"),
            (
                "humerus",
                "clavicle",
                f"{direction_x} 0 0",
                5,
                f"180 {-30 * direction_x} {-90 * direction_x}",
                "rx ry rz",
            ),
            ("radius", "humerus", f"{direction_x} 0 0", 3, f"180 {-30 * direction_x} {-90 * direction_x}", "rx"),
        )
    ),
]
WIDTHS = {"root": 6, **{name: len(dof.split()) for name, _, _, _, _, dof in BONES if dof}}


def write_asf(path: Path) -> Path:
    lines = ["# a comment", ":version 1.10", ":units", "  mass 1.0", "  length 0.45", "  angle deg", ":root"]
    lines += ["   order TX TY TZ RX RY RZ", "   axis XYZ", "   position 0 0 0", "   orientation 0 0 0", ":bonedata"]
    for number, (name, _, direction, length, axis, dof) in enumerate(BONES, 1):
        lines += ["  begin", f"     id {number}", f"     name {name}", f"     direction {direction}"]
        lines += [f"     length {length}", f"     axis {axis}  XYZ"]
        if dof:
            lines += [f"    dof {dof}", "    limits (-160.0 20.0)", "           (-70.0 70.0)"]
        lines.append("  end")
    lines += [":hierarchy", "  begin"]
    for parent in ["root", *(name for name, *_ in BONES)]:
        children = [name for name, p, *_ in BONES if p == parent]
        if children:
            lines.append(f"    {parent} {' '.join(children)}")
    path.write_text("\r\n".join([*lines, "  end", ""]))
    return path


def write_amc(path: Path, *frames: dict[str, tuple[float, ...]]) -> Path:
    lines = ["#!OML:ASF somewhere", ":FULLY-SPECIFIED", ":DEGREES"]
    for number, moved in enumerate(frames, 1):
        lines.append(str(number))
        lines += [f"{name} {' '.join(map(str, moved.get(name, (0,) * width)))}" for name, width in WIDTHS.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def asf(tmp_path):
    return write_asf(tmp_path / "02.asf")


def joint(poses: np.ndarray, name: str, frame: int = 0) -> np.ndarray:
    return poses[frame, H36M17.index(name)] / UNIT_M


def test_rest_pose_stands_z_up_where_directions_and_lengths_say(tmp_path, asf):
    take = read_acclaim(write_amc(tmp_path / "02_01.amc", {"root": (0, 17, 0, 0, 0, 0)}))
    expected = {
        "pelvis": (0, 0, 17),
        "left_hip": (1.5, 0, 17),
        "left_knee": (1.5, 0, 10),
        "right_ankle": (-1.5, 0, 3),
        "spine": (0, 0, 19),
        "thorax": (0, 0, 23),
        "neck_nose": (0, 0, 24.5),
        "head": (0, 0, 27),
        "left_shoulder": (3, 0, 23),
        "right_elbow": (-8, 0, 23),
        "right_wrist": (-11, 0, 23),
    }
    for name, place in expected.items():
        np.testing.assert_allclose(joint(take.poses, name), place, atol=1e-5, err_msg=name)
    assert (take.name, take.subject, take.fps) == ("02_01", "cmu02", 120.0)


def test_bent_trunk_and_turned_root_in_the_second_frame(tmp_path, asf):
    bent = {"root": (1, 2, 3, 0, 90, 0), "lowerback": (90, 0, 0)}
    take = read_acclaim(write_amc(tmp_path / "02_01.amc", {}, bent), fps=60)
    # The trunk bends forward to +z; the root's turn about y takes +z to +x and +x (left) to -z, i.e. +y when z is up.
    np.testing.assert_allclose(joint(take.poses, "head", 1), (1 + 10, -3, 2), atol=1e-5)
    np.testing.assert_allclose(joint(take.poses, "left_hip", 1), (1, -3 + 1.5, 2), atol=1e-5)
    assert take.fps == 60


def test_bone_turns_in_its_own_axes_as_scipy_composes_them(tmp_path, asf):
    angles = {"root": (0, 0, 0, 10, 20, 30), "lhumerus": (-50, 30, 65), "lradius": (40,), "lclavicle": (5, 15)}
    skeleton = read_asf(asf)
    ends = bone_ends(skeleton, read_amc(write_amc(tmp_path / "02_01.amc", angles), skeleton))

    def turn(x: float, y: float, z: float) -> Rotation:
        return Rotation.from_euler("xyz", (x, y, z), degrees=True)  # about fixed axes

    own = turn(180, -30, -90)
    root = turn(10, 20, 30)
    clavicle = root * turn(0, 5, 15)
    humerus = clavicle * own * turn(-50, 30, 65) * own.inv()
    radius = humerus * own * turn(40, 0, 0) * own.inv()
    expected = root.apply([0, 6, 0]) + clavicle.apply([3, 0, 0]) + humerus.apply([5, 0, 0]) + radius.apply([3, 0, 0])
    np.testing.assert_allclose(ends["lradius"][0], expected, atol=1e-6)


def test_radians_are_read_where_the_file_says_so(tmp_path, asf):
    path = write_amc(tmp_path / "02_01.amc", {"lowerback": (np.pi / 2, 0, 0)})
    path.write_text(path.read_text().replace(":DEGREES", ":RADIANS"))
    np.testing.assert_allclose(joint(read_acclaim(path).poses, "head"), (0, -10, 0), atol=1e-5)


def test_skeleton_with_the_longest_fitting_name_is_taken(tmp_path):
    for name in ("HDM.asf", "HDM_bd.asf", "HDM_bdx.asf"):
        write_asf(tmp_path / name)
    assert find_asf(tmp_path / "HDM_bd_squat1Reps_001_120.amc").name == "HDM_bd.asf"


def test_take_without_a_skeleton_names_those_that_are_there(tmp_path, asf):
    path = write_amc(tmp_path / "03_01.amc", {})
    with pytest.raises(FileFormatError, match=r"03_01\.amc: no skeleton .* such as 03\.asf; .* there: 02\.asf"):
        read_acclaim(path)
    assert read_acclaim(path, asf).subject == "02"


def test_folder_gives_every_take_below_it_in_order(tmp_path):
    for subject in ("02", "05"):
        (tmp_path / subject).mkdir()
        write_asf(tmp_path / subject / f"{subject}.asf")
        write_amc(tmp_path / subject / f"{subject}_02.amc", {})
        write_amc(tmp_path / subject / f"{subject}_01.amc", {}, {})
    assert [take.name for take in read_folder(tmp_path)] == ["02_01", "02_02", "05_01", "05_02"]
    assert [len(take.poses) for take in read_mocap(tmp_path)] == [2, 1, 2, 1]


def test_folder_without_motion_capture_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match=r"expected files that end in \.npz, \.bvh, \.amc"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lfemur 0 0 0", "lfemur 0 0", "lfemur: expected 3 values, found 2"),
        ("lfemur 0 0 0", "lfemur 0 x 0", "expected a number, found 'x'"),
        ("lfemur 0 0 0", "lfemur 0 nan 0", "expected a number, found 'nan'"),
        ("lfemur 0 0 0", "ltail 0 0 0", "'ltail' is no moving bone"),
        ("lfemur 0 0 0", "head 0 0 0", "bone head twice"),
        ("lfemur 0 0 0\n", "", "frame 1 ends without bone\\(s\\) lfemur"),
        ("\n1\nroot", "\nroot", "expected a frame number first"),
    ],
)
def test_damaged_motion_is_reported_with_its_line(tmp_path, asf, old, new, message):
    path = write_amc(tmp_path / "02_01.amc", {}, {})
    text = path.read_text()
    path.write_text(text.replace(old, new, 1))
    line = text[: text.index(old.lstrip())].count("\n") + 1
    if "ends without" in message:
        line = text[: text.index("\n2\n") + 1].count("\n")  # seen at the next frame number, one line having gone
    with pytest.raises(FileFormatError, match=rf"02_01\.amc, line {line}: .*{message}"):
        read_acclaim(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("length 2\r\n", "length two\r\n", r"line \d+: expected a number, found 'two'"),
        ("direction 0 1 0\r\n", "direction 0 1\r\n", r"line \d+: direction: expected 3 values, found 2"),
        ("axis 0 0 0  XYZ", "axis 0 0 0  XYX", r"line \d+: axis: expected an order"),
        ("dof rx ry rz", "dof rx ry rz l", r"line \d+: degrees of freedom: .* found l"),
        ("angle deg", "angle grad", r"line 6: angle unit"),
        ("    root lowerback", "    root lowerbick", r"line \d+: bone lowerbick is not in"),
        ("    thorax lowerneck", "    thorax lowerneck head", r"line \d+: bone head has two parents"),
        ("  end\r\n", "", r"line \d+: the bone that begins in line \d+ has no 'end'"),
        (":hierarchy", ":hier", "no Acclaim skeleton"),
        ("name head", "name kopf", "bone head is not in"),
    ],
)
def test_damaged_skeleton_is_reported(asf, old, new, message):
    with asf.open(newline="") as file:
        text = file.read()
    assert old in text
    asf.write_text(text.replace(old, new, 1), newline="")
    with pytest.raises(FileFormatError, match=rf"02\.asf.*{message}"):
        read_asf(asf)


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"# only a comment\n:DEGREES\n"])
def test_empty_binary_and_frameless_motion_is_refused(tmp_path, asf, content):
    path = tmp_path / "02_01.amc"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"02_01\.amc"):
        read_acclaim(path)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("take", "reference_file", "reference_name"),
    [
        ("cmu_02_01", "cmu.npz", "02_01"),
        ("HDM_bd_squat1Reps_001_120", "hdm05.npz", "HDM_bd_squat1Reps_001_120"),
    ],
)
def test_recorded_take_reproduces_the_reference_sequence(real_file, take, reference_file, reference_name):
    sequence = read_acclaim(real_file(f"data/formats/{take}.amc"))
    references = read_npz(real_file(f"data/mocap/{reference_file}"))
    reference = next(s for s in references if s.name == reference_name)
    np.testing.assert_allclose(sequence.poses[::2], reference.poses, atol=1e-6)
