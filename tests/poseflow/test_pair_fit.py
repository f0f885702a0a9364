import numpy as np
import pytest
import torch
from poses import random_poses
from scipy.spatial.transform import Rotation

from poseflow.hinges import HINGES, bones_of, hinge_axes, poses_of, turn_bones
from poseflow.joint_angles import ANGLES, joint_angles
from poseflow.pair_fit import PairFit, ViewedPoses, fit_pair
from vvipe.datasets.bodies import coco13_joints
from vvipe.geometry import to_canonical
from vvipe.skeleton import COCO13

FRAMES, STEP_S = 45, 1 / 30
UPRIGHT = Rotation.from_matrix([[0, -1, 0], [0, 0, -1], [1, 0, 0]])


def moving_person():
    """(T, 17, 3) canonical poses that go evenly from one random pose to another."""
    ends = to_canonical(random_poses(2, seed=5, spread=0.12)).numpy().astype(float)
    share = np.linspace(0, 1, FRAMES)[:, None, None]
    return to_canonical(torch.from_numpy((1 - share) * ends[0] + share * ends[1])).numpy()


def bent(poses, hinge, degrees):
    angles = np.zeros((len(poses), len(HINGES)))
    angles[:, HINGES.index(hinge)] = np.deg2rad(degrees)
    return poses_of(turn_bones(bones_of(poses), hinge_axes(poses), angles))


def seen(poses, heading_deg, *, error=0.0, seed=0):
    """What a camera sees exactly, and a decoded pose whose joints are wrong, alike in all frames, by about `error`."""
    turn = UPRIGHT * Rotation.from_euler("z", heading_deg, degrees=True)
    in_camera = turn.apply(coco13_joints(torch.from_numpy(poses)).numpy().reshape(-1, 3)).reshape(len(poses), 13, 3)
    keypoints = 500 * in_camera[..., :2] / (1 + in_camera[..., 2:] / 8)
    wrong = error * np.random.default_rng(seed).standard_normal((1, 17, 3))
    quaternions = np.tile(turn.as_quat(scalar_first=True), (len(poses), 1))
    return ViewedPoses(poses + wrong, quaternions, keypoints, np.ones((len(poses), 13)))


def differences(fit: PairFit):
    """Angle -> mean difference, degrees."""
    mean = (joint_angles(fit.query_poses) - joint_angles(fit.ref_poses)).mean(0)
    return dict(zip([angle.name for angle in ANGLES], mean, strict=True))


def test_two_views_of_one_pose_do_not_differ_however_wrongly_they_are_decoded():
    poses = moving_person()
    views = seen(poses, 10, error=0.08), seen(poses, 80, error=0.08, seed=1)
    decoded = joint_angles(views[1].poses) - joint_angles(views[0].poses)
    assert np.abs(decoded.mean(0)).max() > 15
    assert max(map(abs, differences(fit_pair(*views, step_s=STEP_S)).values())) < 4


@pytest.mark.parametrize(
    ("hinge", "degrees"), [("left_elbow_bend", 35), ("right_knee_bend", 30), ("right_hip_bend", 25)]
)
def test_a_bent_joint_is_found_though_both_poses_are_decoded_alike(hinge, degrees):
    poses = moving_person()
    query = bent(poses, hinge, degrees)
    right_camera = seen(query, 80)
    told_nothing = ViewedPoses(poses, right_camera.rotation, right_camera.keypoints, right_camera.scores)
    found = differences(fit_pair(seen(poses, 10), told_nothing, step_s=STEP_S))
    others = [abs(value) for name, value in found.items() if name.rsplit("_", 1)[0] != hinge.rsplit("_", 1)[0]]
    assert 0.4 * degrees < found[hinge] < 1.2 * degrees  # pulled to none where a turn in depth looks like another pose
    assert max(others) < 0.3 * degrees


def test_a_turn_that_the_cameras_cannot_see_is_not_sure():
    poses = moving_person()
    hidden = [seen(poses, 10), seen(poses, 80)]
    for view in hidden:
        view.keypoints[:, COCO13.index("left_ankle")] = np.nan
    blind = fit_pair(*hidden, step_s=STEP_S)
    sure = fit_pair(seen(poses, 10), seen(poses, 80), step_s=STEP_S)
    knee = HINGES.index("left_knee_bend")
    assert np.median(blind.turn_sd_deg[:, knee] / sure.turn_sd_deg[:, knee]) > 1.4


def test_an_error_of_the_alignment_in_a_quick_movement_is_no_difference():
    share = np.linspace(0, 1, FRAMES)
    swing = bent(np.repeat(moving_person()[:1], FRAMES, axis=0), "left_shoulder_raise", 60 * share)
    late = bent(np.repeat(moving_person()[:1], FRAMES, axis=0), "left_shoulder_raise", 60 * (share - 0.1))
    found = differences(fit_pair(seen(swing, 10), seen(late, 80), step_s=STEP_S))
    assert abs(found["left_shoulder_raise"]) < 3.5  # 6 degrees, or 0.15 s, later


def test_bones_are_nearly_as_long_in_all_of_the_clip():
    poses = moving_person()
    wrong = [seen(poses, 10), seen(poses, 80)]
    noise = np.random.default_rng(2).normal(0, 0.05, (2, *poses.shape))
    views = [ViewedPoses(v.poses + n, v.rotation, v.keypoints, v.scores) for v, n in zip(wrong, noise, strict=True)]
    lengths = np.linalg.norm(bones_of(fit_pair(*views, step_s=STEP_S).ref_poses), axis=-1)
    decoded = np.linalg.norm(bones_of(views[0].poses), axis=-1)
    assert (lengths.std(0) / lengths.mean(0)).max() < 0.6 * (decoded.std(0) / decoded.mean(0)).min()


def test_without_keypoints_the_poses_stay_finite():
    poses = moving_person()[:3]
    nothing = ViewedPoses(poses, np.full((3, 4), np.nan), np.full((3, 13, 2), np.nan), np.zeros((3, 13)))
    fit = fit_pair(nothing, nothing, step_s=STEP_S)
    assert np.isfinite(fit.query_poses).all() and np.abs(fit.turn_deg).max() < 1e-3


def test_one_frame_and_more_frames_than_one_chunk_are_fitted_alike():
    poses = np.repeat(moving_person()[:1], 300, axis=0)
    long = fit_pair(seen(poses, 10), seen(poses, 80), step_s=STEP_S)
    short = fit_pair(seen(poses[:1], 10), seen(poses[:1], 80), step_s=STEP_S)
    assert long.ref_poses[150] == pytest.approx(short.ref_poses[0], abs=0.02)
