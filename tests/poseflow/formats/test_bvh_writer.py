import math
import re

import numpy as np
import pytest
from lifted_tracks import make_lifted

from poseflow.errors import OutputError
from poseflow.formats.bvh_writer import write_bvh
from vvipe.datasets.bvh import joint_positions, parse_bvh, read_bvh
from vvipe.skeleton import H36M17

PLACES = {
    "Hips": "pelvis", "LeftUpLeg": "left_hip", "LeftLeg": "left_knee", "LeftFoot": "left_ankle",
    "RightUpLeg": "right_hip", "RightLeg": "right_knee", "RightFoot": "right_ankle", "Spine": "spine",
    "Neck": "thorax", "Head": "neck_nose", "Head end": "head", "LeftArm": "left_shoulder",
    "LeftForeArm": "left_elbow", "LeftHand": "left_wrist", "RightArm": "right_shoulder",
    "RightForeArm": "right_elbow", "RightHand": "right_wrist",
}  # fmt: skip


def slow_positions(path):
    """Joint -> (T, 3), read and turned with nothing but numbers: a second reader of BVH."""
    text = path.read_text()
    head, motion = text.split("MOTION")
    words = iter(head.split()[1:])
    joints, stack = [], []
    for word in words:
        if word in ("ROOT", "JOINT"):
            joints.append({"name": next(words), "parent": stack[-1] if stack else None, "channels": []})
        elif word == "End":
            next(words)
            joints.append({"name": f"{joints[stack[-1]]['name']} end", "parent": stack[-1], "channels": []})
        elif word == "{":
            stack.append(len(joints) - 1)
        elif word == "}":
            stack.pop()
        elif word == "OFFSET":
            joints[stack[-1]]["offset"] = [float(next(words)) for _ in range(3)]
        elif word == "CHANNELS":
            joints[stack[-1]]["channels"] = [next(words) for _ in range(int(next(words)))]
    places = {joint["name"]: [] for joint in joints}
    for line in motion.strip().splitlines()[2:]:
        numbers = iter(map(float, line.split()))
        world = []
        for joint in joints:
            step, turn = list(joint["offset"]), np.eye(3)
            for channel in joint["channels"]:
                value = next(numbers)
                if channel.endswith("position"):
                    step["XYZ".index(channel[0])] = value
                    continue
                c, s = math.cos(math.radians(value)), math.sin(math.radians(value))
                single = {
                    "X": [[1, 0, 0], [0, c, -s], [0, s, c]],
                    "Y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
                    "Z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
                }[channel[0]]
                turn = turn @ np.array(single)
            if joint["parent"] is None:
                world.append((np.array(step), turn))
            else:
                place, rotation = world[joint["parent"]]
                world.append((place + rotation @ step, rotation @ turn))
            places[joint["name"]].append(world[-1][0])
    return {name: np.array(path) for name, path in places.items()}


@pytest.mark.parametrize("frame", ["canonical", "camera"])
def test_slow_forward_kinematics_gives_the_joints_back(tmp_path, frame):
    track = make_lifted(frame=frame)
    write_bvh(tmp_path / "out.bvh", track)
    found = slow_positions(tmp_path / "out.bvh")
    for name, joint in PLACES.items():
        x, y, z = track.poses[:, H36M17.index(joint)].T
        expected = np.stack([x, z, -y] if frame == "canonical" else [x, -y, -z], axis=1)
        np.testing.assert_allclose(found[name] / 100, expected, atol=1e-3, err_msg=name)
        assert np.abs(found[name] / 100 - expected).max() < 1e-5  # in fact far below the promised millimetre


def test_our_own_reader_gives_the_canonical_poses_back(tmp_path):
    track = make_lifted()
    write_bvh(tmp_path / "out.bvh", track)
    read = read_bvh(tmp_path / "out.bvh")
    assert read.fps == 25
    others = [joint for joint in range(17) if joint != H36M17.index("pelvis")]  # the reader's is between the hips
    np.testing.assert_allclose(read.poses[:, others], track.poses[:, others], atol=1e-3)
    bvh = parse_bvh(tmp_path / "out.bvh")
    np.testing.assert_allclose(joint_positions(bvh)[:, bvh.names.index("Hips")], 0, atol=1e-9)


def test_every_joint_swings_without_twist(tmp_path):
    write_bvh(tmp_path / "out.bvh", make_lifted())
    bvh = parse_bvh(tmp_path / "out.bvh")
    column = 6
    for number, joint in enumerate(bvh.joints[1:], start=1):
        if not joint.channels:
            continue
        angles = np.radians(bvh.values[:, column : column + 3])
        column += 3
        below = [j for j in bvh.joints if j.parent == number and np.any(j.offset)]
        if not below or joint.name == "Neck1":
            continue
        bone = np.array(below[0].offset) / np.linalg.norm(below[0].offset)
        for z, y, x in angles:
            rotation = _zyx(z, y, x)
            axis = np.array(
                [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]]
            )
            assert abs(axis @ bone) < 1e-6, joint.name


def _zyx(z, y, x):
    cz, sz, cy, sy, cx, sx = math.cos(z), math.sin(z), math.cos(y), math.sin(y), math.cos(x), math.sin(x)
    rz, ry = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]), np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return rz @ ry @ np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])


def test_limbs_against_their_rest_direction_are_no_problem(tmp_path):
    track = make_lifted(2)
    upside = track.canonical.copy()
    for side in ("left", "right"):
        hip, knee, ankle = H36M17.indices(f"{side}_hip", f"{side}_knee", f"{side}_ankle")
        for upper, lower, bone in ((hip, knee, 0.9), (knee, ankle, 0.95)):
            upside[:, lower] = upside[:, upper] + [0, 0, bone]  # straight up, where legs hang down at rest
    object.__setattr__(track, "canonical", upside)
    write_bvh(tmp_path / "out.bvh", track)
    found = slow_positions(tmp_path / "out.bvh")
    x, y, z = track.poses[:, H36M17.index("left_ankle")].T
    np.testing.assert_allclose(found["LeftFoot"] / 100, np.stack([x, z, -y], axis=1), atol=1e-3)


def test_root_stays_at_the_origin_and_the_note_says_so(tmp_path):
    write_bvh(tmp_path / "out.bvh", make_lifted(height_m=None))
    assert not parse_bvh(tmp_path / "out.bvh").values[:, :3].any()
    (note,) = re.findall(r"JOINT (poseflow_note\S*)", (tmp_path / "out.bvh").read_text())
    for words in ("zero_twist", "no_root_path", "constant_median_bones", "1p75_m_assumed", "canonical"):
        assert words in note


def test_angles_do_not_jump(tmp_path):
    write_bvh(tmp_path / "out.bvh", make_lifted(40, frame="camera"))
    assert np.abs(np.diff(parse_bvh(tmp_path / "out.bvh").values, axis=0)).max() <= 180


def test_uneven_times_become_an_even_rate(tmp_path):
    write_bvh(tmp_path / "out.bvh", make_lifted(5, time_s=[0, 0.04, 0.08, 0.2, 0.24]))
    bvh = parse_bvh(tmp_path / "out.bvh")
    assert (bvh.fps, len(bvh.values)) == (25, 7)


def test_one_frame(tmp_path):
    write_bvh(tmp_path / "out.bvh", make_lifted(1))
    assert len(parse_bvh(tmp_path / "out.bvh").values) == 1


def test_a_missing_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        write_bvh(tmp_path / "none" / "out.bvh", make_lifted(1))
