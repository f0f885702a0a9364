"""`poseflow embed` on good and bad input: what it writes, what it says, how it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import poseflow_cli.embed  # noqa: F401  its options read the library's defaults before a test replaces anything
import pyarrow.parquet as pq
import pytest
from disc_people import DiscDetector, write_disc_clip
from poseflow_cli.interrupt import interrupt_as_stop
from poseflow_cli.main import main
from tiny_model import save_tiny_model

from poseflow.errors import WeightsError
from poseflow.records import Frame
from poseflow.store import read_clip
from poseflow.video import read_frames

from ..poseflow.clips import cut_file, write_audio

TIMES_S = np.arange(20) / 25


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person who walks, in 20 frames."""
    places = [[(60 + 3 * i, 40)] for i in range(20)]
    return write_disc_clip(tmp_path_factory.mktemp("clip") / "walk.mp4", TIMES_S, places)


@pytest.fixture
def sees_discs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the command line make the detector that sees discs."""
    monkeypatch.setattr("poseflow_cli.options.make_detector", lambda name, **settings: DiscDetector())


@pytest.fixture
def never_detects(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, **settings: object) -> None:
        raise AssertionError("the long work began")

    monkeypatch.setattr("poseflow_cli.options.make_detector", fail)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


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
    source = write_disc_clip(tmp_path / "empty.mp4", TIMES_S[:5], [[]] * 5)
    target = tmp_path / "a.parquet"
    assert main(["embed", str(source), "-o", str(target), "--model", model, "--detector", "blazepose"]) == 4
    assert "no person was found in 5 frames" in capsys.readouterr().err
    assert names_in(tmp_path) == ["empty.mp4"]


def test_one_frame_is_enough(model: str, tmp_path: Path, sees_discs: None) -> None:
    source = write_disc_clip(tmp_path / "one.mp4", [0.0], [[(100, 50)]])
    assert main(["embed", str(source), "-o", str(tmp_path / "a.parquet"), "--model", model]) == 0
    assert read_clip(tmp_path / "a.parquet").embeddings[0].valid.tolist() == [True]


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


@pytest.fixture(autouse=True)
def listens_to_ctrl_c() -> Iterator[None]:
    """A shell's background job is started deaf to SIGINT, and so are its children; these tests need to hear it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="sees by /proc when the video is being read")
def test_ctrl_c_in_the_middle_leaves_nothing(model: str, tmp_path: Path) -> None:
    """A real process with the real BlazePose, interrupted while it reads the video."""
    times_s = np.arange(3000) / 100
    source = write_disc_clip(tmp_path / "long.mp4", times_s, [[]] * len(times_s), crf=40)
    out = tmp_path / "out"
    out.mkdir()
    arguments = ["embed", str(source), "-o", str(out / "a.parquet"), "--model", model, "--detector", "blazepose"]
    process = subprocess.Popen([sys.executable, "-m", "poseflow_cli", *arguments], stderr=subprocess.PIPE)
    try:
        wait_until_read(process, source)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert b"interrupted" in errors
    assert b"Traceback" not in errors
    assert names_in(out) == []


def wait_until_read(process: subprocess.Popen, path: Path) -> None:
    """Returns once the process has had the video open for a second, so longer than to look at its head."""
    seen = 0
    for _ in range(2400):
        assert process.poll() is None, "it ended before it was interrupted"
        seen = seen + 1 if any(is_link_to(link, path) for link in Path(f"/proc/{process.pid}/fd").iterdir()) else 0
        if seen == 10:
            return
        time.sleep(0.1)
    raise AssertionError("the video was never read")


def is_link_to(link: Path, path: Path) -> bool:
    try:
        return os.readlink(link) == str(path)  # noqa: PTH115
    except OSError:
        return False


def test_ctrl_c_ends_a_recording_and_keeps_what_was_seen(
    clip: Path, model: str, tmp_path: Path, sees_discs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def camera(index: int, *, duration_s: float | None = None) -> Iterator[Frame]:
        for frame in read_frames(clip):
            if frame.index == 12:
                signal.raise_signal(signal.SIGINT)
            yield frame

    monkeypatch.setattr("poseflow.embed.read_webcam", camera)
    target = tmp_path / "live.parquet"
    assert main(["embed", "--source", "0", "-o", str(target), "--model", model]) == 0
    saved = read_clip(target)
    assert len(saved.tracks[0].time_s) == 12
    assert (saved.metadata.source, saved.metadata.size) == ("webcam 0", (320, 240))


def test_a_second_ctrl_c_interrupts_as_usual() -> None:
    usual = signal.getsignal(signal.SIGINT)
    with interrupt_as_stop() as should_stop:
        assert not should_stop()
        signal.raise_signal(signal.SIGINT)
        assert should_stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is usual


def test_a_webcam_that_is_not_there_is_told(model: str, tmp_path: Path, sees_discs: None, capsys) -> None:
    assert main(["embed", "--source", "97", "-o", str(tmp_path / "a.parquet"), "--model", model]) == 1
    assert "no webcam 97" in capsys.readouterr().err
    assert names_in(tmp_path) == []


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
