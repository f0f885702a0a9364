import numpy as np
import pytest
from poseflow_benchmarks.other_bodies import as_other_person
from poses import random_poses

from vvipe.datasets.bodies import BodyRange
from vvipe.skeleton import H36M17

NOBODY = BodyRange(detector_fraction=0.0, bone_length_sd=0.0, joint_sd=0.0)


def moving():
    """(5, 17, 3) of one person, pelvis at the origin."""
    return random_poses(5, seed=1, spread=0.1).numpy().astype(float)


def bone_lengths(poses, *bones):
    return np.stack([np.linalg.norm(poses[:, H36M17.index(b)] - poses[:, H36M17.index(a)], axis=-1) for a, b in bones])


def test_without_any_spread_bones_point_where_they_did():
    poses = moving()
    other = as_other_person(poses, np.random.default_rng(0), bodies=NOBODY)
    for parent, child in H36M17.bones:
        before, after = (p[:, child] - p[:, parent] for p in (poses, other))
        cosine = (before * after).sum(-1) / np.linalg.norm(before, axis=-1) / np.linalg.norm(after, axis=-1)
        np.testing.assert_allclose(cosine, 1, atol=1e-5)


def test_one_body_is_drawn_for_all_frames_with_both_sides_alike():
    bodies = BodyRange(detector_fraction=0.0, joint_sd=0.0)
    other = as_other_person(moving(), np.random.default_rng(3), bodies=bodies)
    left, right = bone_lengths(other, ("left_hip", "left_knee"), ("right_hip", "right_knee"))
    assert np.ptp(left) < 1e-5 and np.ptp(right) < 1e-5
    own = bone_lengths(moving(), ("left_hip", "left_knee"))
    assert abs(np.median(left) - np.median(own)) > 1e-3


def test_a_detectors_wrists_lie_beyond_the_forearms_end():
    bodies = BodyRange(detector_fraction=1.0, bone_length_sd=0.0, joint_sd=0.0, forearm=(1.3, 1.3))
    other = as_other_person(moving(), np.random.default_rng(0), bodies=bodies)
    plain = as_other_person(moving(), np.random.default_rng(0), bodies=NOBODY)
    bone = ("right_elbow", "right_wrist")
    np.testing.assert_allclose(bone_lengths(other, bone), 1.3 * bone_lengths(plain, bone), rtol=1e-5)


def test_joints_are_moved_by_as_much_in_every_frame():
    moved = as_other_person(moving(), np.random.default_rng(5), bodies=BodyRange(detector_fraction=0.0, joint_sd=0.05))
    plain = as_other_person(moving(), np.random.default_rng(5), bodies=BodyRange(detector_fraction=0.0, joint_sd=0.0))
    by = np.linalg.norm(moved - plain, axis=-1)
    assert np.ptp(by, axis=0).max() < 1e-6
    assert by[0, H36M17.index("left_knee")] > 0.003 and by[0, H36M17.index("spine")] == 0


@pytest.mark.parametrize("frames", [1, 2])
def test_short_clips_have_a_body_too(frames):
    other = as_other_person(moving()[:frames], np.random.default_rng(0))
    assert other.shape == (frames, 17, 3) and np.isfinite(other).all()
