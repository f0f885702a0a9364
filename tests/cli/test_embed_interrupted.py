"""`poseflow embed` and Ctrl-C: a video leaves nothing, a recording ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from disc_people import write_disc_clip
from folders import names_in
from poseflow_cli.interrupt import interrupt_as_stop
from poseflow_cli.main import main

from poseflow.records import Frame
from poseflow.store import read_clip
from poseflow.video import read_frames


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
