"""`poseflow search`: the query's movement in a folder of saved tracks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from poseflow_cli.main import main
from saved_tracks import FPS, movement, save_tracks
from tiny_model import save_tiny_model

from vvipe import Embedder

SQUAT = movement(1, np.arange(0, 2, 1 / FPS))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def query(tmp_path: Path, weights: str) -> str:
    return str(save_tracks(tmp_path / "query.parquet", {3: SQUAT}, model=Embedder.from_pretrained(weights).model_id))


@pytest.fixture
def folder(tmp_path: Path, weights: str) -> Path:
    """Two clips of one person, who squats from 1 s on in the first."""
    model = Embedder.from_pretrained(weights).model_id
    first, second = (movement(seed, np.arange(0, 5, 1 / FPS)) for seed in (7, 8))
    first[30:90] = SQUAT
    save_tracks(tmp_path / "library" / "first.parquet", {1: first}, model=model)
    save_tracks(tmp_path / "library" / "second.parquet", {1: second}, model=model)
    return tmp_path / "library"


def search(query: str, folder: Path, weights: str, *options: str) -> int:
    return main(["search", "--query", query, "--in", str(folder), "--model", weights, *options])


def test_json_tells_where_the_movement_is(query: str, folder: Path, weights: str, capsys) -> None:
    assert search(query, folder, weights, "--json", "--top", "1") == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert printed.err == ""
    assert (told["query"], told["query_person"], told["tracks"], told["searched"]) == (query, 3, 2, 2)
    (hit,) = told["results"]
    assert (hit["rank"], hit["file"], hit["person"]) == (1, str(folder / "first.parquet"), 1)
    assert (hit["start_s"], hit["end_s"]) == (pytest.approx(1, abs=0.11), pytest.approx(3, abs=0.11))
    assert hit["tempo"] == pytest.approx(1, abs=0.05) and hit["score"] > 60
    assert "|emb:tiny@" in hit["signature"]


def test_the_table_has_the_best_first(query: str, folder: Path, weights: str, capsys) -> None:
    assert search(query, folder, weights, "--min-score", "0") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["rank", "score", "from", "to", "tempo", "person", "file"]
    assert lines[1].split()[0] == "1" and lines[1].endswith("first.parquet")
    assert lines[-1] == "2 tracks searched"


def test_nothing_found_says_so(query: str, folder: Path, weights: str, capsys) -> None:
    (folder / "first.parquet").unlink()
    assert search(query, folder, weights, "--min-score", "99") == 0
    assert "nothing like it" in capsys.readouterr().out


def test_an_index_leaves_the_nearest_tracks(query: str, folder: Path, weights: str, tmp_path: Path, capsys) -> None:
    index = tmp_path / "library.index"
    assert search(query, folder, weights, "--index", str(index), "--keep", "1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["tracks"], told["searched"]) == (2, 1)
    assert {Path(hit["file"]).name for hit in told["results"]} == {"first.parquet"}
    assert index.exists()


def test_a_folder_without_tracks_is_told(query: str, weights: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        assert search(query, tmp_path / folder, weights) == 1
        assert folder in capsys.readouterr().err


def test_tracks_of_another_model_are_an_error(query: str, folder: Path, weights: str, tmp_path: Path, capsys) -> None:
    save_tracks(folder / "other.parquet", {1: SQUAT}, model="other@1")
    assert search(query, folder, weights, "--json") == 3
    printed = capsys.readouterr()
    assert len(json.loads(printed.out)["results"]) >= 1
    assert [one["file"] for one in json.loads(printed.out)["failed"]] == [str(folder / "other.parquet")]
    assert "failed: " in printed.err and "1 files were not searched" in printed.err
    save_tracks(tmp_path / "others" / "a.parquet", {1: SQUAT}, model="other@1")
    assert search(query, tmp_path / "others", weights) == 1
    assert "other@1" in capsys.readouterr().err


def test_a_query_of_another_model_is_an_error(folder: Path, weights: str, tmp_path: Path, capsys) -> None:
    other = save_tracks(tmp_path / "other.parquet", {1: SQUAT}, model="other@1")
    assert search(str(other), folder, weights) == 1
    assert "other@1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["--top", "0"], ["--min-score", "101"], ["--keep", "0"], ["--min-coverage", "2"], ["--person", "all"]]
)
def test_wrong_options_are_wrong_usage(options: list[str], query: str, folder: Path, weights: str, capsys) -> None:
    assert search(query, folder, weights, *options) == 2
    assert options[0].lstrip("-").replace("-", "_")[:6] in capsys.readouterr().err.replace("-", "_")


@pytest.mark.real_data
def test_the_same_movement_by_another_camera_is_found_first(real_file, tmp_path: Path, capsys) -> None:
    blazepose = ["--detector", "blazepose"]
    clips = {"cam02": ("pose2sim_cam02", ["--end", "1"]), "other": ("sports2d_demo", ["--start", "2", "--end", "3.5"])}
    (tmp_path / "library").mkdir()
    for name, (video, span) in clips.items():
        target = str(tmp_path / "library" / f"{name}.parquet")
        assert main(["embed", str(real_file(f"data/video/{video}.mp4")), "-o", target, *blazepose, *span]) == 0
    capsys.readouterr()
    query = str(real_file("data/video/pose2sim_cam01.mp4"))
    assert main(["search", "--query", query, "--in", str(tmp_path / "library"), *blazepose, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["results"][0]["file"]).name == "cam02.parquet"
