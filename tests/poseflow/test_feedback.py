import numpy as np
import pytest
from told_poses import LIMITS, MODEL, PoseIsVector, bent_person, path_result, pose_track

from poseflow.angle_differences import ALL_ANGLES, GRID_S
from poseflow.errors import ModelMismatchError
from poseflow.feedback import Judged, feedback, find_lines, median_offset, smoothed
from poseflow.feedback_records import FeedbackSettings
from poseflow.match_records import Pause

TIME_S = np.arange(241) / 30
"""Eight seconds."""


def during(start_s, end_s, degrees, *, time_s=TIME_S):
    return np.where((time_s >= start_s) & (time_s < end_s), degrees, 0.0)


def told(ref=None, query=None, *, time_s=TIME_S, uncertainty=0.05, settings=None, path=None, **changes):
    """Feedback on people who stand with these joints turned (hinge -> degrees), or with these poses."""
    ref = bent_person(TIME_S, **(ref or {})) if not isinstance(ref, np.ndarray) else ref
    query = bent_person(time_s, **(query or {})) if not isinstance(query, np.ndarray) else query
    return feedback(
        pose_track(TIME_S, ref),
        pose_track(time_s, query, uncertainty=uncertainty),
        path_result(*((time_s, time_s) if path is None else path), **changes),
        embedder=PoseIsVector(),
        tolerances=LIMITS,
        settings=settings or FeedbackSettings(),
    )


def row(found, angle):
    return next(entry for entry in found.joints if entry.angle == angle)


def test_equal_people_are_told_nothing():
    found = told()
    assert found.lines == () and found.more_lines == 0 and found.not_judged == ()
    assert all(entry.out_of_tolerance == 0 for entry in found.joints)


@pytest.mark.parametrize(("degrees", "words"), [(24.0, "more bent"), (-24.0, "straighter")])
def test_a_bent_joint_is_told_with_time_way_and_degrees(degrees, words):
    bent = {"right_elbow_bend": 40.0}
    query = {"right_elbow_bend": 40.0 + during(3.0, 5.0, degrees)}
    (line,) = told(bent, query).lines
    assert (line.joint, line.angle) == ("right_elbow", "right_elbow_bend")
    assert words in line.text and line.text.endswith("than the reference")
    assert (line.start_s, line.end_s) == (pytest.approx(3.0, abs=0.2), pytest.approx(5.0, abs=0.2))
    assert line.delta_deg == pytest.approx(degrees, abs=4)


def test_within_the_tolerance_nothing_is_told():
    assert told({}, {"right_elbow_bend": during(3, 5, 9.0)}).lines == ()
    assert told({}, {"right_elbow_bend": during(3, 5, 13.0)}).lines != ()


def test_a_small_constant_difference_is_put_down_to_bodies_and_a_large_one_is_told():
    assert told({}, {"left_knee_bend": 4.5}).lines == ()
    (line,) = told({}, {"left_knee_bend": 30.0}).lines
    assert line.joint == "left_knee" and line.delta_deg == pytest.approx(30, abs=0.5)
    assert line.end_s - line.start_s == pytest.approx(8.0, abs=0.1)


def test_a_twitch_is_not_told():
    assert told({}, {"right_elbow_bend": during(3, 3.2, 40.0)}).lines == ()


def test_two_spans_of_one_difference_with_hardly_a_gap_are_one_line():
    near = {"right_elbow_bend": during(2, 3, 30.0) + during(3.3, 4.3, 30.0)}
    far = {"right_elbow_bend": during(1, 2, 30.0) + during(5, 6, 30.0)}
    assert len(told({}, near).lines) == 1 and len(told({}, far).lines) == 2


def test_lines_are_worst_first_and_never_more_than_asked_for():
    query = {
        "right_elbow_bend": during(0.5, 2, 20.0),
        "left_knee_bend": during(2.5, 4, 50.0),
        "left_elbow_bend": during(4.5, 6, 30.0),
    }
    everything = told({}, query)
    assert [line.joint for line in everything.lines] == ["left_knee", "left_elbow", "right_elbow"]
    short = told({}, query, settings=FeedbackSettings(max_lines=1))
    assert [line.joint for line in short.lines] == ["left_knee"] and short.more_lines == 2
    assert told({}, query, settings=FeedbackSettings(max_lines=0)).lines == ()


def test_uncertain_moments_are_said_to_be_uncertain_and_not_corrected():
    found = told({}, {"right_elbow_bend": during(3, 5, 40.0)}, uncertainty=during(2.5, 5.5, 0.9) + 0.05)
    assert found.lines == ()
    (span,) = found.not_judged
    assert span.joint is None and "cannot be told surely" in span.text
    assert (span.start_s, span.end_s) == (pytest.approx(2.5, abs=1.1 * GRID_S), pytest.approx(5.5, abs=1.1 * GRID_S))


def test_somewhat_uncertain_moments_need_a_larger_difference():
    query = {"right_elbow_bend": during(3, 5, 17.0)}
    assert told({}, query).lines != () and told({}, query, uncertainty=0.19).lines == ()


def test_moments_without_a_person_are_said_to_be_unseen():
    query = bent_person(TIME_S, right_elbow_bend=during(3, 5, 40.0))
    query[(TIME_S >= 2.5) & (TIME_S < 5.5)] = np.nan
    found = told({}, query)
    assert found.lines == () and "not seen" in found.not_judged[0].text
    assert row(found, "right_elbow_bend").judged == pytest.approx(5 / 8, abs=0.03)


def test_nobody_at_all_is_no_praise():
    found = told({}, np.full((len(TIME_S), 17, 3), np.nan))
    assert found.lines == () and all(entry.judged == 0 for entry in found.joints)
    assert np.isnan(row(found, "head_nod").mean_deg) and found.segments[0].joint is None


def test_a_mirrored_person_is_told_of_her_own_side():
    (line,) = told({}, {"right_elbow_bend": during(3, 5, 30.0)}, is_mirrored=True).lines
    assert line.joint == "right_elbow" and "left elbow" in line.text and "reference's right one" in line.text


def test_times_are_the_querys_whatever_the_tempo():
    slow_s = np.arange(481) / 30
    query = bent_person(slow_s, left_knee_bend=during(10.0, 14.0, 30.0, time_s=slow_s))
    (line,) = told({}, query, time_s=slow_s, path=(slow_s / 2, slow_s)).lines
    assert (line.start_s, line.end_s) == (pytest.approx(10, abs=0.2), pytest.approx(14, abs=0.2))


def test_a_pause_of_the_query_is_not_judged():
    query = {"left_knee_bend": during(3, 5, 40.0)}
    assert told({}, query, pauses=(Pause(2.8, 5.2, "query"),)).lines == ()


def test_a_turn_of_the_body_is_told_though_cameras_stand_elsewhere():
    heading = np.deg2rad(90 + during(3, 5, 45.0))  # 90: where the other camera stands
    facing = np.array([0.5, 0.5, -0.5, 0.5])
    turned = pose_track(TIME_S, bent_person(TIME_S))
    for frame, angle in enumerate(heading):
        about_z = np.array([np.cos(angle / 2), 0, 0, np.sin(angle / 2)])
        turned.root_rotation[frame] = _product(facing, about_z)
    found = feedback(
        pose_track(TIME_S, bent_person(TIME_S)), turned, path_result(TIME_S, TIME_S), embedder=PoseIsVector(),
        tolerances=LIMITS,
    )  # fmt: skip
    (line,) = found.lines
    assert line.joint == "facing" and "the body is turned" in line.text and "to the left" in line.text
    assert line.delta_deg == pytest.approx(45, abs=9)  # the span begins where it is still turning


def _product(a, b):
    """Of two quaternions, w first."""
    return np.array([
        a[0] * b[0] - a[1:] @ b[1:], *(a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:])),
    ])  # fmt: skip


def test_the_table_of_joints_says_mean_largest_and_share():
    entry = row(told({}, {"right_elbow_bend": during(2, 4, 40.0)}), "right_elbow_bend")
    assert entry.mean_deg == pytest.approx(40 / 4, abs=1) and entry.median_deg == pytest.approx(0, abs=0.5)
    assert entry.max_deg == pytest.approx(40, abs=1) and entry.out_of_tolerance == pytest.approx(1 / 4, abs=0.04)
    assert entry.tolerance_deg == 10 and entry.judged == 1


def test_the_table_of_segments_covers_the_clip_and_names_the_worst_joint_of_each():
    found = told({}, {"right_elbow_bend": during(2, 4, 40.0), "left_knee_bend": during(4, 6, 30.0)})
    starts = [segment.start_s for segment in found.segments]
    assert starts == pytest.approx([0, 2.017, 4.033, 6.05], abs=0.01)
    assert found.segments[-1].end_s == pytest.approx(8 + GRID_S)
    assert [segment.joint for segment in found.segments[1:3]] == ["right_elbow", "left_knee"]
    assert found.segments[3].out_of_tolerance < 0.01


def test_a_single_frame_is_judged_without_a_line():
    one = TIME_S[:1]
    found = told(bent_person(TIME_S), bent_person(one), time_s=one, path=(one, one))
    assert found.lines == () and row(found, "left_knee_bend").judged == 1


def test_another_models_decoder_is_refused():
    class Other(PoseIsVector):
        model_id = "other@2"

    track = pose_track(TIME_S, bent_person(TIME_S))
    with pytest.raises(ModelMismatchError, match=f"embedded by {MODEL}"):
        feedback(track, track, path_result(TIME_S, TIME_S), embedder=Other(), tolerances=LIMITS)


@pytest.mark.parametrize(
    "bad", [{"max_lines": -1}, {"smooth_s": -0.1}, {"min_duration_s": -1}, {"keep": 0}, {"max_widening": 0.5}]
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        FeedbackSettings(**bad)


def lines_of_an_elbow(*, degrees=20.0, seconds=2.0, sd_deg, min_sureness=3.0):
    time_s = np.arange(0, 8, GRID_S)
    column = [angle.name for angle in ALL_ANGLES].index("right_elbow_bend")
    shape = (len(time_s), len(ALL_ANGLES))
    delta = np.zeros(shape)
    delta[(time_s >= 3) & (time_s < 3 + seconds), column] = degrees
    judged = Judged(time_s, delta, np.full(shape, 10.0), np.full(shape, sd_deg), np.ones(shape, bool))
    return find_lines(judged, FeedbackSettings(), is_mirrored=False, min_sureness=min_sureness)


def test_a_difference_is_told_where_it_is_sure_enough_for_its_size_and_time():
    (line,) = lines_of_an_elbow(sd_deg=5.0)
    assert line.sureness == pytest.approx(20 / 5 * 2**0.5, rel=0.02)
    assert lines_of_an_elbow(sd_deg=12.0) == []
    assert lines_of_an_elbow(sd_deg=6.0, seconds=0.55) == []
    assert lines_of_an_elbow(sd_deg=5.0, degrees=10.5) == []


def test_where_the_views_do_not_say_how_sure_they_are_the_tolerance_decides():
    (line,) = lines_of_an_elbow(sd_deg=np.nan)
    assert np.isnan(line.sureness)


def test_the_median_of_angles_that_wrap_lies_among_them():
    angles = np.array([[175.0], [-179.0], [179.0], [np.nan], [-177.0], [178.0]])
    assert abs(median_offset(angles)[0]) == pytest.approx(179, abs=1e-9)
    assert median_offset(np.full((3, 1), np.nan))[0] == 0


def test_smoothing_keeps_constants_leaves_nan_and_does_not_cross_gaps():
    values = np.full((40, 1), 7.0)
    values[10] = np.nan
    smooth = smoothed(values, np.arange(40) * GRID_S, 0.3)
    assert np.isnan(smooth[10, 0]) and np.delete(smooth[:, 0], 10) == pytest.approx(np.full(39, 7.0))
    time_s = np.concatenate([np.arange(20), 100 + np.arange(20)]) * GRID_S
    step = np.repeat([[0.0], [50.0]], 20, axis=0)
    assert smoothed(step, time_s, 0.3) == pytest.approx(step)
