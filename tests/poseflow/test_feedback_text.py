import numpy as np
import pytest

from poseflow.feedback_records import Feedback, FeedbackLine, JointDifference, NotJudged
from poseflow.feedback_text import feedback_rows, line_text, not_judged_text
from poseflow.joint_angles import ANGLES, ROOT_ANGLES

BY_NAME = {angle.name: angle for angle in (*ANGLES, *ROOT_ANGLES)}


def text(name, delta_deg, *, is_mirrored=False):
    return line_text(BY_NAME[name], delta_deg, 4.2, 5.6, is_mirrored=is_mirrored)


@pytest.mark.parametrize(
    ("name", "delta_deg", "expected"),
    [
        ("right_elbow_bend", 24.4, "4.2-5.6 s: right elbow 24° more bent than the reference"),
        ("left_knee_bend", -11.0, "4.2-5.6 s: left knee 11° straighter than the reference"),
        ("left_shoulder_raise", -30.0, "4.2-5.6 s: left shoulder 30° more lowered than the reference"),
        ("right_hip_spread", 9.6, "4.2-5.6 s: right hip 10° further out than the reference"),
        ("trunk_twist", 15.0, "4.2-5.6 s: trunk 15° more twisted to the left than the reference"),
        ("lean_forward", 12.0, "4.2-5.6 s: the body leans 12° further forward than the reference"),
        ("facing", -40.0, "4.2-5.6 s: the body is turned 40° further to the right than the reference"),
    ],
)
def test_a_line_says_when_which_joint_how_much_and_which_way(name, delta_deg, expected):
    assert text(name, delta_deg) == expected


def test_of_a_mirrored_query_her_own_side_is_named():
    assert text("right_elbow_bend", 24, is_mirrored=True) == (
        "4.2-5.6 s: left elbow 24° more bent than the reference's right one"
    )
    assert text("trunk_side", 20, is_mirrored=True) == "4.2-5.6 s: trunk 20° more bent to the right than the reference"
    assert text("head_nod", 20, is_mirrored=True) == "4.2-5.6 s: head 20° further forward than the reference"


def test_what_was_not_judged_says_why():
    assert not_judged_text(1, 2, None, is_seen=False, is_mirrored=False) == (
        "1.0-2.0 s: not judged: a person was not seen, or only in part"
    )
    assert not_judged_text(1, 2, "right_elbow", is_seen=True, is_mirrored=True) == (
        "1.0-2.0 s: left elbow not judged: the pose cannot be told surely from these pictures"
    )


def told(lines=(), more=0, judged=1.0, not_judged=()):
    row = JointDifference("left_elbow", "left_elbow_bend", 1.0, 1.0, 2.0, 10.0, 0.0, judged)
    return Feedback(tuple(lines), more, tuple(not_judged), (row,), (), ("cameras are upright",))


def line(joint="left_elbow", words="left elbow worse"):
    return FeedbackLine(1.0, 2.0, joint, words, 20.0, f"{joint}_bend", 2.0)


def test_rows_are_the_lines_then_how_many_more_then_what_was_not_judged():
    rows = feedback_rows(
        told([line(), line(words="second")], 3, not_judged=[NotJudged(0, 1, None, "0-1 s: no")]), score=80
    )
    assert [row[2] for row in rows] == ["left elbow worse", "second", "and 3 smaller ones", "0-1 s: no"]
    assert [row[0] for row in rows] == ["feedback", "", "", ""]


def test_the_cameras_are_mentioned_with_a_lean_only():
    assert "cameras are upright" not in [row[2] for row in feedback_rows(told([line()]), score=80)]
    assert "cameras are upright" in [row[2] for row in feedback_rows(told([line("lean", "leans")]), score=80)]


def test_nothing_to_tell_is_not_praise_where_nothing_was_judged():
    assert "nothing stands out" in feedback_rows(told(), score=80)[0][2]
    assert "no joint could be judged" in feedback_rows(told(judged=0.0), score=80)[0][2]


def test_where_no_joint_stands_out_a_low_score_is_not_praised():
    assert "no single joint explains" in feedback_rows(told(), score=30)[0][2]
    assert feedback_rows(told([line()]), score=30)[0][2] == "left elbow worse"


def test_json_has_no_nan():
    row = JointDifference("head", "head_nod", np.nan, np.nan, np.nan, 10.0, np.nan, 0.0)
    content = Feedback((line(),), 0, (), (row,), (), ()).to_json()
    assert content["joints"][0]["mean_deg"] is None and content["joints"][0]["judged"] == 0.0
    assert content["feedback"][0] == {
        "start_s": 1.0, "end_s": 2.0, "joint": "left_elbow", "text": "left elbow worse", "delta_deg": 20.0,
        "angle": "left_elbow_bend", "severity": 2.0, "sureness": None,
    }  # fmt: skip
