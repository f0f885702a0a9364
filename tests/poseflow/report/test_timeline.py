import pytest

from poseflow.report.timeline import Lane, Span, label_colours, lanes_json


def rows(*spans):
    lane = Lane("joints", [Span(start, end, "a", "b") for start, end in spans])
    return [(span["start"], span["row"]) for span in lanes_json([lane])[0]["spans"]]


def test_spans_that_overlap_stand_in_rows_below_each_other():
    assert rows((2, 4), (0, 3), (3.5, 5), (4, 6)) == [(0, 0), (2, 1), (3.5, 0), (4, 1)]


def test_spans_that_only_touch_share_a_row():
    assert rows((0, 1), (1, 2)) == [(0, 0), (1, 0)]


def test_a_lane_without_spans_is_empty():
    assert lanes_json([Lane("none", [])]) == [{"name": "none", "spans": []}]


@pytest.mark.parametrize(("start", "end", "colour"), [(2, 1, 0), (-1, 1, 0), (0, 1, 8)])
def test_bad_spans_are_refused(start, end, colour):
    with pytest.raises(ValueError, match="Span"):
        Span(start, end, "a", "b", colour)


def test_labels_get_colours_in_order_and_begin_again():
    colours = label_colours(["b", "a", "b", *"cdefg"])
    assert (colours["b"], colours["a"], colours["f"], colours["g"]) == (0, 1, 5, 0)
