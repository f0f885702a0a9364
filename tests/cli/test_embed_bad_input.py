"""`poseflow embed` on input and options that will not do: what it says, and that it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from disc_people import write_disc_clip
from folders import names_in
from poseflow_cli.main import main

from ..poseflow.clips import cut_file, write_audio


def test_where_every_file_fails_none_is_called_done(model: str, tmp_path: Path, sees_discs: None, capsys) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_text("no video")
    assert main(["embed", str(tmp_path), "-o", str(tmp_path / "out"), "--model", model]) == 3
    assert capsys.readouterr().err.endswith("2 of 2 files failed, for the reasons above\n")


def test_a_start_behind_the_end_is_told_in_the_users_words(
    clip: Path, model: str, tmp_path: Path, sees_discs: None, capsys
) -> None:
    target = str(tmp_path / "a.parquet")
    assert main(["embed", str(clip), "-o", target, "--model", model, "--start", "9"]) == 1
    assert "no picture at 9 s or later; the last picture before is shown at 0.76 s" in capsys.readouterr().err
    assert main(["embed", str(clip), "-o", target, "--model", model, "--start", "3", "--end", "2"]) == 2
    assert "--end 2 is not behind --start 3" in capsys.readouterr().err


def bad_inputs() -> dict[str, Callable[[Path, Path], Path]]:
    def write(name: str, content: bytes) -> Callable[[Path, Path], Path]:
        def make(folder: Path, clip: Path) -> Path:
            (folder / name).write_bytes(content)
            return folder / name

        return make

    def empty_folder(folder: Path, clip: Path) -> Path:
        (folder / "nothing").mkdir()
        return folder / "nothing"

    return {
        "absent.mp4": lambda folder, clip: folder / "absent.mp4",
        "nothing": empty_folder,
        "zero.mp4": write("zero.mp4", b""),
        "text.mp4": write("text.mp4", b"this is a text\n" * 50),
        "cut.mp4": lambda folder, clip: cut_file(clip, folder / "cut.mp4", share=0.6),
        "sound.mp4": lambda folder, clip: write_audio(folder / "sound.mp4"),
        "text.parquet": write("text.parquet", b"this is a text\n" * 50),
    }


@pytest.mark.parametrize("name", bad_inputs())
def test_bad_input_is_named_and_leaves_nothing(
    name: str, clip: Path, model: str, tmp_path: Path, sees_discs: None, capsys
) -> None:
    sources, out = tmp_path / "in", tmp_path / "out"
    sources.mkdir()
    out.mkdir()
    source = bad_inputs()[name](sources, clip)
    assert main(["embed", str(source), "-o", str(out / "a.parquet"), "--model", model]) == 1
    told = capsys.readouterr()
    assert name in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    assert names_in(out) == []


def test_a_video_of_nobody_leaves_with_4(model: str, tmp_path: Path, capsys) -> None:
    """With the real BlazePose, on a picture without a person."""
    source = write_disc_clip(tmp_path / "empty.mp4", np.arange(5) / 25, [[]] * 5)
    target = tmp_path / "a.parquet"
    assert main(["embed", str(source), "-o", str(target), "--model", model, "--detector", "blazepose"]) == 4
    assert "no person was found in 5 frames" in capsys.readouterr().err
    assert names_in(tmp_path) == ["empty.mp4"]


@pytest.mark.parametrize(
    "options",
    [
        ["-o", "absent/a.parquet"],
        ["-o", "walk.mp4/a.parquet"],
        ["-o", "a.parquet", "--overlay", "absent/a.mp4"],
        ["-o", "a.parquet", "--contact-sheet", "absent/a.png"],
        ["-o", "walk.mp4/out"],
    ],
)
def test_an_output_that_cannot_be_written_fails_before_the_work(
    options: list[str], clip: Path, model: str, never_detects: None, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(clip.parent)
    assert main(["embed", str(clip), "--model", model, *options]) == 1
    assert "folder" in capsys.readouterr().err
    assert names_in(clip.parent) == ["walk.mp4"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.mp4", "--source", "0"],
        ["a.mp4", "--duration", "3"],
        ["--source", "0", "--start", "1"],
        ["--source", "0", "--skip-existing"],
        ["a.mp4", "--start", "2", "--end", "1"],
        ["a.mp4", "--end", "0"],
        ["a.mp4", "--stride", "0"],
        ["a.mp4", "--person", "biggest"],
        ["a.mp4", "b.mp4", "--overlay", "o.mp4"],
        ["a.parquet", "--overlay", "o.mp4"],
        ["a.PARQUET", "--overlay", "o.mp4"],
        ["a.mp4", "--detector", "magic"],
    ],
)
def test_contradictory_options_are_wrong_usage(arguments: list[str], tmp_path: Path, never_detects: None) -> None:
    assert main(["embed", *arguments, "-o", str(tmp_path / "out.parquet")]) == 2
    assert names_in(tmp_path) == []


def test_a_missing_model_is_told_before_the_work(clip: Path, tmp_path: Path, never_detects: None, capsys) -> None:
    assert main(["embed", str(clip), "-o", str(tmp_path / "a.parquet"), "--model", "absent"]) == 1
    assert "no model 'absent'" in capsys.readouterr().err


def test_a_webcam_that_is_not_there_is_told(model: str, tmp_path: Path, sees_discs: None, capsys) -> None:
    assert main(["embed", "--source", "97", "-o", str(tmp_path / "a.parquet"), "--model", model]) == 1
    assert "no webcam 97" in capsys.readouterr().err
    assert names_in(tmp_path) == []
