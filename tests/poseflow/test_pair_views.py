import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from poseflow.pair_views import TO_COCO13, View, cross_matrices, relation, smooth_rotations
from vvipe.skeleton import COCO13

RANDOM = np.random.default_rng(0)


def view_of(rotation, *, points=None, weights=None):
    frames = len(rotation)
    points = RANDOM.normal(size=(frames, 13, 2)) if points is None else points
    weights = np.ones((frames, 13)) if weights is None else weights
    return View(points, weights, rotation, rotation)


def projected(poses, rotation, *, distance=8.0):
    """(13, 2) by a slow loop."""
    rows = []
    for joint in TO_COCO13:
        x, y, z = rotation @ poses[joint]
        rows.append([x / (1 + z / distance), y / (1 + z / distance)])
    return np.array(rows)


def linearized(view, poses):
    return view.linearize(poses, keypoint_sd=0.04, outlier_sd=0.12, distance=8.0)


def test_keypoints_of_any_size_and_place_that_fit_leave_no_residual():
    rotation = Rotation.random(2, random_state=1).as_matrix()
    poses = RANDOM.normal(0, 0.5, (2, 17, 3))
    points = np.stack([300 + 120 * projected(pose, turn) for pose, turn in zip(poses, rotation, strict=True)])
    seen = linearized(view_of(rotation, points=points), poses)
    assert np.abs(seen.residual).max() < 1e-9
    assert seen.weights == pytest.approx(np.full((2, 13), 1 / 0.04**2))


def test_slopes_are_those_of_small_changes():
    rotation = Rotation.random(1, random_state=2).as_matrix()
    poses = RANDOM.normal(0, 0.5, (1, 17, 3))
    seen = linearized(view_of(rotation), poses)
    step, wrist = 1e-6, TO_COCO13[COCO13.index("left_wrist")]
    start = projected(poses[0], rotation[0])
    for axis in range(3):
        moved = poses[0].copy()
        moved[wrist, axis] += step
        change = (projected(moved, rotation[0]) - start)[COCO13.index("left_wrist")] / step
        assert seen.by_joint[0, COCO13.index("left_wrist"), :, axis] == pytest.approx(change, abs=1e-5)
        turn = Rotation.from_rotvec(step * np.eye(3)[axis]).as_matrix() @ rotation[0]
        assert seen.by_camera[0, :, :, axis] == pytest.approx((projected(poses[0], turn) - start) / step, abs=1e-5)


def test_a_keypoint_that_is_far_off_counts_less_and_one_that_is_not_seen_not_at_all():
    rotation, poses = np.eye(3)[None], RANDOM.normal(0, 0.5, (1, 17, 3))
    points = 100 * projected(poses[0], rotation[0])[None]
    wrist, ankle = COCO13.index("left_wrist"), COCO13.index("left_ankle")
    points[0, wrist] += 40
    weights = np.ones((1, 13))
    weights[0, ankle] = 0
    found = linearized(view_of(rotation, points=points, weights=weights), poses).weights[0]
    assert found[ankle] == 0 and found[wrist] < 0.3 * np.median(found)


def test_the_way_between_two_cameras_leads_from_the_first_to_the_second():
    first, second = Rotation.random(4, random_state=3).as_matrix(), Rotation.random(4, random_state=4).as_matrix()
    way = relation((view_of(first), view_of(second)))
    assert way @ first == pytest.approx(second)


def test_smoothing_keeps_a_constant_rotation_and_takes_the_middle_of_an_even_turn():
    constant = np.repeat(Rotation.random(random_state=5).as_matrix()[None], 9, axis=0)
    assert smooth_rotations(constant, 4) == pytest.approx(constant)
    turning = Slerp([0, 1], Rotation.random(2, random_state=6))(np.linspace(0, 1, 21)).as_matrix()
    assert smooth_rotations(turning, 5)[10] == pytest.approx(turning[10])
    assert smooth_rotations(turning, 5) @ smooth_rotations(turning, 5).transpose(0, 2, 1) == pytest.approx(
        np.repeat(np.eye(3)[None], 21, axis=0)
    )


def test_cross_matrices_are_cross_products():
    a, b = RANDOM.normal(size=(2, 5, 3))
    assert (cross_matrices(a) @ b[..., None])[..., 0] == pytest.approx(np.cross(a, b))
