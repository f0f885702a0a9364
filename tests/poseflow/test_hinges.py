import numpy as np
import pytest
from poses import random_poses, standing
from scipy.spatial.transform import Rotation

from poseflow.hinges import HINGES, MOVED, bones_of, hinge_axes, poses_of, turn_bones
from poseflow.joint_angles import ANGLES, joint_angles, wrap_deg
from vvipe.skeleton import H36M17

NAMES = [angle.name for angle in ANGLES]


def turned(poses, hinge, degrees):
    axes, angles = hinge_axes(poses), np.zeros((len(poses), len(HINGES)))
    angles[:, HINGES.index(hinge)] = np.deg2rad(degrees)
    return poses_of(turn_bones(bones_of(poses), axes, angles))


def bent_people(count=30):
    """Random people whose arms and legs are neither straight nor hanging."""
    poses = random_poses(4 * count, seed=3, spread=0.12).numpy().astype(float)
    angles = joint_angles(poses)
    limbs = [NAMES.index(f"{side}_{name}") for side in ("left", "right") for name in ("elbow_bend", "knee_bend")]
    raises = [NAMES.index(f"{side}_shoulder_raise") for side in ("left", "right")]
    return poses[((angles[:, limbs] > 20) & (angles[:, limbs] < 120)).all(1) & (angles[:, raises] > 20).all(1)][:count]


def test_bones_and_poses_are_each_others_inverse():
    poses = random_poses(5).numpy()
    assert poses_of(bones_of(poses)) == pytest.approx(poses - poses[:, :1], abs=1e-5)


@pytest.mark.parametrize("joint", ["elbow_bend", "knee_bend", "shoulder_raise"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_hinge_changes_its_own_angle_by_exactly_the_turn(side, joint):
    poses = bent_people()
    assert len(poses) > 5
    change = wrap_deg(joint_angles(turned(poses, f"{side}_{joint}", 12.0)) - joint_angles(poses))
    assert change[:, NAMES.index(f"{side}_{joint}")] == pytest.approx(np.full(len(poses), 12.0), abs=1e-6)


@pytest.mark.parametrize("hinge", [name for name in HINGES if "swing" not in name])
def test_a_small_turn_makes_the_angle_of_that_name_larger(hinge):
    poses = np.concatenate([standing().numpy().astype(float), bent_people(10)])
    change = wrap_deg(joint_angles(turned(poses, hinge, 3.0)) - joint_angles(poses))
    assert (change[:, NAMES.index(hinge)] > 0.5).all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_swing_brings_a_level_arm_forward_and_does_not_raise_it(side):
    poses = standing().numpy().astype(float)
    shoulder, elbow = H36M17.indices(f"{side}_shoulder", f"{side}_elbow")
    poses[:, elbow] = poses[:, shoulder] + [0, -0.3 if side == "left" else 0.3, 0]
    change = joint_angles(turned(poses, f"{side}_shoulder_swing", 20.0)) - joint_angles(poses)
    assert change[0, NAMES.index(f"{side}_shoulder_forward")] == pytest.approx(20, abs=1e-4)
    assert change[0, NAMES.index(f"{side}_shoulder_raise")] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("hinge", HINGES)
def test_turns_keep_bone_lengths_and_all_joints_that_do_not_hang_on_the_hinge(hinge):
    poses = random_poses(6, seed=1).numpy().astype(float)
    bones, after = bones_of(poses), bones_of(turned(poses, hinge, 25.0))
    assert np.linalg.norm(after, axis=-1) == pytest.approx(np.linalg.norm(bones, axis=-1), abs=1e-9)
    still = ~MOVED[HINGES.index(hinge)]
    assert after[:, still] == pytest.approx(bones[:, still], abs=1e-12)


def test_forearm_goes_with_the_upper_arm():
    poses = bent_people(5)
    change = joint_angles(turned(poses, "left_shoulder_raise", 30.0)) - joint_angles(poses)
    assert change[:, NAMES.index("left_elbow_bend")] == pytest.approx(np.zeros(len(poses)), abs=1e-6)


def test_several_turns_are_made_one_after_the_other_the_outermost_first():
    poses = random_poses(3, seed=4).numpy().astype(float)
    axes, bones = hinge_axes(poses), bones_of(poses)
    angles = np.random.default_rng(0).uniform(-0.6, 0.6, (3, len(HINGES)))
    slow = bones.copy()
    for hinge in sorted(range(len(HINGES)), key=lambda hinge: MOVED[hinge].sum()):
        for frame in range(3):
            turn = Rotation.from_rotvec(axes[frame, hinge] * angles[frame, hinge])
            slow[frame, MOVED[hinge]] = turn.apply(slow[frame, MOVED[hinge]])
    assert turn_bones(bones, axes, angles) == pytest.approx(slow)
