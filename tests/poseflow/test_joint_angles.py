import numpy as np
import pytest
from poses import STANDING, random_poses, random_rotations
from scipy.spatial.transform import Rotation

from poseflow.joint_angles import ANGLES, ROOT_ANGLES, joint_angles, root_angles, wrap_deg
from vvipe.skeleton import H36M17

FORWARD, LEFT, UP = np.array([-1.0, 0, 0]), np.array([0.0, -1, 0]), np.array([0.0, 0, 1])
# A level camera in front of the person: canonical forward -> towards it (-z), left -> right in the picture, up -> -y.
IN_FRONT = Rotation.from_matrix([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])


def column(angles, name):
    names = [angle.name for angle in (ANGLES if angles.shape[1] == len(ANGLES) else ROOT_ANGLES)]
    return angles[:, names.index(name)]


def placed(**joints):
    """(1, 17, 3) the standing person with joints moved to given places."""
    places = {**STANDING, **{name: tuple(place) for name, place in joints.items()}}
    return np.array([[places[joint] for joint in H36M17.joints]])


@pytest.mark.parametrize(("direction", "raise_deg", "forward_deg"), [
    (-UP, 0, 0), (FORWARD, 90, 90), (LEFT, 90, 0), (UP, 180, 0), (-FORWARD, 90, -90), (FORWARD - UP, 45, 45),
])  # fmt: skip
def test_the_upper_arm_is_raised_and_forward_as_its_direction_says(direction, raise_deg, forward_deg):
    shoulder = np.array(STANDING["left_shoulder"])
    angles = joint_angles(placed(left_elbow=shoulder + 0.3 * direction / np.linalg.norm(direction)))
    assert column(angles, "left_shoulder_raise") == pytest.approx(raise_deg, abs=1e-4)
    assert column(angles, "left_shoulder_forward") == pytest.approx(forward_deg, abs=1e-4)


@pytest.mark.parametrize("bend", [0, 30, 90, 150])
@pytest.mark.parametrize(("joint", "chain"), [("elbow", ("shoulder", "wrist")), ("knee", ("hip", "ankle"))])
@pytest.mark.parametrize("side", ["left", "right"])
def test_elbow_and_knee_are_straight_at_0_and_bent_by_the_turn_of_the_lower_part(side, joint, chain, bend):
    near, middle = np.array(STANDING[f"{side}_{chain[0]}"]), np.array(STANDING[f"{side}_{joint}"])
    along = (middle - near) / np.linalg.norm(middle - near)
    across = np.cross(along, LEFT) / np.linalg.norm(np.cross(along, LEFT))
    end = middle + 0.3 * (np.cos(np.deg2rad(bend)) * along + np.sin(np.deg2rad(bend)) * across)
    angles = joint_angles(placed(**{f"{side}_{chain[1]}": end}))
    assert column(angles, f"{side}_{joint}_bend") == pytest.approx(bend, abs=1e-4)


def test_hips_bend_forward_and_spread_outwards_on_both_sides():
    for side, out in (("left", LEFT), ("right", -LEFT)):
        hip = np.array(STANDING[f"{side}_hip"])
        forward = joint_angles(placed(**{f"{side}_knee": hip + FORWARD - UP}))
        assert column(forward, f"{side}_hip_bend") == pytest.approx(45)
        spread = joint_angles(placed(**{f"{side}_knee": hip + 0.5 * out - np.sqrt(0.75) * UP}))
        assert column(spread, f"{side}_hip_spread") == pytest.approx(30)
        assert column(spread, f"{side}_hip_bend") == pytest.approx(0)


def test_shoulders_turned_to_the_left_are_a_twist_to_the_left():
    turn = Rotation.from_rotvec(np.deg2rad(30) * UP)
    assert turn.apply(FORWARD) @ LEFT > 0  # that way is left
    moved = {name: turn.apply(STANDING[name]) for name in STANDING if "shoulder" in name or "elbow" in name}
    assert column(joint_angles(placed(**moved)), "trunk_twist") == pytest.approx(30, abs=1e-4)


def test_an_upper_trunk_that_bends_forward_or_to_the_left_has_a_positive_angle():
    spine = np.array(STANDING["spine"])
    for toward, name, other in ((FORWARD, "trunk_bend", "trunk_side"), (LEFT, "trunk_side", "trunk_bend")):
        angles = joint_angles(placed(thorax=spine + 0.25 * (np.cos(0.35) * UP + np.sin(0.35) * toward)))
        assert column(angles, name) == pytest.approx(np.rad2deg(0.35), abs=1e-3)
        assert abs(column(angles, other)) < 1e-6


def test_a_head_to_the_left_is_tilted_and_a_head_forward_nods():
    thorax = np.array(STANDING["thorax"])
    for toward, name in ((FORWARD, "head_nod"), (LEFT, "head_tilt")):
        angles = joint_angles(placed(head=thorax + 0.25 * (np.cos(0.2) * UP + np.sin(0.2) * toward)))
        assert column(angles, name) == pytest.approx(np.rad2deg(0.2), abs=1e-3)


def test_angles_know_neither_camera_nor_size():
    poses = random_poses(20).numpy()
    turned = poses @ random_rotations(20).numpy().transpose(0, 2, 1) * 3.0 + 1.0
    np.testing.assert_allclose(joint_angles(turned), joint_angles(poses), atol=2e-3)


def test_a_mirror_exchanges_sides_and_turns_the_sign_of_sideways_angles():
    poses = random_poses(8).numpy()
    mirrored = (poses * [1, -1, 1])[:, H36M17.flip_order]
    angles, image = joint_angles(poses), joint_angles(mirrored)
    for angle in ANGLES:
        other = angle.name.replace("left", "\0").replace("right", "left").replace("\0", "right")
        sign = -1 if angle.name in ("head_tilt", "trunk_side", "trunk_twist") else 1
        np.testing.assert_allclose(column(image, other), sign * column(angles, angle.name), atol=1e-3)


def test_poses_that_are_not_known_give_unknown_angles():
    poses = np.concatenate([placed(), np.full((1, 17, 3), np.nan)])
    angles = joint_angles(poses)
    assert np.isfinite(angles[0]).all()
    assert np.isnan(angles[1]).all()
    assert joint_angles(poses[:0]).shape == (0, len(ANGLES))


def test_poses_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"poses: expected \(T, 17, 3\)"):
        joint_angles(np.zeros((4, 13, 3)))
    with pytest.raises(ValueError, match="root_rotation"):
        root_angles(np.zeros((4, 17, 3)), np.zeros((3, 4)))


def root_of(turn):
    return root_angles(placed() - placed()[:, :1], (turn * IN_FRONT).as_quat(scalar_first=True)[None])


@pytest.mark.parametrize(("axis", "degrees", "expected"), [
    ((0, -1, 0), 30, (0, 0, 30)),  # about up: towards the person's own left
    ((0, -1, 0), -75, (0, 0, -75)),
    ((1, 0, 0), 20, (20, 0, 0)),  # the head comes towards the camera
    ((1, 0, 0), 100, (100, 0, 0)),  # bent down, the head below the hips: still facing the camera
    ((0, 0, 1), 25, (0, 25, 0)),  # the head goes to the right of the picture, the person's left
])  # fmt: skip
def test_lean_and_facing_are_those_of_a_turned_person(axis, degrees, expected):
    turn = Rotation.from_rotvec(np.deg2rad(degrees) * np.array(axis))
    np.testing.assert_allclose(root_of(turn)[0], expected, atol=1e-4)


def test_who_lies_on_a_side_faces_nowhere_and_leans_as_far():
    lying = root_of(Rotation.from_rotvec([0, 0, np.pi / 2]))
    assert np.isnan(column(lying, "facing")).all()


def test_unknown_rotations_give_unknown_angles():
    poses = np.repeat(placed(), 2, axis=0)
    rotation = np.stack([np.full(4, np.nan), IN_FRONT.as_quat(scalar_first=True)])
    angles = root_angles(poses, rotation)
    assert np.isnan(angles[0]).all()
    assert np.isfinite(angles[1]).all()
    assert np.isnan(root_angles(poses[:1], rotation[:1])).all()


def test_wrapped_angles_lie_within_half_a_turn():
    np.testing.assert_allclose(wrap_deg(np.array([190.0, -190, 180, 359, 0])), [-170, 170, -180, -1, 0])
