"""Progress: nothing of it where stderr is no terminal, and never a change to what goes through."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from poseflow.progress import time_progress
from poseflow.records import FramePoses


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def poses_at(times_s: list[float]) -> list[FramePoses]:
    empty = np.empty((0, 17), np.float32)
    no_box = np.empty((0, 4), np.float32)
    return [
        FramePoses(i, t, np.empty((0, 17, 2), np.float32), empty, no_box, np.empty(0, np.float32))
        for i, t in enumerate(times_s)
    ]


@pytest.mark.parametrize("end_s", [4.0, None])
def test_frames_go_through_unchanged_and_silently_without_a_terminal(end_s: float | None, capsys) -> None:
    poses = poses_at([2.0, 2.5, 3.9])
    assert list(time_progress(poses, label="clip", start_s=2.0, end_s=end_s)) == poses
    assert capsys.readouterr().err == ""


def test_seconds_done_are_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poseflow.progress._DELAY_S", 0)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    shown = time_progress(poses_at([2.0, 3.0, 4.0]), label="clip.mp4", start_s=2.0, end_s=6.0)
    for _ in shown:
        pass
    assert "clip.mp4" in terminal.getvalue()
    assert "/4.0" in terminal.getvalue()


def test_nothing_to_show_is_no_error() -> None:
    assert list(time_progress([], label="clip", start_s=0.0, end_s=0.0)) == []
