import numpy as np
import pytest
from poses import random_poses, standing
from scipy.spatial.transform import Rotation

from poseflow.joint_angles import ANGLES, ROOT_ANGLES, joint_angles, root_angles, wrap_deg
from vvipe.skeleton import H36M17

FORWARD, LEFT, UP = np.array([-1.0, 0, 0]), np.array([0, -1.0, 0]), np.array([0, 0, 1.0])
TOWARDS_CAMERA = Rotation.from_matrix([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
"""Canonical -> camera for somebody who faces an upright camera: forward to -z, up to -y, left to x."""


def person(**moved):
    """(1, 17, 3) the standing person with straight, hanging limbs, and joints put elsewhere."""
    points = {name: np.array(place) for name, place in zip(H36M17.joints, standing()[0].numpy(), strict=True)}
    for side, out in (("left", LEFT), ("right", -LEFT)):
        points[f"{side}_shoulder"] = 1.45 * UP + 0.2 * out
        points[f"{side}_elbow"] = points[f"{side}_shoulder"] - 0.3 * UP
        points[f"{side}_wrist"] = points[f"{side}_elbow"] - 0.25 * UP
    points["head"] = 1.7 * UP
    points |= moved
    return np.stack([points[name] for name in H36M17.joints])[None]


def angle(poses, name):
    return joint_angles(poses)[0, [angle.name for angle in ANGLES].index(name)]


def lean(poses, turn, name):
    quaternion = turn.as_quat(scalar_first=True)[None]
    return root_angles(poses, quaternion)[0, [angle.name for angle in ROOT_ANGLES].index(name)]


def along(degrees, toward, start=-UP):
    """A unit vector `degrees` away from `start` towards `toward`."""
    return np.cos(np.deg2rad(degrees)) * start + np.sin(np.deg2rad(degrees)) * toward


def test_straight_hanging_limbs_and_an_upright_trunk_have_all_angles_zero():
    assert joint_angles(person()) == pytest.approx(np.zeros((1, len(ANGLES))), abs=1e-4)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("degrees", [1, 45, 90, 150])
def test_elbow_and_knee_bend_is_what_they_are_off_straight(side, degrees):
    still = dict(zip(H36M17.joints, person()[0], strict=True))
    wrist = still[f"{side}_elbow"] + 0.25 * along(degrees, FORWARD)
    ankle = still[f"{side}_knee"] + 0.4 * along(degrees, -FORWARD)
    bent = person(**{f"{side}_wrist": wrist, f"{side}_ankle": ankle})
    assert angle(bent, f"{side}_elbow_bend") == pytest.approx(degrees, abs=1e-3)
    assert angle(bent, f"{side}_knee_bend") == pytest.approx(degrees, abs=1e-3)


@pytest.mark.parametrize(("side", "out"), [("left", LEFT), ("right", -LEFT)])
def test_arm_raised_sideways_and_forward(side, out):
    shoulder = person()[0, H36M17.index(f"{side}_shoulder")]
    sideways = person(**{f"{side}_elbow": shoulder + 0.3 * along(60, out)})
    forward = person(**{f"{side}_elbow": shoulder + 0.3 * along(60, FORWARD)})
    back = person(**{f"{side}_elbow": shoulder + 0.3 * along(30, -FORWARD)})
    assert angle(sideways, f"{side}_shoulder_raise") == pytest.approx(60, abs=1e-3)
    assert angle(sideways, f"{side}_shoulder_forward") == pytest.approx(0, abs=1e-3)
    assert angle(forward, f"{side}_shoulder_raise") == pytest.approx(60, abs=1e-3)
    assert angle(forward, f"{side}_shoulder_forward") == pytest.approx(60, abs=1e-3)
    assert angle(back, f"{side}_shoulder_forward") == pytest.approx(-30, abs=1e-3)


@pytest.mark.parametrize(("side", "out"), [("left", LEFT), ("right", -LEFT)])
def test_thigh_lifted_forward_back_and_outwards(side, out):
    hip = person()[0, H36M17.index(f"{side}_hip")]
    forward = person(**{f"{side}_knee": hip + 0.45 * along(80, FORWARD)})
    back = person(**{f"{side}_knee": hip + 0.45 * along(20, -FORWARD)})
    outwards = person(**{f"{side}_knee": hip + 0.45 * along(35, out)})
    assert angle(forward, f"{side}_hip_bend") == pytest.approx(80, abs=1e-3)
    assert angle(back, f"{side}_hip_bend") == pytest.approx(-20, abs=1e-3)
    assert angle(outwards, f"{side}_hip_spread") == pytest.approx(35, abs=1e-3)
    assert angle(outwards, f"{side}_hip_bend") == pytest.approx(0, abs=1e-3)


def test_head_nods_forward_and_tilts_to_the_left():
    thorax = person()[0, H36M17.index("thorax")]
    assert angle(person(head=thorax + 0.3 * along(25, FORWARD, UP)), "head_nod") == pytest.approx(25, abs=1e-3)
    assert angle(person(head=thorax + 0.3 * along(15, LEFT, UP)), "head_tilt") == pytest.approx(15, abs=1e-3)
    assert angle(person(head=thorax + 0.3 * along(15, -LEFT, UP)), "head_tilt") == pytest.approx(-15, abs=1e-3)


def test_shoulders_turned_to_the_left_are_a_twist():
    spun = dict(zip(H36M17.joints, person()[0], strict=True))
    turn = Rotation.from_rotvec(np.deg2rad(30) * UP)  # forward goes to the left
    upper = {name: turn.apply(spun[name]) for name in spun if "shoulder" in name or "elbow" in name or "wrist" in name}
    assert angle(person(**upper), "trunk_twist") == pytest.approx(30, abs=1e-3)


def test_upper_trunk_bent_forward_and_to_the_side():
    spine = person()[0, H36M17.index("spine")]
    assert angle(person(thorax=spine + 0.25 * along(20, FORWARD, UP)), "trunk_bend") == pytest.approx(20, abs=0.5)
    assert angle(person(thorax=spine + 0.25 * along(20, LEFT, UP)), "trunk_side") == pytest.approx(20, abs=0.5)


def test_angles_do_not_change_with_rotation_size_or_place():
    poses = random_poses(20).numpy().astype(float)
    moved = 3.7 * Rotation.random(rng=np.random.default_rng(1)).apply(poses.reshape(-1, 3)).reshape(poses.shape) + 5
    assert wrap_deg(joint_angles(moved) - joint_angles(poses)) == pytest.approx(np.zeros((20, len(ANGLES))), abs=1e-6)


def test_a_mirror_exchanges_sides_and_turns_left_into_right():
    poses = random_poses(20).numpy().astype(float)
    mirrored = (poses * [1, -1, 1])[:, H36M17.flip_order]
    names = [angle.name for angle in ANGLES]
    expected = joint_angles(poses)
    swapped = expected[:, [names.index(_other(name)) for name in names]]
    signs = np.where([name in ("head_tilt", "trunk_side", "trunk_twist") for name in names], -1, 1)
    assert wrap_deg(joint_angles(mirrored) - signs * swapped) == pytest.approx(np.zeros_like(expected), abs=1e-6)


def _other(name):
    side, _, rest = name.partition("_")
    return {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, name)


def test_unknown_poses_have_unknown_angles():
    poses = np.concatenate([person(), np.full((1, 17, 3), np.nan)])
    assert np.isfinite(joint_angles(poses)[0]).all() and np.isnan(joint_angles(poses)[1]).all()
    assert joint_angles(np.zeros((0, 17, 3))).shape == (0, len(ANGLES))


def test_poses_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"poses: expected \(T, 17, 3\), got \(2, 13, 3\)"):
        joint_angles(np.zeros((2, 13, 3)))
    with pytest.raises(ValueError, match="root_rotation: expected"):
        root_angles(person(), np.zeros((2, 4)))


def test_somebody_who_faces_the_camera_upright_neither_leans_nor_is_turned():
    angles = root_angles(person(), TOWARDS_CAMERA.as_quat(scalar_first=True)[None])
    assert angles == pytest.approx(np.zeros((1, 3)), abs=1e-4)


@pytest.mark.parametrize("heading", [0, 50, 180, 250])
def test_lean_is_told_whichever_way_one_faces(heading):
    turned = TOWARDS_CAMERA * Rotation.from_rotvec(np.deg2rad(heading) * UP)
    forward = turned * Rotation.from_rotvec(np.deg2rad(20) * np.cross(UP, FORWARD))
    left = turned * Rotation.from_rotvec(np.deg2rad(-15) * np.cross(LEFT, UP))
    assert lean(person(), forward, "lean_forward") == pytest.approx(20, abs=1e-3)
    assert lean(person(), forward, "lean_left") == pytest.approx(0, abs=1e-3)
    assert lean(person(), left, "lean_left") == pytest.approx(15, abs=1e-3)
    assert wrap_deg(lean(person(), turned, "facing") - heading) == pytest.approx(0, abs=1e-3)


def test_facing_stays_what_it_was_when_somebody_bends_down():
    bent = TOWARDS_CAMERA * Rotation.from_rotvec(np.deg2rad(100) * np.cross(UP, FORWARD))
    assert lean(person(), bent, "facing") == pytest.approx(0, abs=1e-3)
    assert lean(person(), bent, "lean_forward") == pytest.approx(100, abs=1e-3)


def test_lean_and_facing_of_somebody_who_lies_on_a_side_are_unknown():
    lying = TOWARDS_CAMERA * Rotation.from_rotvec(np.deg2rad(90) * np.cross(UP, LEFT))
    assert np.isnan(lean(person(), lying, "facing"))


def test_unknown_rotation_has_unknown_root_angles():
    assert np.isnan(root_angles(person(), np.full((1, 4), np.nan))).all()


def test_angles_wrap_at_half_a_turn():
    assert wrap_deg(np.array([-181.0, 0.0, 180.0, 540.0, np.nan])) == pytest.approx(
        [179.0, 0.0, -180.0, -180.0, np.nan], nan_ok=True
    )
