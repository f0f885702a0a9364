import numpy as np
import pytest
from lifted_tracks import make_lifted
from scipy.spatial.transform import Rotation

from poseflow.lifted import FrameState
from vvipe.skeleton import H36M17


def test_height_is_that_of_the_bones_from_ankle_to_head_over_their_share():
    track = make_lifted(height_m=2.0)
    pose = track.poses[0]
    chain = ["left_ankle", "left_knee", "left_hip"], ["pelvis", "spine", "thorax", "neck_nose", "head"]
    length = sum(
        np.linalg.norm(pose[H36M17.index(a)] - pose[H36M17.index(b)])
        for part in chain
        for a, b in zip(part, part[1:], strict=False)
    )
    assert length == pytest.approx(2.0 * 0.9, rel=1e-6)
    assert track.unit == "metre"


def test_without_a_height_the_torso_is_one():
    track = make_lifted(height_m=None)
    pelvis, spine, thorax = (track.poses[:, H36M17.index(name)] for name in ("pelvis", "spine", "thorax"))
    torso = np.linalg.norm(spine - pelvis, axis=1) + np.linalg.norm(thorax - spine, axis=1)
    np.testing.assert_allclose(torso, 1, atol=1e-9)
    assert track.unit == "torso length"
    assert track.in_metres().height_m == 1.75


def test_camera_frame_is_the_canonical_pose_turned_by_the_root():
    track = make_lifted(frame="camera", height_m=None)
    for pose, canonical, quaternion in zip(track.poses, track.canonical, track.root_rotation, strict=True):
        turned = [Rotation.from_quat(quaternion, scalar_first=True).apply(joint) for joint in canonical]
        np.testing.assert_allclose(pose, turned, atol=1e-9)


def test_even_times_are_left_alone():
    track = make_lifted()
    assert track.at_even_times() is track


def test_uneven_times_become_even_with_rigid_bones():
    track = make_lifted(5, time_s=[0, 0.04, 0.08, 0.2, 0.24], state=[0, 0, 0, 2, 0])
    even = track.at_even_times()
    np.testing.assert_allclose(even.time_s, np.arange(7) * 0.04)
    np.testing.assert_allclose(even.canonical[[0, 1, 2, 5, 6]], track.canonical, atol=1e-6)
    parents, children = np.array(H36M17.bones).T
    lengths = np.linalg.norm(even.canonical[:, children] - even.canonical[:, parents], axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(track.bone_lengths, lengths.shape), atol=1e-9)
    assert list(even.state[3:6]) == [FrameState.HELD] * 3
    whole = Rotation.from_quat(track.root_rotation[2:4], scalar_first=True)
    third = Rotation.from_quat(even.root_rotation[3], scalar_first=True)
    angle = (whole[0].inv() * whole[1]).magnitude()
    assert (whole[0].inv() * third).magnitude() == pytest.approx(angle / 3, rel=1e-6)


def test_one_frame_has_a_step():
    track = make_lifted(1)
    assert track.at_even_times() is track
    assert track.step_s == pytest.approx(1 / 30)


@pytest.mark.parametrize("time_s", [[], [0, 0], [1, 0]])
def test_times_must_rise(time_s):
    with pytest.raises(ValueError, match="time_s"):
        make_lifted(max(1, len(time_s)), time_s=time_s)
