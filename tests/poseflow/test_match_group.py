import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from poseflow.errors import FileFormatError, NoPathError, NoSuchPersonError, OutputError, VideoError
from poseflow.match_group import COLUMNS, list_clips, match_folder
from poseflow.records import MatchResult


def result(score):
    return MatchResult(
        score=score, pose_score=score, timing_score=float("nan"), coverage_score=90.0, match_probability=score / 100,
        offset_s=1.5, tempo=0.9, ref_coverage=1.0, query_coverage=0.9, ref_person=1, query_person=2,
        ref_s=np.arange(3.0), query_s=np.arange(3.0), distance=np.zeros(3), probability=np.ones(3), model="m@1",
        ref_detector="d", query_detector="d", signature="poseflow|s", is_mirrored=None,
    )  # fmt: skip


SCORES = {"anna.mp4": 40.0, "<b>&bob.mp4": 90.0, "carl.parquet": 65.0}


@pytest.fixture
def folder(tmp_path):
    students = tmp_path / "students"
    students.mkdir()
    for name in (*SCORES, "broken.mp4", "nobody.mov", "notes.txt", "teacher.mp4"):
        (students / name).write_bytes(b"")
    return students


def load(path):
    if path.name == "broken.mp4":
        raise FileFormatError("broken.mp4: damaged; copy it again")
    return path.name


def compare(ref, query):
    if query == "nobody.mov":
        raise NoSuchPersonError("person: nobody has the id 3")
    assert ref == "teacher.mp4"
    return result(SCORES[query])


def run(folder, **settings):
    return match_folder(folder / "teacher.mp4", folder, load=load, compare=compare, **settings)


def test_clips_are_ranked_and_failures_do_not_stop_the_rest(folder):
    ranking = run(folder)
    assert [ranked.query.name for ranked in ranking.results] == ["<b>&bob.mp4", "carl.parquet", "anna.mp4"]
    assert [(path.name, str(error).split(":")[0]) for path, error in ranking.failed] == [
        ("broken.mp4", "broken.mp4"),
        ("nobody.mov", "person"),
    ]
    text = ranking.to_text().splitlines()
    assert text[1].split()[:2] == ["1", "90"] and text[1].endswith("<b>&bob.mp4")
    told = json.loads(json.dumps(ranking.to_json(), allow_nan=False))
    assert [(one["rank"], one["score"]) for one in told["results"]] == [(1, 90.0), (2, 65.0), (3, 40.0)]
    assert len(told["failed"]) == 2


def test_a_clip_that_cannot_keep_to_the_band_does_not_stop_the_rest(folder):
    def strict(ref, query):
        if query == "anna.mp4":
            raise NoPathError("no path keeps to the band")
        return compare(ref, query)

    ranking = match_folder(folder / "teacher.mp4", folder, load=load, compare=strict)
    assert [path.name for path, _ in ranking.failed] == ["anna.mp4", "broken.mp4", "nobody.mov"]


def test_a_wrong_setting_stops_everything(folder):
    def wrong(ref, query):
        raise ValueError("mirror: expected one of auto, on, off")

    with pytest.raises(ValueError, match="mirror: expected"):
        match_folder(folder / "teacher.mp4", folder, load=load, compare=wrong)


def test_nothing_is_written_unless_it_was_asked_for(folder):
    before = sorted(folder.parent.rglob("*"))
    run(folder)
    assert sorted(folder.parent.rglob("*")) == before


def test_ranking_is_written_as_csv_and_parquet_and_index(folder, tmp_path):
    def write_page(job, ref, query, found):
        job.target.write_text("page", encoding="utf-8")
        return job.target

    out = tmp_path / "new" / "results"
    run(folder, output=out, write_page=write_page)
    with (out / "ranking.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["query"] for row in rows] == ["<b>&bob.mp4", "carl.parquet", "anna.mp4", "broken.mp4", "nobody.mov"]
    assert (rows[0]["rank"], float(rows[0]["score"]), rows[0]["timing"], rows[3]["score"]) == ("1", 90.0, "", "")
    table = pq.read_table(out / "ranking.parquet").to_pylist()
    assert [row["rank"] for row in table] == [1, 2, 3, None, None]
    assert table[0]["is_mirrored"] is None and table[0]["coverage"] == 90.0
    assert table[3]["error"] == "broken.mp4: damaged; copy it again"
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "<b>" not in page and "&lt;b&gt;&amp;bob.mp4" in page
    assert 'href="%3Cb%3E%26bob.mp4.html"' in page and (out / "<b>&bob.mp4.html").exists()
    assert "damaged; copy it again" in page


def test_of_equal_scores_the_surer_one_is_first(folder):
    def equal(ref, query):
        found = compare(ref, query)
        return replace(found, score=50.0)

    ranking = match_folder(folder / "teacher.mp4", folder, load=load, compare=equal)
    assert [ranked.query.name for ranked in ranking.results] == ["<b>&bob.mp4", "carl.parquet", "anna.mp4"]


def test_a_folder_without_clips_is_told(tmp_path):
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    with pytest.raises(VideoError, match="without videos"):
        list_clips(tmp_path)


def test_a_folder_with_nothing_but_the_reference_is_told(tmp_path):
    (tmp_path / "teacher.mp4").write_bytes(b"")
    with pytest.raises(VideoError, match=r"nothing but the reference.*name another"):
        match_folder(tmp_path / "teacher.mp4", tmp_path, load=load, compare=compare)


def test_an_output_that_is_a_file_is_refused(folder, tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="choose another output"):
        run(folder, output=tmp_path / "taken")


def test_a_broken_reference_stops_everything(folder):
    with pytest.raises(FileFormatError, match="damaged"):
        match_folder(Path(folder / "broken.mp4"), folder, load=load, compare=compare)
