import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from told_poses import FACING_CAMERA, PoseIsVector, bent_person, path_result, pose_track

from poseflow.angle_differences import ALL_ANGLES, GRID_S, aligned_times, angle_differences, sampled
from poseflow.match_records import Pause
from poseflow.records import PoseTrack
from vvipe.datasets.bodies import coco13_joints
from vvipe.skeleton import COCO13

TIME_S = np.arange(31) / 30
NAMES = [angle.name for angle in ALL_ANGLES]


def points_of(poses, *, hidden=()):
    """Keypoints of people who face the camera; joints of `hidden` are not seen."""
    turned = Rotation.from_quat(FACING_CAMERA, scalar_first=True).apply(
        coco13_joints(torch.from_numpy(poses)).numpy().reshape(-1, 3)
    )
    in_camera = turned.reshape(len(poses), 13, 3) * 2  # metres to torso lengths of the standing person
    keypoints = (500 * in_camera[..., :2] / (1 + in_camera[..., 2:] / 8)).astype(np.float32)
    keypoints[:, [COCO13.index(joint) for joint in hidden]] = np.nan
    frames = len(poses)
    return PoseTrack(
        person_id=1,
        skeleton=COCO13,
        index=np.arange(frames),
        time_s=TIME_S,
        keypoints=keypoints,
        scores=np.isfinite(keypoints).all(-1).astype(np.float32),
        boxes=np.zeros((frames, 4), np.float32),
        box_scores=np.ones(frames, np.float32),
    )


def compared(ref, query, **tracks):
    return angle_differences(
        pose_track(TIME_S, ref),
        pose_track(TIME_S, query),
        path_result(TIME_S, TIME_S),
        decoder=PoseIsVector(),
        **tracks,
    )


def test_without_keypoints_the_decoded_angles_are_compared():
    found = compared(bent_person(TIME_S), bent_person(TIME_S, left_elbow_bend=25.0))
    assert not found.has_keypoints and found.is_seen.all()
    assert found.time_s == pytest.approx(np.arange(16) * GRID_S) and np.isnan(found.sd_deg).all()
    assert found.delta_deg[:, NAMES.index("left_elbow_bend")] == pytest.approx(np.full(16, 25.0), abs=0.01)
    others = np.delete(found.delta_deg, NAMES.index("left_elbow_bend"), axis=1)
    assert others == pytest.approx(np.zeros_like(others), abs=0.01)


def test_joints_that_one_camera_did_not_see_are_not_judged_and_others_are():
    poses = bent_person(TIME_S)
    found = compared(
        poses, poses, ref_track=points_of(poses), query_track=points_of(poses, hidden=["left_wrist", "right_knee"])
    )
    assert found.has_keypoints
    unseen = {name for column, name in enumerate(NAMES) if not found.is_seen[:, column].any()}
    assert {"left_elbow_bend", "right_knee_bend", "right_hip_bend", "right_hip_spread"} <= unseen
    for name in ("right_elbow_bend", "left_shoulder_raise", "head_tilt", "trunk_side"):
        assert found.is_seen[:, NAMES.index(name)].all()


def test_turns_in_depth_are_not_judged_where_both_cameras_stand_in_front():
    poses = bent_person(TIME_S)
    found = compared(poses, poses, ref_track=points_of(poses), query_track=points_of(poses))
    assert not found.is_seen[:, NAMES.index("trunk_twist")].any()
    assert not found.is_seen[:, NAMES.index("head_nod")].any()
    elbow, twist = (np.median(found.sd_deg[:, NAMES.index(name)]) for name in ("left_elbow_bend", "trunk_twist"))
    assert 0 < elbow < twist and np.isnan(found.sd_deg[:, NAMES.index("facing")]).all()


def test_one_person_in_one_camera_twice_does_not_differ():
    poses = bent_person(TIME_S, right_elbow_bend=30.0)
    found = compared(poses, poses, ref_track=points_of(poses), query_track=points_of(poses))
    assert np.abs(found.delta_deg).max() < 1


def test_uncertainties_of_both_sides_count():
    poses = bent_person(TIME_S)
    found = angle_differences(
        pose_track(TIME_S, poses, uncertainty=0.3),
        pose_track(TIME_S, poses, uncertainty=0.4),
        path_result(TIME_S, TIME_S),
        decoder=PoseIsVector(),
    )
    assert found.uncertainty == pytest.approx(np.full(16, 0.5), abs=1e-6)


def test_a_model_without_rotations_judges_joints_but_neither_lean_nor_facing():
    poses = bent_person(TIME_S)
    track = pose_track(TIME_S, poses)
    track.root_rotation[:] = np.nan
    found = angle_differences(track, track, path_result(TIME_S, TIME_S), decoder=PoseIsVector())
    assert np.isfinite(found.delta_deg[:, :17]).all() and not found.is_seen[:, 17:].any()


def test_the_path_is_read_at_even_times_of_the_query():
    ref_s = np.array([0.0, 0.1, 0.2, 0.3, 0.3, 0.3])
    query_s = np.array([0.0, 0.0, 0.0, 0.1, 0.2, 0.3])
    ref, query = aligned_times(path_result(ref_s, query_s))
    assert query == pytest.approx(np.arange(5) * GRID_S)
    assert ref == pytest.approx(np.interp(query, [0, 0.1, 0.2, 0.3], [0.1, 0.3, 0.3, 0.3]))


def test_pauses_of_the_query_are_left_out_and_those_of_the_reference_have_no_time():
    both = (Pause(0.2, 0.5, "query"), Pause(0.6, 0.9, "ref"))
    _, query = aligned_times(path_result(TIME_S, TIME_S, pauses=both))
    assert ((query < 0.2) | (query >= 0.5)).all() and len(query) == 16 - 5


def test_values_are_sampled_linearly_where_both_neighbours_are_known():
    time_s, values = np.array([0.0, 0.1, 0.2, 1.0, 1.1]), np.array([[0.0], [1.0], [np.nan], [4.0], [5.0]])
    at = np.array([-0.1, 0.0, 0.05, 0.1, 0.15, 0.6, 1.0, 1.05, 1.1, 1.2])
    expected = [np.nan, 0.0, 0.5, 1.0, np.nan, np.nan, np.nan, 4.5, 5.0, np.nan]
    found = sampled(time_s, values, at)[:, 0]
    assert np.delete(found, 6) == pytest.approx(np.delete(expected, 6), nan_ok=True)


def test_a_single_frame_is_known_at_its_own_time_alone():
    found = sampled(np.array([2.0]), np.array([[7.0, 8.0]]), np.array([1.9, 2.0]))
    assert found == pytest.approx(np.array([[np.nan, np.nan], [7.0, 8.0]]), nan_ok=True)
