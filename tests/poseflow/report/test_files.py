from pathlib import Path

import pytest

from poseflow.errors import OutputError
from poseflow.report.files import check_report_path, write_page


def build(inside, beside):
    return f"inside {sorted(inside)} beside {sorted(beside.values())}"


@pytest.fixture
def videos(tmp_path):
    (tmp_path / "made").mkdir()
    paths = {name: tmp_path / "made" / f"{name}.mp4" for name in ("query", "reference")}
    for path in paths.values():
        path.write_bytes(bytes(3000))
    return paths


def test_a_small_report_is_one_file(tmp_path, videos):
    files = write_page(tmp_path / "r.html", videos, build=build, max_bytes=10_000)
    assert files.page.read_text() == "inside ['query', 'reference'] beside []"
    assert (files.page, files.videos, files.note) == (tmp_path / "r.html", (), None)


def test_a_large_one_is_a_folder_and_a_page_that_leads_there(tmp_path, videos):
    files = write_page(tmp_path / "r.html", videos, build=build, max_bytes=7999)  # 6000 bytes are 8000 in base64
    assert files.page == tmp_path / "r" / "r.html"
    assert files.page.read_text() == "inside [] beside ['query.mp4', 'reference.mp4']"
    assert {path.name for path in files.videos} == {"query.mp4", "reference.mp4"}
    assert all(path.read_bytes() == bytes(3000) for path in files.videos)
    assert str(files.page) in files.note
    assert 'url=r/r.html"' in (tmp_path / "r.html").read_text()


def test_the_folder_gives_way_to_a_file_of_its_name(tmp_path, videos):
    (tmp_path / "clip.mp4").write_bytes(b"a film")
    files = write_page(tmp_path / "clip.mp4.html", videos, build=build, max_bytes=100)
    assert files.page == tmp_path / "clip.mp4-report" / "clip.mp4.html"
    assert (tmp_path / "clip.mp4").read_bytes() == b"a film"


def test_without_videos_the_page_stands_alone_however_large(tmp_path):
    files = write_page(tmp_path / "r.html", {}, build=lambda inside, beside: "x" * 500, max_bytes=100)
    assert (files.page.stat().st_size, files.videos) == (500, ())


def test_a_report_is_written_again_over_an_old_one(tmp_path, videos):
    for _ in range(2):
        files = write_page(tmp_path / "r.html", videos, build=build, max_bytes=100)
    assert len(list(files.page.parent.iterdir())) == 3


@pytest.mark.parametrize(("name", "error"), [("r.pdf", ValueError), ("r", ValueError), ("missing/r.html", OutputError)])
def test_names_that_cannot_be_written_are_refused_before_the_work(tmp_path, name, error):
    with pytest.raises(error):
        check_report_path(tmp_path / name)


def test_a_source_is_not_replaced(tmp_path):
    source = tmp_path / "clip.html"
    source.write_text("a film with a strange name")
    with pytest.raises(OutputError, match="clip itself"):
        check_report_path(Path(tmp_path, ".", "clip.html"), None, source)
