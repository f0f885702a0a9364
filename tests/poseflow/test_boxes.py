import numpy as np

from poseflow.boxes import box_areas, box_overlaps


def test_overlap_of_half_shifted_squares_is_a_third():
    a = np.array([[0, 0, 2, 2], [0, 0, 2, 2]])
    b = np.array([[1, 0, 3, 2], [5, 5, 6, 6], [0, 0, 0, 0]])
    np.testing.assert_allclose(box_overlaps(a, b), [[1 / 3, 0, 0]] * 2)


def test_unknown_boxes_overlap_nothing():
    unknown, known = np.full((1, 4), np.nan), np.array([[0, 0, 2, 2]])
    assert (box_overlaps(unknown, known), box_overlaps(known, unknown)) == (0, 0)


def test_overlaps_of_no_boxes_are_empty():
    assert box_overlaps(np.zeros((0, 4)), np.zeros((2, 4))).shape == (0, 2)


def test_area_of_a_turned_box_is_zero():
    np.testing.assert_array_equal(box_areas(np.array([[0, 0, 2, 3], [2, 0, 0, 3], [2, 3, 0, 0]])), [6, 0, 0])
