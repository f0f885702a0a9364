"""Reading video: upright frames with their presentation times, from a file or a webcam.

Time 0 is the container's start. A frame's number counts the frames of the source from 0, also behind a seek.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from numpy.typing import NDArray

from poseflow.decoding import TIME_SLACK_S, check_file, decoded_frames, numbered_frames, open_video
from poseflow.errors import VideoError
from poseflow.records import Frame

_GRID_SLACK_S = 1e-3  # Matroska rounds times to milliseconds
_MAX_STEP_BACK_S = 1.0  # beyond this, times do not merely repeat: the recording's clock was reset


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        name: File name without its folder.
        width, height: Pixels of the upright picture.
        rotation_deg: Degrees counter-clockwise by which the stored picture is turned to stand upright.
        duration_s: From time 0 to the end of the last picture; None = the file does not say.
        average_fps: Frames per second over the whole clip (times of frames may vary); None = the file does not say.
        codec: FFmpeg's name of the video codec, e.g. ``h264``.
        time_base: The unit of its timestamps in seconds, e.g. ``1/15360``.
    """

    name: str
    width: int
    height: int
    rotation_deg: int
    duration_s: float | None
    average_fps: float | None
    codec: str
    time_base: str


def _timed(path: Path, start_s: float) -> Generator[tuple[int, float, Any]]:
    """(number, time, picture) with rising times; a picture whose time repeats cannot be shown and is left out."""
    previous_s = -np.inf
    for index, video, frame in numbered_frames(path, start_s):
        time_s = video.time_s(frame)
        if time_s < previous_s - _MAX_STEP_BACK_S:
            raise VideoError(
                f"{path}: times jump back from {previous_s:.2f} s to {time_s:.2f} s; "
                "write it anew: ffmpeg -i IN OUT.mp4"
            )
        if time_s > previous_s:
            previous_s = time_s
            yield index, time_s, frame


def _display_matrix(frame: Any) -> NDArray[np.int32] | None:
    if SideDataType.DISPLAYMATRIX not in frame.side_data:
        return None
    return np.frombuffer(bytes(frame.side_data[SideDataType.DISPLAYMATRIX]), dtype=np.int32)


class _Turner:
    """Turns and mirrors pictures upright, as the container's display matrix says (a multiple of 90 degrees).

    PyAV ties a picture whose side data is asked for into a reference cycle, so that its pixels stay in memory until the
    garbage collector comes by, hundreds of pictures later. So the matrix is read once, and again where the angle that
    PyAV derives from it changes.
    """

    def __init__(self) -> None:
        self._rotation: float | None = None
        self._matrix: NDArray[np.int32] | None = None

    def upright(self, frame: Any) -> NDArray[np.uint8]:
        """(H, W, 3) BGR."""
        if frame.rotation != self._rotation:
            self._rotation, self._matrix = frame.rotation, _display_matrix(frame)
        image = frame.to_ndarray(format="bgr24")
        if self._matrix is None:
            return image
        a, b, c, d = (int(self._matrix[i]) for i in (0, 1, 3, 4))  # x' = a x + c y, y' = b x + d y
        if abs(b) > abs(a):
            image, a, d = image.transpose(1, 0, 2), c, b
        return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


class _TimeGrid:
    """Takes the first frame, then the first at or behind each whole number of steps from it."""

    def __init__(self, step_s: float | None) -> None:
        self._step_s = step_s
        self._first_s: float | None = None
        self._due_s = -np.inf

    def takes(self, time_s: float) -> bool:
        if self._step_s is None:
            return True
        if time_s < self._due_s - min(_GRID_SLACK_S, self._step_s / 4):
            return False
        self._first_s = time_s if self._first_s is None else self._first_s
        steps = np.floor((time_s - self._first_s + _GRID_SLACK_S) / self._step_s) + 1
        self._due_s = self._first_s + steps * self._step_s
        return True


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Size, rotation, length and codec of a video; decodes its first picture.

    Raises:
        VideoError: The file is missing, empty, damaged or has no picture.
    """
    with open_video(Path(path)) as video:
        with closing(decoded_frames(video)) as frames:
            first = next(frames)
        stream = video.stream
        height, width = _Turner().upright(first).shape[:2]
        duration_s = None
        if stream.duration is not None:
            duration_s = float((stream.duration + (stream.start_time or 0)) * stream.time_base - video.origin_s)
        elif video.container.duration is not None:
            duration_s = video.container.duration / av.time_base
        return VideoInfo(
            name=video.path.name,
            width=width,
            height=height,
            rotation_deg=first.rotation % 360,
            duration_s=duration_s,
            average_fps=float(stream.average_rate) if stream.average_rate else None,
            codec=stream.codec_context.name,
            time_base=str(stream.time_base),
        )


def read_frames(
    path: str | os.PathLike[str],
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    stride_s: float | None = None,
) -> Generator[Frame]:
    """The upright frames of a video that are shown in [start_s, end_s), in order; one at a time is held.

    Args:
        path: A video file.
        start_s, end_s: Seconds from the container's start; None = the clip's own.
        stride_s: Least time between frames, on a grid that begins at the first one; None = every frame.

    Raises:
        ValueError: A bound is negative or not finite, or the range is empty.
        VideoError: The file is missing, empty, damaged, has no picture, or none in the range. Where it is cut off or
            damaged on the way, the frames before that come first.
    """
    path = Path(path)
    start = 0.0 if start_s is None else start_s
    end = np.inf if end_s is None else end_s
    if not 0 <= start < end:
        raise ValueError(f"read_frames: expected 0 <= start_s < end_s, got {start_s} and {end_s}")
    if stride_s is not None and not 0 < stride_s < np.inf:
        raise ValueError(f"read_frames: expected stride_s > 0, got {stride_s}")
    check_file(path)
    return _read(path, float(start), float(end), _TimeGrid(stride_s))


def _read(path: Path, start_s: float, end_s: float, grid: _TimeGrid) -> Generator[Frame]:
    turner = _Turner()
    shape: tuple[int, ...] = ()
    last_s = None  # of the pictures before the span
    with closing(_timed(path, start_s)) as timed:
        for index, time_s, frame in timed:
            if time_s >= end_s - TIME_SLACK_S:
                break
            if time_s < start_s - TIME_SLACK_S:
                last_s = time_s
                continue
            if not grid.takes(time_s):
                continue
            image = turner.upright(frame)
            if shape not in ((), image.shape):
                raise VideoError(
                    f"{path}: the picture's size changes at {time_s:.2f} s; write it anew: ffmpeg -i IN OUT.mp4"
                )
            shape = image.shape
            yield Frame(index, time_s, image)
    if not shape:
        raise VideoError(_nothing_shown(path, start_s, end_s, last_s))


def _nothing_shown(path: Path, start_s: float, end_s: float, last_s: float | None) -> str:
    before = "" if last_s is None else f"; the last picture before is shown at {last_s:.2f} s"
    if np.isinf(end_s):
        return f"{path} has no picture at {start_s:g} s or later{before}; start earlier"
    return f"{path} has no picture from {start_s:g} s until {end_s:g} s{before}; choose another span"


def read_webcam(index: int = 0, *, duration_s: float | None = None, stride_s: float | None = None) -> Generator[Frame]:
    """Frames of a webcam from now on; time 0 is the first one, by the machine's monotonic clock.

    Args:
        index: Number of the camera, from 0.
        duration_s: Where to stop; None = when the caller stops reading, which closes the camera.
        stride_s: As for `read_frames`.

    Raises:
        ValueError: A setting is negative.
        VideoError: There is no such camera, or it went away.
    """
    if index < 0 or (duration_s is not None and duration_s <= 0) or (stride_s is not None and stride_s <= 0):
        raise ValueError(f"read_webcam: expected positive settings, got {index}, {duration_s}, {stride_s}")
    import cv2

    capture = cv2.VideoCapture(index)
    if not capture.isOpened():
        raise VideoError(f"no webcam {index}; check that it is plugged in and that no other program uses it")
    return _read_capture(capture, np.inf if duration_s is None else duration_s, _TimeGrid(stride_s))


def _read_capture(capture: Any, duration_s: float, grid: _TimeGrid) -> Generator[Frame]:
    start_s = None
    try:
        index = 0
        while True:
            is_read, image = capture.read()
            now_s = time.monotonic()
            start_s = now_s if start_s is None else start_s
            if now_s - start_s >= duration_s:
                return
            if not is_read:
                raise VideoError("the webcam gives no more pictures; check its cable and start again")
            if grid.takes(now_s - start_s):
                yield Frame(index, now_s - start_s, image)
            index += 1
    finally:
        capture.release()
