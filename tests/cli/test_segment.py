"""`poseflow segment` on saved tracks: two periodic curves, one after the other."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from poseflow_cli.main import main
from saved_tracks import FPS, save_tracks
from tiny_model import save_tiny_model

from vvipe import Embedder

A, B = 0, 1


def cycle(kind: int, seconds: float, seed: int = 0) -> np.ndarray:
    """(T, 8) a round each second; the two kinds are far from each other."""
    time_s = np.arange(round(seconds * FPS)) / FPS
    turn = np.zeros((len(time_s), 8))
    turn[:, 2 * kind], turn[:, 2 * kind + 1] = 4 + 3 * np.sin(2 * np.pi * time_s), 3 * np.cos(2 * np.pi * time_s)
    return turn + 0.02 * np.random.default_rng(seed).normal(size=turn.shape)


def a_then_b(seconds: float = 15) -> np.ndarray:
    return np.concatenate([cycle(A, seconds), cycle(B, seconds, seed=1)])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def save(tmp_path_factory: pytest.TempPathFactory, weights: str):
    folder, model = tmp_path_factory.mktemp("clips"), Embedder.from_pretrained(weights).model_id

    def make(name: str, vectors: np.ndarray, person: int = 1) -> str:
        return str(save_tracks(folder / f"{name}.parquet", {person: vectors}, model=model))

    return make


@pytest.fixture(scope="module")
def clip(save) -> str:
    return save("clip", a_then_b())


@pytest.fixture(scope="module")
def kept(save, weights: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("kept") / "actions.model")
    assert segment("--fit", save("kept-a", cycle(A, 20)), "--fit", save("kept-b", cycle(B, 20)), "-o", path,
                   model=weights) == 0  # fmt: skip
    return path


def segment(*options: str, model: str) -> int:
    return main(["segment", *options, "--embedding-model", model])


def told(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def labels(found: dict) -> list[str]:
    return [one["label"] for one in found["segments"]]


def test_json_tells_segments_repetitions_and_how_they_were_found(clip: str, weights: str, capsys) -> None:
    assert segment(clip, "--json", model=weights) == 0
    found = told(capsys)
    assert labels(found) == ["1", "2"]
    assert [one["start_s"] for one in found["segments"]] == pytest.approx([0, 15], abs=0.7)
    assert all({"start_s", "end_s", "label", "confidence", "key_s"} == set(one) for one in found["segments"])
    assert {"start_s", "end_s", "likeness", "worst_joint", "label"} == set(found["repetitions"][0])
    assert found["person"] == 1 and "|seg:joining" in found["signature"]


def test_the_table_ends_with_the_time_of_each_label(clip: str, weights: str, capsys) -> None:
    assert segment(clip, model=weights) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["start", "end", "label", "confidence", "repetitions"]
    assert lines[-1].startswith("in all: 1 ") and ", 2 " in lines[-1]


def test_without_repetitions_none_is_told(clip: str, weights: str, capsys) -> None:
    assert segment(clip, "--json", "--no-repetitions", model=weights) == 0
    assert told(capsys)["repetitions"] == []


@pytest.mark.parametrize("method", ["joining", "kmeans", "changepoint", "twfinch"])
def test_a_method_and_how_many_actions_may_be_told(method: str, clip: str, weights: str, capsys) -> None:
    options = ["--method", method, "--clusters", "2", "--no-repetitions", "--json"]
    assert segment(clip, *options, model=weights) == 0
    found = told(capsys)
    assert set(labels(found)) == {"1", "2"}
    assert f"|seg:{method}:k=2" in found["signature"]


def test_orientation_and_least_times_may_be_told(clip: str, weights: str, capsys) -> None:
    options = ["--use-orientation", "--min-duration", "20", "--min-cluster", "3", "--json", "--no-repetitions"]
    assert segment(clip, *options, model=weights) == 0
    found = told(capsys)
    assert len(found["segments"]) == 1
    assert "+lean" in found["signature"] and "|min:20s|" in found["signature"]


def test_a_label_is_renamed(clip: str, weights: str, capsys) -> None:
    assert segment(clip, "--rename", "1=squat", "--json", model=weights) == 0
    found = told(capsys)
    assert labels(found) == ["squat", "2"]
    assert {one["label"] for one in found["repetitions"]} <= {"squat", "2"}


def test_examples_name_what_is_like_them(clip: str, save, weights: str, capsys) -> None:
    examples = ["--examples", f"squat={save('squat', cycle(A, 5))}", "--examples", f"kick={save('kick', cycle(B, 5))}"]
    assert segment(clip, *examples, "--json", "--no-repetitions", model=weights) == 0
    assert labels(told(capsys)) == ["squat", "kick"]


def test_a_kept_model_gives_the_same_labels_on_other_clips(kept: str, save, weights: str, capsys) -> None:
    backwards = np.concatenate([cycle(B, 10, seed=5), cycle(A, 10, seed=6)])
    found = []
    for path in (save("forwards", a_then_b(10)), save("backwards", backwards)):
        assert segment(path, "--model", kept, "--json", "--no-repetitions", model=weights) == 0
        found.append(labels(told(capsys)))
    assert found[0] == found[1][::-1] and len(set(found[0])) == 2


def test_the_labels_of_a_kept_model_are_renamed_for_good(kept: str, clip: str, tmp_path, weights: str, capsys) -> None:
    named = str(tmp_path / "named.model")
    assert segment("--model", kept, "--rename", "1=squat", "-o", named, "--json", model=weights) == 0
    assert "squat" in told(capsys)["labels"]
    assert segment(clip, "--model", named, "--json", "--no-repetitions", model=weights) == 0
    assert "squat" in labels(told(capsys))


def test_a_folder_is_learnt_from(clip: str, tmp_path: Path, weights: str, capsys) -> None:
    assert segment("--fit", str(Path(clip).parent), "-o", str(tmp_path / "all.model"), model=weights) == 0
    assert "all.model" in capsys.readouterr().out


def test_a_clip_that_fails_leaves_the_model_of_the_others_and_3(
    clip: str, save, tmp_path, weights: str, capsys
) -> None:
    unseen = save("unseen", np.full((60, 8), np.nan))
    broken = tmp_path / "broken.parquet"
    broken.write_text("no table")
    out = tmp_path / "a.model"
    assert segment("--fit", clip, "--fit", str(broken), "-o", str(out), model=weights) == 3
    assert "broken.parquet" in capsys.readouterr().err and out.is_file()
    assert segment("--fit", unseen, "-o", str(tmp_path / "b.model"), model=weights) == 4


@pytest.mark.parametrize("suffix", [".json", ".csv", ".parquet", ".eaf", ".vtt"])
def test_segments_are_written(suffix: str, clip: str, tmp_path: Path, weights: str, capsys) -> None:
    from poseflow.formats.segment_files import read_segments

    out = tmp_path / f"out{suffix}"
    assert segment(clip, "-o", str(out), "--no-repetitions", "--json", model=weights) == 0
    found = told(capsys)["segments"]
    if suffix in (".json", ".csv", ".eaf"):
        read = read_segments(out)
        assert [s.label for s in read] == [one["label"] for one in found]
        assert [s.start_s for s in read] == pytest.approx([one["start_s"] for one in found], abs=1e-3)
    else:
        assert out.stat().st_size > 0


def test_the_sheet_has_a_panel_for_each_segment(clip: str, tmp_path: Path, weights: str) -> None:
    assert segment(clip, "--sheet", str(tmp_path / "out.png"), "--no-repetitions", model=weights) == 0
    picture = cv2.imread(str(tmp_path / "out.png"))
    assert picture is not None and picture.shape[1] > picture.shape[0]


def test_the_page_has_the_labels_escaped_and_buttons_that_seek(clip: str, tmp_path: Path, weights: str) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    out = tmp_path / "out.html"
    assert segment(clip, "--rename", f"1={nasty}", "--report", str(out), "--no-video", model=weights) == 0
    page = out.read_text(encoding="utf-8")
    assert nasty not in page and "&lt;img" in page
    assert page.count("data-at=") > 2


def test_a_still_person_is_one_segment(save, weights: str, capsys) -> None:
    still = np.ones((600, 8)) + 0.01 * np.random.default_rng(0).normal(size=(600, 8))
    assert segment(save("still", still), "--json", "--no-repetitions", model=weights) == 0
    assert labels(told(capsys)) == ["1"]


def test_one_frame_is_one_segment(save, weights: str, capsys) -> None:
    assert segment(save("one", cycle(A, 1)[:1]), "--json", model=weights) == 0
    found = told(capsys)
    assert labels(found) == ["1"] and found["repetitions"] == []


def test_nobody_seen_leaves_with_4(save, weights: str, capsys) -> None:
    assert segment(save("nobody", np.full((60, 8), np.nan)), model=weights) == 4
    assert "no usable pose" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give a CLIP"),
        (["CLIP", "--fit", "CLIP", "-o", "a.model"], "--fit learns"),
        (["--fit", "CLIP"], "-o actions.model"),
        (["--fit", "CLIP", "-o", "a.model", "--method", "kmeans"], "--method"),
        (["CLIP", "--model", "CLIP", "--examples", "a=CLIP"], "--model and --examples"),
        (["CLIP", "--model", "CLIP", "--clusters", "3"], "--clusters"),
        (["CLIP", "--rename", "1"], "NAME=VALUE"),
        (["CLIP", "--rename", "1=a", "--rename", "1=b"], "twice"),
        (["CLIP", "--rename", "9=a"], "no label 9"),
        (["CLIP", "--examples", "squat"], "NAME=VALUE"),
        (["CLIP", "--method", "hdbscan", "--clusters", "2"], "hdbscan"),
        (["CLIP", "--method", "magic"], "magic"),
        (["CLIP", "--clusters", "0"], "--clusters"),
        (["CLIP", "--min-duration", "-1"], "--min-duration"),
        (["CLIP", "--person", "all"], "all"),
        (["CLIP", "--sheet", "a.pdf"], "a.pdf"),
        (["CLIP", "--report", "a.pdf"], ".html"),
        (["CLIP", "-o", "a.docx"], "a.docx"),
    ],
)
def test_wrong_usage_leaves_with_2(
    options: list[str], said: str, clip: str, weights: str, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    assert segment(*[clip if word == "CLIP" else word.replace("=CLIP", f"={clip}") for word in options],
                   model=weights) == 2  # fmt: skip
    printed = capsys.readouterr()
    assert said in printed.err and printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_damaged_or_none_is_told(kept: str, clip: str, tmp_path: Path, weights: str, capsys) -> None:
    content = Path(kept).read_bytes()
    near_end = len(content) - 40
    flipped = bytes(255 - byte for byte in content[near_end : near_end + 8])
    broken = {
        "cut.model": content[: len(content) // 2],
        "changed.model": content[:near_end] + flipped + content[near_end + 8 :],
        "text.model": b"no model",
        "empty.model": b"",
    }  # fmt: skip
    for name, wrong in broken.items():
        (tmp_path / name).write_bytes(wrong)
        assert segment(clip, "--model", str(tmp_path / name), model=weights) == 1
        assert name in capsys.readouterr().err
    assert segment(clip, "--model", str(tmp_path / "absent.model"), model=weights) == 1
    assert "absent.model" in capsys.readouterr().err
