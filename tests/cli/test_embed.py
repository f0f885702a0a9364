"""`poseflow embed`: what it writes and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from disc_people import DiscDetector, write_disc_clip
from folders import names_in
from poseflow_cli.main import main

from poseflow.errors import WeightsError
from poseflow.store import read_clip
from poseflow.video import read_frames

TIMES_S = np.arange(20) / 25


def test_one_video_becomes_one_file(clip: Path, model: str, tmp_path: Path, sees_discs: None, capsys) -> None:
    target = tmp_path / "a.parquet"
    assert main(["embed", str(clip), "-o", str(target), "--model", model]) == 0
    told = capsys.readouterr()
    assert f"{target}: 20 frames, person 1 (20 embedded); embedded in " in told.out
    assert told.err == ""  # no terminal: no progress
    saved = read_clip(target)
    np.testing.assert_allclose(saved.tracks[0].time_s, TIMES_S, atol=1e-6)
    assert saved.metadata.command is not None


def test_json_is_the_object_that_other_programs_rely_on(
    clip: Path, model: str, tmp_path: Path, sees_discs: None, capsys
) -> None:
    target = str(tmp_path / "a.parquet")
    assert main(["embed", str(clip), "-o", target, "--model", model, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    seconds, model_id = told.pop("seconds"), told.pop("model")
    assert told == {
        "output": target,
        "frames": 20,
        "people": [{"person_id": 1, "frames": 20, "valid": 20}],
        "detector": "discs:threshold",
        "skipped": False,
    }
    assert seconds > 0
    assert model_id.startswith("tiny@")


def test_settings_reach_the_library(clip: Path, model: str, tmp_path: Path, sees_discs: None) -> None:
    target = tmp_path / "a.parquet"
    span = ["--start", "0.2", "--end", "0.6", "--stride", "0.08", "--no-smooth", "--person", "id:1"]
    assert main(["embed", str(clip), "-o", str(target), "--model", model, *span]) == 0
    saved = read_clip(target)
    np.testing.assert_allclose(saved.tracks[0].time_s, [0.2, 0.28, 0.36, 0.44, 0.52], atol=1e-6)
    assert saved.metadata.is_smoothed is False


def test_detector_options_reach_the_factory_only_where_given(
    clip: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(
        "poseflow_cli.options.make_detector", lambda name, **settings: calls.append((name, settings)) or DiscDetector()
    )
    common = ["embed", str(clip), "--model", model]
    assert main([*common, "-o", str(tmp_path / "a.parquet")]) == 0
    options = ["--detector", "mmpose", "--pose-model", "rtmpose-s", "--detect-every", "3", "--device", "cpu"]
    assert main([*common, "-o", str(tmp_path / "b.parquet"), *options]) == 0
    assert calls == [("auto", {}), ("mmpose", {"pose_model": "rtmpose-s", "detect_every": 3, "device": "cpu"})]


def test_a_folder_becomes_a_folder_and_a_broken_file_does_not_stop_it(
    clip: Path, model: str, tmp_path: Path, sees_discs: None, capsys
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("a.mp4", "c.mp4"):
        (folder / name).write_bytes(clip.read_bytes())
    (folder / "b.mp4").write_text("no video")
    arguments = ["embed", str(folder), "-o", str(tmp_path / "out"), "--model", model]
    assert main([*arguments, "--json"]) == 3
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert [Path(file["output"]).name for file in summary["files"]] == ["a.parquet", "c.parquet"]
    assert [Path(failed["source"]).name for failed in summary["failed"]] == ["b.mp4"]
    assert "1 of 3 files failed" in told.err
    assert names_in(tmp_path / "out") == ["a.parquet", "c.parquet"]

    assert main([*arguments, "--skip-existing"]) == 3
    assert capsys.readouterr().out.count("was there already") == 2


def test_own_keypoints_need_no_detector(
    clip: Path, model: str, tmp_path: Path, sees_discs: None, request: pytest.FixtureRequest
) -> None:
    assert main(["embed", str(clip), "-o", str(tmp_path / "a.parquet"), "--model", model]) == 0
    request.getfixturevalue("never_detects")
    own = pq.read_table(tmp_path / "a.parquet").select(["frame", "time_s", "person_id", "keypoints", "scores"])
    pq.write_table(own.replace_schema_metadata(None), tmp_path / "own.parquet")
    assert main(["embed", str(tmp_path / "own.parquet"), "-o", str(tmp_path / "b.parquet"), "--model", model]) == 0
    a, b = read_clip(tmp_path / "a.parquet"), read_clip(tmp_path / "b.parquet")
    np.testing.assert_array_equal(a.embeddings[0].vectors, b.embeddings[0].vectors)


def test_detector_options_that_change_nothing_are_told(
    clip: Path, model: str, tmp_path: Path, sees_discs: None, capsys
) -> None:
    saved, again = str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")
    assert main(["embed", str(clip), "-o", saved, "--model", model, "--detect-every", "3"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["embed", saved, "-o", again, "--model", model]) == 0
    assert capsys.readouterr().err == ""
    options = ["--detector", "mmpose", "--pose-model", "rtmpose-l"]
    assert main(["embed", saved, "-o", again, "--model", model, *options]) == 0
    told = capsys.readouterr()
    assert told.err == "note: --detector, --pose-model changed nothing, because no video was looked at\n"
    assert "1 (20 embedded)" in told.out


@pytest.mark.parametrize("is_batch", [False, True])
def test_a_clip_is_not_written_onto_itself(
    is_batch: bool, clip: Path, model: str, tmp_path: Path, sees_discs: None, capsys
) -> None:
    saved = tmp_path / "a.parquet"
    assert main(["embed", str(clip), "-o", str(saved), "--model", model]) == 0
    before = saved.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path)
    inputs, output = ([str(saved)], saved) if not is_batch else ([str(saved), str(clip)], tmp_path / "link")
    code = main(["embed", *inputs, "-o", str(output), "--model", model, "--person", "largest"])
    assert code == (3 if is_batch else 1)
    assert "is the input itself" in capsys.readouterr().err
    assert saved.read_bytes() == before


def test_a_recording_goes_into_a_parquet(model: str, tmp_path: Path, never_detects: None, capsys) -> None:
    assert main(["embed", "--source", "0", "-o", str(tmp_path / "live.mp4"), "--model", model]) == 2
    assert "end the name in .parquet" in capsys.readouterr().err


def test_a_folder_in_which_one_clip_lacks_the_person_is_done_but_for_that_clip(
    clip: Path, model: str, tmp_path: Path, sees_discs: None, capsys
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "alone.mp4").write_bytes(clip.read_bytes())
    write_disc_clip(folder / "both.mp4", TIMES_S, [[(60 + 3 * i, 40), (250, 60)] for i in range(20)])
    out = tmp_path / "out"
    assert main(["embed", str(folder), "-o", str(out), "--model", model, "--person", "id:2"]) == 3
    assert "alone.mp4: person: nobody has the id 2; the ids are 1" in capsys.readouterr().err
    assert names_in(out) == ["both.parquet"]


def test_weights_that_are_missing_are_asked_for_once_not_for_each_file(
    clip: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    calls = []

    def fail(name: str, **settings: object) -> None:
        calls.append(name)
        raise WeightsError("the weights are nowhere")

    monkeypatch.setattr("poseflow_cli.options.make_detector", fail)
    (tmp_path / "b.mp4").write_bytes(clip.read_bytes())
    inputs = [str(clip), str(tmp_path / "b.mp4")]
    assert main(["embed", *inputs, "-o", str(tmp_path / "out"), "--model", model]) == 1
    assert (calls, capsys.readouterr().err) == (["auto"], "poseflow: the weights are nowhere\n")


def test_one_frame_is_enough(model: str, tmp_path: Path, sees_discs: None) -> None:
    source = write_disc_clip(tmp_path / "one.mp4", [0.0], [[(100, 50)]])
    assert main(["embed", str(source), "-o", str(tmp_path / "a.parquet"), "--model", model]) == 0
    assert read_clip(tmp_path / "a.parquet").embeddings[0].valid.tolist() == [True]


@pytest.mark.real_data
@pytest.mark.slow
def test_real_footage_from_the_video_to_the_file(real_file, model: str, tmp_path: Path, capsys) -> None:
    source = str(real_file("data/video/sports2d_demo.mp4"))
    target, overlay, sheet = tmp_path / "a.parquet", tmp_path / "a.mp4", tmp_path / "a.png"
    arguments = [
        "embed",
        source,
        "-o",
        str(target),
        "--model",
        model,
        "--detector",
        "blazepose",
        "--end",
        "1",
        "--json",
    ]
    assert main([*arguments, "--overlay", str(overlay), "--contact-sheet", str(sheet)]) == 0
    told = json.loads(capsys.readouterr().out)
    saved = read_clip(target)
    assert told["frames"] == saved.metadata.frames == 30
    assert saved.metadata.size == (1768, 994)
    assert max(person["valid"] for person in told["people"]) >= 20
    drawn = list(read_frames(overlay))
    source_frames = list(read_frames(source, end_s=1))
    np.testing.assert_allclose([f.time_s for f in drawn], [f.time_s for f in source_frames], atol=1e-3)
    assert sheet.stat().st_size > 1000
