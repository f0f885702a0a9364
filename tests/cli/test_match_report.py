import json
import sys

import numpy as np
import pytest
from disc_people import DiscDetector, write_disc_clip
from poseflow_cli.main import main
from report_clips import QUERY_TIMES_S, REF_TIMES_S, embedded_person

from poseflow.store import write_clip
from vvipe import Embedder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Paths of two saved clips whose names hold what HTML must not."""
    folder, embedder = tmp_path_factory.mktemp("clips"), Embedder.from_pretrained()
    paths = []
    for name, times_s in (("teacher <1>", REF_TIMES_S[:90]), ("student & co", QUERY_TIMES_S[:80])):
        path = folder / f"{name}.parquet"
        write_clip(path, embedded_person(times_s, embedder, source=f"{name}.mp4"))
        paths.append(str(path))
    return paths


def match(saved, *options):
    return main(["match", "--ref", saved[0], "--query", saved[1], *map(str, options)])


def test_a_report_of_saved_clips_draws_skeletons(saved, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert match(saved, "--report", page, "--json") == 0
    html = page.read_text(encoding="utf-8")
    assert "teacher &lt;1&gt;.mp4" in html
    assert "teacher <1>" not in html
    assert "data:image" not in html
    told = capsys.readouterr()
    assert json.loads(told.out)["score"] >= 0
    assert told.err == ""


@pytest.mark.parametrize(("name", "code"), [("page.pdf", 2), ("missing/page.html", 1)])
def test_a_report_that_cannot_be_written_is_refused_before_the_work(saved, tmp_path, capsys, name, code):
    assert match(saved, "--report", tmp_path / name) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert name.split("/")[0] in told.err


def test_a_report_of_a_folder_is_wrong_usage(saved, tmp_path, capsys):
    folder = str(tmp_path)
    assert main(["match", "--ref", saved[0], "--query", folder, "--report", str(tmp_path / "page.html")]) == 2
    assert "--output" in capsys.readouterr().err


def test_each_clip_of_a_folder_gets_a_page(saved, tmp_path):
    folder = str(tmp_path / "out")
    source = saved[1].rpartition("/")[0]
    assert main(["match", "--ref", saved[0], "--query", source, "--output", folder]) == 0
    (page,) = [path for path in (tmp_path / "out").glob("*.html") if path.name != "index.html"]
    assert "student &amp; co.mp4" in page.read_text(encoding="utf-8")


@pytest.fixture
def filmed(tmp_path, monkeypatch):
    """Paths of two films of a disc with a figure below it, which a real small detector finds."""
    monkeypatch.setattr("poseflow_cli.options.make_detector", lambda name, **settings: DiscDetector())
    places = [[(160 + 20 * np.sin(i / 5), 60.0)] for i in range(30)]
    return [str(write_disc_clip(tmp_path / f"{n}.mp4", [i / 30 for i in range(30)], places)) for n in "ab"]


@pytest.mark.parametrize(("options", "has_pictures"), [([], True), (["--no-video"], False)])
def test_a_report_of_films_holds_them_unless_it_must_not(filmed, tmp_path, options, has_pictures):
    page = tmp_path / "page.html"
    assert match(filmed, "--report", page, *options) == 0
    html = page.read_text(encoding="utf-8")
    assert ("data:image/jpeg" in html) is has_pictures
    assert ('id="video-reference"' in html) is has_pictures


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="mediapipe 0.10.21 has wheels up to Python 3.12")
def test_the_page_of_two_real_clips_is_one_file(real_file, tmp_path):
    clips = [str(real_file(f"data/video/pose2sim_cam0{number}.mp4")) for number in (1, 2)]
    page = tmp_path / "page.html"
    assert match(clips, "--detector", "blazepose", "--report", page) == 0
    html = page.read_text(encoding="utf-8")
    assert html.count("data:image/jpeg") == 12
    assert html.count('id="video-') == 2
    assert len(html) < 25_000_000
