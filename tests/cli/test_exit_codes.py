"""One rule: 2 where no disk could make the command line right, 1 where the disk says no."""

from __future__ import annotations

from pathlib import Path

import pytest
from poseflow_cli.main import main


@pytest.mark.parametrize(
    "arguments",
    [
        ["match", "--ref", "folder", "--query", "absent.parquet"],
        ["match", "--ref", "absent.parquet", "--query", "folder"],
        ["match", "--ref", "folder.parquet", "--query", "absent.mp4"],
        ["match", "--ref", "absent.mp4", "--query", "folder", "-o", "file"],
        ["match", "--ref", "file", "--query", "file", "--overlay", "file/o.mp4"],
        ["embed", "absent.parquet", "-o", "out.parquet"],
        ["embed", "file", "-o", "folder.parquet"],
        ["embed", "folder", "-o", "out"],
        ["import", "folder", "-o", "out.parquet"],
        ["import", "absent.json", "-o", "folder.parquet"],
        ["export", "folder.parquet", "-o", "out.csv"],
        ["lift", "folder", "-o", "out.bvh"],
        ["train", "vvipe_cmu", "--data", "absent.npz"],
        ["train", "vvipe_cmu", "--data", "folder", "--work-dir", "file"],
    ],
)
def test_a_path_that_will_not_do_leaves_with_1_and_is_named(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("folder", "folder.parquet"):
        Path(name).mkdir()
    Path("file").write_text("text")
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert told.err.startswith("poseflow: ")
    assert any(word in told.err for word in arguments[1:] if not word.startswith("-"))
    assert told.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "folder.parquet"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["match", "--ref", "a.mp4", "--query", "b.mp4", "--overlay", "out.avi"],
        ["match", "--ref", "a.mp4", "--query", "b.mp4", "--report", "out.pdf"],
        ["embed", "a.mp4", "-o", "out.csv"],
        ["embed", "a.mp4", "-o", "out.parquet", "--overlay", "out.gif"],
        ["embed", "a.mp4", "-o", "out.parquet", "--contact-sheet", "out.mp4"],
        ["import", "a.json", "-o", "out.json"],
        ["lift", "a.mp4", "-o", "out.fbx"],
        ["generate", "-o", "out.txt"],
    ],
)
def test_an_output_of_a_kind_that_is_not_written_leaves_with_2_before_the_input_is_looked_at(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert next(word for word in reversed(arguments) if word.startswith("out.")) in capsys.readouterr().err
