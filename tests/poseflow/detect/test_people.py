import numpy as np
import pytest

from poseflow.detect.people import (
    People,
    match_boxes,
    pose_boxes,
    pose_likeness,
    pose_scores,
    without_doubles,
)


def people_at(*offsets, scores=None, box_scores=None):
    """The same square "pose" (corners of 100 px) shifted by each offset."""
    corners = np.array([[0, 0], [100, 0], [0, 100], [100, 100]], np.float32)
    keypoints = np.stack([corners + np.float32(offset) for offset in offsets])
    boxes = np.stack([np.concatenate([points[0], points[3]]) for points in keypoints])
    count = len(offsets)
    return People(
        keypoints,
        np.full((count, 4), 0.9, np.float32) if scores is None else np.float32(scores),
        boxes,
        np.full(count, 0.5, np.float32) if box_scores is None else np.float32(box_scores),
    )


def test_no_boxes_match_none():
    assert match_boxes(np.zeros((0, 4)), np.zeros((2, 4)), min_overlap=0.3) == []


def test_matching_maximises_the_sum_and_leaves_strangers_alone():
    a = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [50, 50, 60, 60]])
    b = np.array([[4, 0, 14, 10], [0, 0, 10, 10], [100, 0, 110, 10]])
    assert match_boxes(a, b, min_overlap=0.3) == [(0, 1), (1, 0)]


def test_pose_box_surrounds_the_certain_joints_with_a_tenth_more_on_each_side():
    people = people_at((0, 0))
    np.testing.assert_allclose(pose_boxes(people), [[-10, -10, 110, 110]])


def test_uncertain_joints_do_not_stretch_the_pose_box():
    people = people_at((0, 0), scores=[[0.9, 0.9, 0.9, 0.1]])
    people.keypoints[0, 3] = (1e4, np.nan)
    np.testing.assert_allclose(pose_boxes(people), [[-10, -10, 110, 110]])


def test_too_few_joints_leave_the_box_as_it_is():
    people = people_at((7, 8), scores=[[0.9, 0.9, 0, 0]])
    np.testing.assert_allclose(pose_boxes(people), people.boxes)


def test_likeness_of_shifted_poses_has_its_closed_form():
    people = people_at((0, 0), (30, 0))
    area = 120.0**2
    expected = np.exp(-(30**2) / (2 * area * 0.15**2))
    np.testing.assert_allclose(pose_likeness(people), [[1, expected], [expected, 1]], rtol=1e-6)


def test_likeness_ignores_joints_not_certain_in_both():
    people = people_at((0, 0), (0, 0))
    people.keypoints[1, 2:] = np.nan
    np.testing.assert_allclose(pose_likeness(people)[0, 1], 1)
    people.keypoints[1, 1] = (1e4, 1e4)
    people.scores[1, 1] = 0.1
    np.testing.assert_allclose(pose_likeness(people)[0, 1], 1)
    people.keypoints[1] = np.nan
    assert pose_likeness(people)[0, 1] == 0


def test_of_two_equal_poses_the_better_box_remains():
    people = people_at((0, 0), (1, 0), (60, 0), box_scores=[0.4, 0.8, 0.3])
    assert without_doubles(people, max_likeness=0.8).tolist() == [1, 2]


@pytest.mark.parametrize("function", [pose_boxes, pose_scores, pose_likeness])
def test_nobody_gives_empty_arrays(function):
    assert len(function(people_at((0, 0)).take(np.zeros(0, np.int64)))) == 0


def test_pose_score_is_the_mean_over_joints():
    np.testing.assert_allclose(pose_scores(people_at((0, 0), scores=[[1, 0.5, 0.5, 0]])), [0.5])


def test_taking_and_joining_keep_the_arrays_parallel():
    people = people_at((0, 0), (10, 0), (20, 0), box_scores=[0.1, 0.2, 0.3])
    both = people.take(np.array([2])).joined(people.take(np.array([0])))
    assert both.box_scores.tolist() == pytest.approx([0.3, 0.1])
    np.testing.assert_array_equal(both.keypoints, people.keypoints[[2, 0]])
    assert len(both) == 2
