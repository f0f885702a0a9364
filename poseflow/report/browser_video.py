"""Clips as a browser plays them: H.264, small, upright, seekable to a picture, each picture at its own time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from poseflow.progress import time_progress
from poseflow.records import Frame
from poseflow.video import read_frames
from poseflow.video_writer import VideoWriter

MAX_SHORT_SIDE, MAX_LONG_SIDE = 720, 1280
KEYFRAME_EVERY = 12
"""Pictures from one key frame to the next: what a browser decodes at most to show a moment that was asked for."""
CRF = 25
_SLACK_S = 1e-6


@dataclass(frozen=True)
class BrowserVideo:
    """A clip that was written for the page.

    Attributes:
        path: The mp4.
        start_s: Time of its first picture in the source; the page's video counts from there.
        size: (width, height) of the source's upright picture, which keypoints are in.
        stills: (H, W, 3) BGR pictures in the source's size, one a moment that was asked for.
    """

    path: Path
    start_s: float
    size: tuple[int, int]
    stills: tuple[NDArray[np.uint8], ...]


def write_browser_video(
    source: str | os.PathLike[str],
    out_path: Path,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    stills_s: Sequence[float] = (),
    show_progress: bool = False,
) -> BrowserVideo:
    """Writes the span of the source to `out_path` and picks stills on the way; the source is decoded once.

    Args:
        source: A video.
        out_path: Ends in .mp4.
        start_s, end_s: As for `read_frames`.
        stills_s: Moments, rising, whose pictures are wanted too; the first picture stands for what is before it.
        show_progress: Whether to show progress on stderr where that is a terminal.

    Raises:
        VideoError: The source cannot be read, or shows nothing in the span.
        OutputError: The file cannot be written.
    """
    frames: Iterator[Frame] = read_frames(source, start_s=start_s, end_s=end_s)
    if show_progress:
        frames = time_progress(frames, label=f"report: {Path(source).name}", start_s=start_s, end_s=end_s)
    stills = _Stills(stills_s)
    first: Frame | None = None
    with VideoWriter(out_path, crf=CRF, keyframe_every=KEYFRAME_EVERY) as writer:
        for frame in frames:
            first = frame if first is None else first
            stills.see(frame)
            writer.write(fit_picture(frame.image), frame.time_s)
    assert first is not None  # read_frames gives a picture or raises
    height, width = first.image.shape[:2]
    return BrowserVideo(out_path, first.time_s, (width, height), stills.finish())


def fit_picture(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture made smaller until it is 720p, upright or lying; a smaller one as it is."""
    height, width = image.shape[:2]
    factor = min(1.0, MAX_SHORT_SIDE / min(height, width), MAX_LONG_SIDE / max(height, width))
    if factor == 1.0:
        return image
    size = max(2, round(width * factor)), max(2, round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


class _Stills:
    """Keeps the picture on screen at each of the rising moments."""

    def __init__(self, times_s: Sequence[float]) -> None:
        self._times_s = list(times_s)
        self._current: NDArray[np.uint8] | None = None
        self._found: list[NDArray[np.uint8]] = []

    def see(self, frame: Frame) -> None:
        while len(self._found) < len(self._times_s) and frame.time_s > self._times_s[len(self._found)] + _SLACK_S:
            self._found.append(frame.image if self._current is None else self._current)
        self._current = frame.image

    def finish(self) -> tuple[NDArray[np.uint8], ...]:
        missing = len(self._times_s) - len(self._found)
        return (*self._found, *([] if self._current is None else [self._current] * missing))
