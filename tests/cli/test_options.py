"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lifted_tracks import make_clip, make_track
from poseflow_cli.main import main

from poseflow.store import write_clip
from vvipe import Embedder

COMMANDS = {
    "match": ["match", "--ref", "CLIP", "--query", "CLIP"],
    "segment": ["segment", "CLIP"],
    "count": ["count", "CLIP"],
    "lift": ["lift", "CLIP", "-o", "OUT"],
    "generate": ["generate", "CLIP", "--at", "0.5", "-o", "OUT"],
    "search": ["search", "--query", "CLIP", "--in", "FOLDER"],
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """A saved clip that was embedded with smoothing, and one without."""
    folder = tmp_path_factory.mktemp("clips")
    embedder, track = Embedder.from_pretrained(), make_track(np.arange(60) / 30)
    paths = {}
    for smooth in (True, False):
        paths[smooth] = folder / f"{smooth}.parquet"
        write_clip(paths[smooth], make_clip([track], embedder, smooth=smooth))
    return paths


def run(name: str, clip: Path, out: Path, *options: str) -> int:
    places = {"CLIP": str(clip), "FOLDER": str(clip.parent), "OUT": str(out / "out.npz")}
    return main([places.get(word, word) for word in COMMANDS[name]] + list(options))


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("name", COMMANDS)
def test_smoothing_that_a_saved_clip_did_not_get_is_told(name, smooth, clips, tmp_path, capsys):
    flag = "--smooth" if smooth else "--no-smooth"
    assert run(name, clips[not smooth], tmp_path, flag) == 0
    told = capsys.readouterr().err
    assert f"{flag} changed nothing for {clips[not smooth]}" in told
    assert f"poseflow embed {clips[not smooth]} {flag}" in told


@pytest.mark.parametrize("name", COMMANDS)
def test_smoothing_as_the_clip_was_saved_is_not_worth_a_word(name, clips, tmp_path, capsys):
    assert run(name, clips[False], tmp_path, "--no-smooth") == 0
    assert "changed nothing" not in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_smoothing_that_nobody_asked_for_is_not_worth_a_word(name, clips, tmp_path, capsys):
    assert run(name, clips[False], tmp_path) == 0
    assert "changed nothing" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("match", ["--no-video"], "--no-video changed nothing, because no page was asked for"),
        ("count", ["--no-video"], "--no-video changed nothing, because there is no --report"),
        ("segment", ["--video"], "--video changed nothing, because no sheet or page was asked for"),
        ("search", ["--keep", "9"], "--keep changed nothing, because there is no --index"),
        ("lift", ["--pose-model", "rtmpose-l"], "--pose-model changed nothing, because no video was looked at"),
    ],
)
def test_option_that_changes_nothing_is_told(name, options, told, clips, tmp_path, capsys):
    assert run(name, clips[True], tmp_path, *options) == 0
    assert f"note: {told}\n" in capsys.readouterr().err


def test_options_of_a_clip_that_is_not_there_are_told(tmp_path, capsys):
    options = ["--person", "id:1", "--no-smooth", "--count", "1"]
    assert main(["generate", "-o", str(tmp_path / "a.npz"), *options]) == 0
    assert capsys.readouterr().err == "note: --person, --no-smooth changed nothing, because there is no CLIP\n"


@pytest.mark.parametrize("flag", ["--sheet", "--report"])
def test_drawing_of_a_clip_that_is_not_there_is_wrong_usage(flag, clips, tmp_path, capsys):
    arguments = ["segment", "--fit", str(clips[True]), "-o", str(tmp_path / "a.model"), flag, str(tmp_path / "x")]
    assert main(arguments) == 2
    assert "show a CLIP" in capsys.readouterr().err
