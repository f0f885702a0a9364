import json
import re
from dataclasses import replace

import numpy as np
import pytest
from poseflow_cli.main import main
from report_clips import embedded_person

from poseflow.angle_differences import ALL_ANGLES
from poseflow.embed import embed_people
from poseflow.store import write_clip
from vvipe import Embedder
from vvipe.skeleton import COCO17

TIMES_S = np.arange(120) / 30
JOINT_ROW = {"joint", "angle", "mean_deg", "median_deg", "max_deg", "tolerance_deg", "out_of_tolerance", "judged"}
SEGMENT_ROW = {"start_s", "end_s", "joint", "angle", "mean_deg", "out_of_tolerance", "judged"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Three clips of one person: seen whole twice, and without the left hand in the second half."""
    folder, embedder = tmp_path_factory.mktemp("clips"), Embedder.from_pretrained()
    whole = embedded_person(TIMES_S, embedder, source="teacher.mp4")
    (track,) = whole.tracks
    points = track.keypoints.copy()
    points[60:, COCO17.index("left_wrist")] = np.nan
    part = replace(track, keypoints=points, scores=np.isfinite(points).all(-1).astype(np.float32))
    clips = {
        "teacher": whole,
        "student": whole,
        "hand hidden": embed_people([part], metadata=whole.metadata, embedder=embedder),
    }
    paths = {}
    for name, clip in clips.items():
        paths[name] = str(folder / f"{name}.parquet")
        write_clip(folder / f"{name}.parquet", clip)
    return paths


def match(saved, query, *options):
    return main(["match", "--ref", saved["teacher"], "--query", saved[query], "--mirror", "off", *map(str, options)])


def test_one_person_twice_is_told_nothing_and_every_joint_and_part_is_in_the_tables(saved, capsys):
    assert match(saved, "student", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["feedback"] == [] and told["feedback_more"] == 0
    assert [row["angle"] for row in told["joints"]] == [angle.name for angle in ALL_ANGLES]
    assert all(set(row) == JOINT_ROW for row in told["joints"])
    assert all(set(row) == SEGMENT_ROW for row in told["segments"]) and len(told["segments"]) == 2
    assert told["segments"][0]["start_s"] == 0 and told["segments"][-1]["end_s"] == pytest.approx(4, abs=0.1)
    elbow = next(row for row in told["joints"] if row["angle"] == "right_elbow_bend")
    assert elbow["judged"] == 1 and abs(elbow["mean_deg"]) < 1 and elbow["out_of_tolerance"] == 0


def test_the_page_has_both_tables(saved, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert match(saved, "student", "--report", page) == 0
    html = page.read_text(encoding="utf-8")
    tables = {re.search("<caption>(.*?)<", table)[1]: table for table in re.findall("<table>.*?</table>", html, re.S)}
    joints, parts = tables["Joints"], tables["Parts of the movement"]
    assert joints.count("<tr>") == 1 + len(ALL_ANGLES) and parts.count("<tr>") == 1 + 2
    assert "right elbow bend" in joints and "out of tolerance" in joints and "end (s)" in parts
    assert "Nothing stands out" in html
    assert "nothing stands out" in capsys.readouterr().out


def test_a_joint_that_was_not_seen_is_said_to_be_not_judged_instead_of_corrected(saved, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert match(saved, "hand hidden", "--report", page) == 0
    line = "left elbow not judged: a person was not seen, or only in part"
    assert line in capsys.readouterr().out and line in page.read_text(encoding="utf-8")
    assert match(saved, "hand hidden", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    (span,) = [span for span in told["not_judged"] if span["joint"] == "left_elbow"]
    assert (span["start_s"], span["end_s"]) == (pytest.approx(2, abs=0.15), pytest.approx(4, abs=0.15))
    judged = {row["angle"]: row["judged"] for row in told["joints"]}
    assert judged["left_elbow_bend"] == pytest.approx(0.5, abs=0.05) and judged["right_elbow_bend"] == 1
    assert not any(line["joint"] == "left_elbow" and line["end_s"] > 2.1 for line in told["feedback"])
