from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vvipe.datasets.bvh import joint_positions, parse_bvh, read_bvh
from vvipe.datasets.kinematics import METRES_PER_CMU_UNIT
from vvipe.datasets.mocap import read_mocap, read_npz
from vvipe.errors import FileFormatError
from vvipe.skeleton import H36M17

# (name, parent, offset in metres) of a person in T-pose, y up, facing +z, left = +x.
MIXAMO = [
    ("Hips", None, (0, 1, 0)),
    ("Spine", "Hips", (0, 0.1, 0)),
    ("Spine1", "Spine", (0, 0.1, 0)),
    ("Spine2", "Spine1", (0, 0.15, 0)),
    ("Neck", "Spine2", (0, 0.1, 0)),
    ("Head", "Neck", (0, 0.08, 0)),
    ("Head end", "Head", (0, 0.2, 0)),
    *(
        (name.format(side), parent.format(side), (sign * x, y, z))
        for side, sign in (("Left", 1), ("Right", -1))
        for name, parent, (x, y, z) in (
            ("{}Shoulder", "Spine2", (0.05, 0.1, 0)),
            ("{}Arm", "{}Shoulder", (0.13, 0, 0)),
            ("{}ForeArm", "{}Arm", (0.28, 0, 0)),
            ("{}Hand", "{}ForeArm", (0.25, 0, 0)),
            ("{}UpLeg", "Hips", (0.1, -0.05, 0)),
            ("{}Leg", "{}UpLeg", (0, -0.4, 0)),
            ("{}Foot", "{}Leg", (0, -0.42, 0)),
        )
    ),
]
BIOVISION = {
    "Spine": "Chest",
    "LeftShoulder": "LeftCollar",
    "RightShoulder": "RightCollar",
    **{
        side + old: side + new
        for side in ("Left", "Right")
        for old, new in (
            ("Arm", "Shoulder"),
            ("ForeArm", "Elbow"),
            ("Hand", "Wrist"),
            ("UpLeg", "Hip"),
            ("Leg", "Knee"),
            ("Foot", "Ankle"),
        )
    },
}
Rig = list[tuple[str, str | None, tuple[float, float, float]]]


def write_bvh(
    path: Path,
    *,
    rig: Rig = MIXAMO,
    rename: Callable[[str], str] = str,
    scale: float = 1.0,
    rotations: dict[str, tuple[float, float, float]] | None = None,
    root: tuple[float, float, float] = (0.0, 0.0, 0.0),
    frame_time: str = "0.04",
    frames: int = 1,
) -> Path:
    """A BVH file whose joints all turn Z, Y, X; `rotations` in degrees (z, y, x) by joint."""
    values: list[float] = []

    def block(name: str, depth: int) -> list[str]:
        pad = "\t" * depth
        offset = next(o for n, _, o in rig if n == name)
        text = " ".join(f"{v * scale:.6f}" for v in offset)
        if name.endswith(" end"):
            return [f"{pad}End Site", f"{pad}{{", f"{pad}\tOFFSET {text}", f"{pad}}}"]
        is_root = depth == 0
        if is_root:
            values.extend(v * scale for v in root)
        values.extend((rotations or {}).get(name, (0, 0, 0)))
        position = "6 Xposition Yposition Zposition" if is_root else "3"
        lines = [f"{pad}{'ROOT' if is_root else 'JOINT'} {rename(name)}", f"{pad}{{", f"{pad}\tOFFSET {text}"]
        lines.append(f"{pad}\tCHANNELS {position} Zrotation Yrotation Xrotation")
        for child, parent, _ in rig:
            if parent == name:
                lines += block(child, depth + 1)
        return [*lines, f"{pad}}}"]

    hierarchy = block(rig[0][0], 0)
    motion = [f"Frames: {frames}", f"Frame Time: {frame_time}", *[" ".join(map(str, values))] * frames]
    path.write_text("\n".join(["HIERARCHY", *hierarchy, "MOTION", *motion]) + "\n")
    return path


def joint(sequence_poses: np.ndarray, name: str) -> np.ndarray:
    return sequence_poses[0, H36M17.index(name)]


def test_t_pose_stands_z_up_where_its_offsets_say(tmp_path):
    take = read_bvh(write_bvh(tmp_path / "07_01.bvh", root=(0, 1, 0)))
    # x stays, y (up) becomes z, z (forward) becomes -y.
    expected = {
        "pelvis": (0, 0, 0.95),
        "left_hip": (0.1, 0, 0.95),
        "right_knee": (-0.1, 0, 0.55),
        "right_ankle": (-0.1, 0, 0.13),
        "spine": (0, 0, 1.2),
        "thorax": (0, 0, 1.45),
        "neck_nose": (0, 0, 1.45 + 0.75 * 0.08),
        "head": (0, 0, 1.73),
        "left_shoulder": (0.18, 0, 1.45),
        "left_elbow": (0.46, 0, 1.45),
        "right_wrist": (-0.71, 0, 1.45),
    }
    for name, place in expected.items():
        np.testing.assert_allclose(joint(take.poses, name), place, atol=1e-6, err_msg=name)
    assert (take.name, take.subject, take.fps) == ("07_01", "cmu07", 25.0)
    assert take.poses.dtype == np.float32


def test_quarter_turn_of_an_arm_about_z_lifts_forearm_and_hand(tmp_path):
    take = read_bvh(write_bvh(tmp_path / "a.bvh", rotations={"LeftArm": (90, 0, 0)}))
    np.testing.assert_allclose(joint(take.poses, "left_elbow"), (0.18, 0, 0.45 + 0.28), atol=1e-6)
    np.testing.assert_allclose(joint(take.poses, "left_wrist"), (0.18, 0, 0.45 + 0.53), atol=1e-6)


def test_root_moves_and_turns_the_whole_body(tmp_path):
    take = read_bvh(write_bvh(tmp_path / "a.bvh", root=(1, 2, 3), rotations={"Hips": (0, 90, 0)}))
    # A quarter turn about the upward y takes +x (left) to -z, which is +y of the z-up frame.
    np.testing.assert_allclose(joint(take.poses, "left_hip"), (1, -3 + 0.1, 1.95), atol=1e-6)


def test_three_angles_of_a_chain_compose_as_in_scipy(tmp_path):
    turns = {"Hips": (20, -35, 50), "Spine1": (-10, 25, 5), "LeftArm": (60, 30, -20), "LeftForeArm": (15, 80, 40)}
    bvh = parse_bvh(write_bvh(tmp_path / "a.bvh", rotations=turns))
    chain = ["Hips", "Spine", "Spine1", "Spine2", "LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand"]
    place, turn = np.zeros(3), Rotation.identity()
    for name in chain:
        if name != "Hips":
            place = place + turn.apply(next(offset for n, _, offset in MIXAMO if n == name))
        turn = turn * Rotation.from_euler("ZYX", turns.get(name, (0, 0, 0)), degrees=True)
    np.testing.assert_allclose(joint_positions(bvh)[0, bvh.names.index("LeftHand")], place, atol=1e-6)


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: "mixamorig:" + name,
        lambda name: "Character1_" + name,
        lambda name: BIOVISION.get(name, name),
        lambda name: {"LeftUpLeg": "Bip01 L Thigh", "LeftLeg": "Bip01 L Calf"}.get(name, name).replace(
            "Right", "Bip01 R "
        ),
        lambda name: {"LeftArm": "upperarm_l", "LeftForeArm": "lowerarm_l", "LeftHand": "hand_l"}.get(name, name),
        lambda name: {"RightUpLeg": "rThigh", "RightLeg": "rShin", "RightFoot": "rFoot", "RightArm": "rShldr"}.get(
            name, name
        ),
    ],
    ids=["mixamo", "motionbuilder", "biovision", "biped", "unreal", "daz"],
)
def test_spelling_of_joint_names_does_not_matter(tmp_path, rename):
    plain = read_bvh(write_bvh(tmp_path / "a.bvh"))
    renamed = read_bvh(write_bvh(tmp_path / "b.bvh", rename=rename))
    np.testing.assert_array_equal(renamed.poses, plain.poses)


@pytest.mark.parametrize("unit_m", [1.0, 0.01, 0.001, 0.0254, METRES_PER_CMU_UNIT])
def test_usual_unit_of_length_is_recognised(tmp_path, unit_m):
    take = read_bvh(write_bvh(tmp_path / "a.bvh", scale=1 / unit_m))
    assert np.linalg.norm(joint(take.poses, "left_hip") - joint(take.poses, "left_knee")) == pytest.approx(0.4)


def test_given_unit_and_axis_are_taken(tmp_path):
    path = write_bvh(tmp_path / "a.bvh", scale=2)
    take = read_bvh(path, metres_per_unit=0.5, up_axis="z", subject="me")
    np.testing.assert_allclose(joint(take.poses, "left_knee"), (0.1, -0.45, 0), atol=1e-6)
    assert take.subject == "me"


def test_odd_unit_of_length_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match="legs of 0.0082 units .* give metres_per_unit"):
        read_bvh(write_bvh(tmp_path / "a.bvh", scale=0.01))


def test_lost_thorax_is_restored_as_one_upper_back_length(tmp_path):
    rig = [
        (n, p, (0, 0, 0)) if n in ("Neck", "LeftShoulder", "RightShoulder") else (n, p, o) for n, p, o in MIXAMO if n
    ]
    take = read_bvh(write_bvh(tmp_path / "a.bvh", rig=rig))
    np.testing.assert_allclose(joint(take.poses, "thorax"), (0, 0, 0.35 + 0.15), atol=1e-6)
    np.testing.assert_allclose(joint(take.poses, "left_shoulder"), (0.13, 0, 0.35 + 0.15), atol=1e-6)


def test_neck_of_two_bones_has_its_joint_in_the_middle_of_the_upper_one(tmp_path):
    rig = [(n, "Neck1" if n == "Head" else p, o) for n, p, o in MIXAMO]
    rig.insert(5, ("Neck1", "Neck", (0, 0.04, 0)))
    take = read_bvh(write_bvh(tmp_path / "a.bvh", rig=rig))
    np.testing.assert_allclose(joint(take.poses, "neck_nose"), (0, 0, 0.45 + 0.04 + 0.04), atol=1e-6)


@pytest.mark.parametrize(
    ("text", "fps"), [(".0083333", 120.0), ("0.033333", 30.0), ("0.04", 25.0), ("0.0333667", 1 / 0.0333667)]
)
def test_frame_time_of_few_digits_gives_the_whole_rate_it_stands_for(tmp_path, text, fps):
    assert parse_bvh(write_bvh(tmp_path / "a.bvh", frame_time=text)).fps == fps


def test_every_frame_is_read(tmp_path):
    assert read_mocap(write_bvh(tmp_path / "a.bvh", frames=3))[0].poses.shape == (3, 17, 3)


def test_missing_joints_are_listed_with_those_found(tmp_path):
    path = write_bvh(tmp_path / "a.bvh", rename=lambda name: {"LeftHand": "Paw", "Head": "Skull"}.get(name, name))
    with pytest.raises(FileFormatError, match="no joint for left_wrist, head, end of the head; .*all joints.*Paw"):
        read_bvh(path)


def line_of(path: Path, start: str) -> int:
    return next(i for i, line in enumerate(path.read_text().splitlines(), 1) if line.strip().startswith(start))


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("HIERARCHY", "hello", "hello", "no BVH file"),
        ("CHANNELS 3 Zrotation", "CHANNELS 4 Zrotation", "CHANNELS 4", "joint Spine: expected CHANNELS"),
        ("OFFSET 0.000000 0.100000", "OFFSET 0.000000 up", "OFFSET 0.000000 up", "expected a number, found 'up'"),
        ("Frames: 1", "Frames: many", "Frames", "whole number"),
        ("Frames: 1", "Frames: " + "9" * 5000, "Frames", "whole number"),
        ("Frame Time: 0.04", "Frame Time: 0", "Frame Time", "more than 0 seconds"),
        ("Frame Time: 0.04", "Frame Time:", "Frame Time", "expected a number"),
        ("MOTION", "NOTION", "NOTION", "expected JOINT"),
    ],
)
def test_damage_is_reported_with_its_line(tmp_path, old, new, at, message):
    path = write_bvh(tmp_path / "a.bvh")
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(FileFormatError, match=rf"a\.bvh, line {line_of(path, at)}: .*{message}"):
        parse_bvh(path)


def test_frames_that_are_cut_off_or_too_many_are_refused(tmp_path):
    path = write_bvh(tmp_path / "a.bvh", frames=2)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]))
    with pytest.raises(FileFormatError, match="after 1 of 2 frames"):
        parse_bvh(path)
    path.write_text("\n".join([*lines[:-1], lines[-1].rsplit(" ", 1)[0]]))
    with pytest.raises(FileFormatError, match=rf"line {len(lines)}: frame 2: expected \d+ values"):
        parse_bvh(path)
    path.write_text("\n".join([*lines, lines[-1]]))
    with pytest.raises(FileFormatError, match="more frames than the 2"):
        parse_bvh(path)


@pytest.mark.parametrize("content", [b"", b"  \n", b"\x00\x01\x02", b"HIERARCHY\nROOT a\n{\n"])
def test_empty_binary_and_truncated_files_are_refused(tmp_path, content):
    path = tmp_path / "a.bvh"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"a\.bvh"):
        read_bvh(path)


@pytest.mark.real_data
def test_cmu_conversion_agrees_with_the_reference_sequence(real_file):
    take = read_bvh(real_file("data/formats/cmu_06_02_300frames.bvh"))
    reference = next(s for s in read_npz(real_file("data/mocap/cmu.npz")) if s.name == "06_02")
    assert take.fps == 120.0
    mine = take.poses[1:][::2]  # frame 0 is a T-pose; the reference has every 2nd frame
    np.testing.assert_allclose(mine, reference.poses[: len(mine)], atol=1e-6)
