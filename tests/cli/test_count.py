"""`poseflow count` on saved tracks: three rounds of a known curve, with a rest before and after."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from poseflow_cli.main import main
from saved_tracks import FPS, movement, save_tracks
from tiny_model import save_tiny_model

from vvipe import Embedder

ROUND_S, REST_S, ROUNDS = 2.0, 2.0, 3


def once() -> np.ndarray:
    """(60, 8) out and back, so that it may be done again at once."""
    there = movement(1, np.linspace(0, 1.2, round(FPS * ROUND_S / 2)))
    return np.concatenate([there, there[::-1] + 0.4 * np.sin(np.linspace(0, np.pi, len(there)))[:, None]])


def done(times: int) -> np.ndarray:
    rest = np.repeat(once()[:1], round(FPS * REST_S), axis=0)
    return np.concatenate([rest, *[once()] * times, rest])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def save(tmp_path: Path, weights: str):
    def make(name: str, vectors: np.ndarray, person: int = 1) -> str:
        model = Embedder.from_pretrained(weights).model_id
        return str(save_tracks(tmp_path / f"{name}.parquet", {person: vectors}, model=model))

    return make


def count(clip: str, weights: str, *options: str) -> int:
    return main(["count", clip, "--model", weights, *options])


def test_json_tells_each_repetition(save, weights: str, capsys) -> None:
    assert count(save("clip", done(ROUNDS)), weights, "--json") == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert printed.err == ""
    assert (told["count"], len(told["repetitions"])) == (ROUNDS, ROUNDS)
    for number, one in enumerate(told["repetitions"]):
        assert set(one) == {"start_s", "end_s", "likeness", "worst_joint", "joint_distance"}
        middle_s = (one["start_s"] + one["end_s"]) / 2
        assert REST_S + number * ROUND_S < middle_s < REST_S + (number + 1) * ROUND_S


def test_the_table_has_a_line_for_each(save, weights: str, capsys) -> None:
    assert count(save("clip", done(ROUNDS)), weights) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 repetitions"
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3"]


def test_a_reference_finds_what_is_done_once(save, weights: str, capsys) -> None:
    assert count(save("clip", done(1)), weights, "--ref", save("ref", once()), "--json") == 0
    (one,) = json.loads(capsys.readouterr().out)["repetitions"]
    assert (one["start_s"], one["end_s"]) == (pytest.approx(REST_S, abs=0.3), pytest.approx(REST_S + ROUND_S, abs=0.3))


def test_a_movement_that_is_not_in_the_clip_is_counted_0_times(save, weights: str, capsys) -> None:
    other = save("ref", 3 * movement(9, np.arange(0, 2, 1 / FPS)))
    assert count(save("clip", done(ROUNDS)), weights, "--ref", other) == 0
    assert capsys.readouterr().out.startswith("0 repetitions")


def test_the_report_is_one_page_that_names_each_repetition(save, weights: str, tmp_path: Path, capsys) -> None:
    assert count(save("clip", done(ROUNDS)), weights, "--report", str(tmp_path / "out.html")) == 0
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "3 repetitions." in page
    assert page.count("data-at=") >= ROUNDS
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page


def test_a_chosen_person_is_counted(save, weights: str, capsys) -> None:
    clip = save("clip", done(ROUNDS), person=4)
    assert count(clip, weights, "--person", "id:4") == 0
    assert capsys.readouterr().out.startswith("3 repetitions")
    assert count(clip, weights, "--person", "id:5") == 2
    assert "5" in capsys.readouterr().err


def test_nobody_seen_leaves_with_4(save, weights: str, capsys) -> None:
    assert count(save("clip", np.full((60, 8), np.nan)), weights) == 4
    assert "no usable pose" in capsys.readouterr().err


def test_a_reference_that_shows_nobody_leaves_with_4(save, weights: str, capsys) -> None:
    assert count(save("clip", done(2)), weights, "--ref", save("ref", np.full((60, 8), np.nan))) == 4
    assert "no usable pose in the reference" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "said"), [(["--report", "out.pdf"], ".html"), (["--person", "all"], "all")])
def test_wrong_usage_leaves_with_2(options: list[str], said: str, save, weights: str, capsys) -> None:
    assert count(save("clip", done(2)), weights, *options) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_leaves_with_1(weights: str, capsys) -> None:
    assert count("absent.parquet", weights) == 1
    assert "absent.parquet" in capsys.readouterr().err


def test_tracks_of_another_model_are_told(tmp_path: Path, weights: str, capsys) -> None:
    clip = save_tracks(tmp_path / "other.parquet", {1: done(2)}, model="other@12345678")
    assert count(str(clip), weights) == 1
    assert "other@12345678" in capsys.readouterr().err
