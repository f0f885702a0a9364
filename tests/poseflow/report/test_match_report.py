import json
import re
from dataclasses import replace

import numpy as np
import pytest
from report_clips import QUERY_TIMES_S, REF_TIMES_S, embedded_person, known_match

from poseflow.mirror import embed_mirrored
from poseflow.report import write_report
from poseflow.report.clips import clip_data, extent, pose_data
from poseflow.report.match_curves import joint_numbers, lanes_of, marks_of, played_path, time_ticks
from poseflow.report.match_words import feedback_html, summary_html, tables_html
from poseflow.report.stills import key_moments, still_data
from poseflow.report.tables import heading, table_html, value_text
from vvipe import Embedder
from vvipe.skeleton import H36M17

from .test_packing import unpacked


@pytest.fixture(scope="module")
def embedder():
    return Embedder.from_pretrained()


@pytest.fixture(scope="module")
def clips(embedder):
    return tuple(embedded_person(t, embedder, source="saved.mp4") for t in (REF_TIMES_S, QUERY_TIMES_S))


@pytest.fixture
def written(tmp_path, clips, embedder):
    """Writes the page of saved clips; gives its HTML and data."""

    def write(**changes):
        page = write_report(tmp_path / "r.html", known_match(**changes), *clips, embedder=embedder).page
        html = page.read_text(encoding="utf-8")
        return html, json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)[1])

    return write


def test_canonical_poses_are_those_that_the_model_decodes(clips, embedder):
    track = clips[1].person(1)[1]
    packed = pose_data(track, decoder=embedder, start_s=1.0, end_s=2.0)
    rows = (track.time_s >= 0.9999) & (track.time_s <= 2.0001)
    assert unpacked(packed["time"]) == pytest.approx(track.time_s[rows], abs=1e-4)
    assert unpacked(packed["points"]) == pytest.approx(embedder.decode(track.vectors[rows]).ravel(), abs=6e-4)


def test_a_mirrored_query_shows_the_poses_that_were_compared(written, clips, embedder):
    _, data = written(is_mirrored=True)
    times = np.array(unpacked(data["poses"][1]["time"]))
    mirrored = embed_mirrored(clips[1], 1, embedder)
    rows = np.searchsorted(mirrored.time_s, times - 1e-3)
    assert unpacked(data["poses"][1]["points"]) == pytest.approx(
        embedder.decode(mirrored.vectors[rows]).ravel(), abs=6e-4
    )
    assert [clip["mirrored"] for clip in data["clips"]] == [False, True]


def test_what_was_not_seen_is_unknown_on_the_page(embedder):
    track, embeddings = embedded_person(REF_TIMES_S, embedder, source="x", hidden=slice(10, 20)).person(1)
    points = np.reshape(unpacked(clip_data(track, role="r", name="n", start_s=0, end_s=9)["points"]), (-1, 17, 2))
    assert np.isnan(points[10:20]).all()
    assert points[9, 0] == pytest.approx(track.keypoints[9, 0], abs=0.06)
    poses = np.reshape(unpacked(pose_data(embeddings, decoder=embedder, start_s=0, end_s=9)["points"]), (-1, 17, 3))
    assert (np.isnan(poses).all((1, 2)) == ~embeddings.valid).all()


def test_joints_of_low_score_are_left_out(clips):
    track = clips[0].person(1)[0]
    scores = track.scores.copy()
    scores[:, 9] = 0.1
    data = clip_data(replace(track, scores=scores), role="r", name="n", start_s=0, end_s=9)
    points = np.reshape(unpacked(data["points"]), (-1, 17, 2))
    assert np.isnan(points[:, 9]).all()
    assert np.isfinite(points[:, 10]).all()


def test_feedback_is_placed_where_the_query_is_at_its_time():
    told = known_match()
    sync = played_path(told, [])
    marks = marks_of(told, sync)
    assert sync.times_at(marks[0]["start"])[1] == pytest.approx(5.8, abs=0.03)
    assert sync.times_at(marks[0]["end"])[1] == pytest.approx(6.6, abs=0.03)
    assert marks[0]["joints"] == [H36M17.index("right_elbow")]


@pytest.mark.parametrize(
    ("words", "joints"),
    [
        ("right elbow", ["right_elbow"]),
        ("left_knee", ["left_knee"]),
        ("head", ["head"]),
        ("trunk bend", ["spine", "thorax"]),
        ("", []),
        ("facing", []),
    ],
)
def test_names_of_joints_are_understood(words, joints):
    assert joint_numbers(words) == [H36M17.index(joint) for joint in joints]


def test_lanes_show_feedback_tempo_and_pauses():
    told = known_match()
    lanes = {lane.name: lane.spans for lane in lanes_of(told, played_path(told, []))}
    assert [span.label for span in lanes["Feedback"]] == ["right elbow", "left knee"]
    assert "pauses for 0.8 s" in lanes["Tempo"][1].text
    assert lanes["Tempo"][1].end_s - lanes["Tempo"][1].start_s == pytest.approx(0.8, abs=0.06)


def test_a_pause_of_the_reference_is_in_its_own_time():
    told = known_match(pauses=[{"start_s": 3.7, "end_s": 4.7, "side": "ref"}], tempo_changes=[], feedback=[])
    sync = played_path(told, [])
    (lane,) = lanes_of(told, sync)
    assert sync.times_at(lane.spans[0].end_s)[0] == pytest.approx(4.7, abs=0.03)


def test_where_nobody_was_compared_the_strip_says_so():
    told = known_match(feedback=[], tempo_changes=[], pauses=[])
    told["path"] = [step | ({"distance": None} if 2.0 < step["ref_s"] < 3.0 else {}) for step in told["path"]]
    sync = played_path(told, [])
    (lane,) = lanes_of(told, sync)
    assert sync.times_at(lane.spans[0].start_s)[0] == pytest.approx(2.0, abs=0.08)
    assert sync.times_at(lane.spans[0].end_s)[0] == pytest.approx(3.0, abs=0.08)


def test_ticks_are_at_round_seconds_of_the_query():
    told = known_match()
    sync = played_path(told, [])
    ticks = time_ticks(sync)
    assert [label for _, label in ticks] == [f"{second} s" for second in range(1, 8)]
    assert sync.times_at(ticks[3][0])[1] == pytest.approx(4.0, abs=1e-2)


def test_without_a_path_both_clips_play_from_their_starts():
    sync = played_path({"path": []}, [np.array([1.0, 9.0]), np.array([0.0, 3.0])])
    assert sync.times_at([0.0, 3.0]).tolist() == [[1.0, 4.0], [0.0, 3.0]]


def test_key_moments_hold_what_matters_and_the_rest_spread():
    moments = key_moments(10.0, [9.0, 9.05, 2.0], count=6)
    assert len(moments) == 6
    assert {2.0, 9.0} <= set(moments)
    assert min(np.diff(moments)) > 0.8
    assert key_moments(0.0, []) == [0.0]


def test_a_still_stays_in_the_picture_and_shows_the_whole_person(clips):
    track = clips[0].person(1)[0]
    still = still_data(track, 1.0, np.zeros((240, 320, 3), np.uint8), frame_size=(320, 240))
    x0, y0, x1, y1 = still["view"]
    assert 0 <= x0 < x1 <= 320
    assert 0 <= y0 < y1 <= 240
    assert (x1 - x0) / (y1 - y0) == pytest.approx(0.75, abs=0.01)
    assert still["image"].startswith("data:image/jpeg;base64,")
    assert still_data(track, 1.0, None, frame_size=None)["image"] is None


def test_an_extent_of_nothing_is_a_unit_square():
    assert extent(np.full((3, 17, 2), np.nan)) == [0.0, 0.0, 1.0, 1.0]


def test_the_page_forbids_the_network_and_every_foreign_script(written):
    html, _ = written()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", html)


def test_a_match_of_other_clips_is_refused(tmp_path, clips, embedder):
    with pytest.raises(ValueError, match="no person 7"):
        write_report(tmp_path / "r.html", known_match(query_person=7), *clips, embedder=embedder)


def test_a_match_with_nothing_but_people_still_makes_a_page(tmp_path, clips, embedder):
    files = write_report(tmp_path / "r.html", {"ref_person": 1, "query_person": 1}, *clips, embedder=embedder)
    assert "not aligned" in files.page.read_text(encoding="utf-8")


def test_words_of_others_are_escaped():
    nasty = "<b>\"'&</script>"
    html = feedback_html({"feedback": [{"text": nasty}]}) + tables_html({"joints": [{nasty: nasty}]})
    html += summary_html({"subscores": {nasty: 3.0}, "warnings": [nasty]})
    assert '<b>"' not in html
    assert html.count("&lt;b&gt;&quot;&#x27;&amp;&lt;/script&gt;") >= 5


def test_unknown_figures_are_dashes_and_an_unknown_mirror_is_said():
    html = summary_html({"score": None, "subscores": {"timing": None}, "is_mirrored": None, "mirror_margin": -0.0021})
    assert html.count("–") >= 2
    assert "cannot be told" in html
    assert "0.002" in html


def test_no_feedback_is_said_and_is_not_praise_where_nothing_was_judged():
    judged = {"feedback": [], "joints": [{"joint": "left_knee"}]}
    assert "Nothing stands out" in feedback_html({"score": 80.0, **judged})
    assert "No single joint explains" in feedback_html({"score": 30.0, **judged})
    assert "not judged" in feedback_html({"feedback": [], "joints": []})


def test_the_scores_of_a_group_are_a_table_and_those_of_two_people_are_not():
    scores = {"ref_persons": [1], "query_persons": [1, 4], "scores": [[61.0, None]]}
    assert re.findall(r"<td[^>]*>([^<]*)", tables_html({"matrix": scores})) == ["reference 1", "61.00", "–"]
    assert tables_html({"matrix": {"ref_persons": [1], "query_persons": [1], "scores": [[61.0]]}}) == ""


def test_tables_leave_out_records_within_records():
    html = table_html([{"joint": "knee", "delta_deg": 12.4, "parts": [1]}], caption="c")
    assert re.findall(r"<t[hd](?: [^>]*)?>([^<]*)", html) == ["joint", "delta (°)", "knee", "12"]
    assert table_html([], caption="c") == ""


@pytest.mark.parametrize(
    ("value", "key", "text"),
    [(None, "x", "–"), (True, "x", "yes"), (1.234, "start_s", "1.23"), (12.6, "delta_deg", "13"), (3, "x", "3")],
)
def test_values_are_as_exact_as_their_unit(value, key, text):
    assert value_text(value, key) == text


def test_headings_name_their_unit():
    assert [heading(key) for key in ("start_s", "mean_delta_deg", "joint")] == ["start (s)", "mean delta (°)", "joint"]
