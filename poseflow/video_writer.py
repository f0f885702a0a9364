"""Writing H.264 video that browsers play, with the true time of every frame."""

from __future__ import annotations

import os
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from poseflow.errors import OutputError
from poseflow.output import atomic_path

TIME_BASE = Fraction(1, 90000)
_SUFFIXES = (".mp4", ".m4v", ".mov")
_SINGLE_FRAME_S = Fraction(1, 30)
_BT709 = 1  # what players take untagged HD for; said in the file, so that colours are right at any size


def check_video_path(path: str | os.PathLike[str]) -> Path:
    """`path`, if its name ends as that of a video that can be written here; ValueError otherwise."""
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise ValueError(f"cannot write a video to {path}; end its name in .mp4")
    return Path(path)


class VideoWriter:
    """Context manager that writes pictures as H.264 mp4; the file appears whole at the end, or not at all.

    The first picture is shown at 0: times count from its `time_s`, and all gaps are kept (variable frame rate).
    Pictures of an odd width or height get their last column or row twice, which H.264 needs.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, crf: int = 21, preset: str = "veryfast", keyframe_every: int = 60
    ) -> None:
        """Sets up a writer.

        Args:
            path: Ends in .mp4, .m4v or .mov; replaced if it is there.
            crf: Quality of x264: 0 is lossless, 51 worst.
            preset: Speed of x264.
            keyframe_every: Most pictures from one key frame to the next.
        """
        self._path = check_video_path(path)
        self._options = {"crf": str(crf), "preset": preset, "bf": "0", "g": str(keyframe_every)}
        self._closing = ExitStack()
        self._temporary: Path | None = None
        self._container: Any = None
        self._stream: Any = None
        self._start_s = 0.0
        self._shape: tuple[int, ...] = ()
        self._waiting: Any = None  # a picture is encoded when the next one tells how long it is shown
        self._shown_ticks = int(_SINGLE_FRAME_S / TIME_BASE)

    def __enter__(self) -> Self:
        """Raises OutputError where the file cannot be written."""
        self._temporary = self._closing.enter_context(atomic_path(self._path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except BaseException as failure:
            self._close_container()
            self._closing.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._close_container()
        self._closing.__exit__(kind, error, trace)

    def write(self, image: NDArray[np.uint8], time_s: float) -> None:
        """Adds a picture.

        Args:
            image: (H, W, 3) BGR; all of one size.
            time_s: When it is shown; later than the one before.

        Raises:
            ValueError: The size changed or time does not rise.
            OutputError: The disk is full, or the encoder failed.
        """
        if self._temporary is None:
            raise ValueError("VideoWriter: write inside its with block")
        if image.ndim != 3 or image.shape[2] != 3 or self._shape not in ((), image.shape):
            raise ValueError(f"VideoWriter: expected pictures of shape {self._shape or '(H, W, 3)'}, got {image.shape}")
        if not self._shape:
            self._open(image.shape, time_s)
        frame = av.VideoFrame.from_ndarray(_even(image), format="bgr24")
        frame.time_base, frame.pts = TIME_BASE, round((time_s - self._start_s) / TIME_BASE)
        if self._waiting is not None:
            if frame.pts <= self._waiting.pts:
                raise ValueError(f"VideoWriter: expected rising times, got {time_s} s again or after a later one")
            self._shown_ticks = frame.pts - self._waiting.pts
            self._encode(self._waiting)
        self._waiting = frame

    def _open(self, shape: tuple[int, ...], time_s: float) -> None:
        self._shape, self._start_s = shape, time_s
        options = {"movflags": "+faststart", "video_track_timescale": str(TIME_BASE.denominator)}
        try:
            self._container = av.open(f"file:{self._temporary}", "w", options=options)
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"cannot write {self._path} ({error}); write somewhere else") from error
        # The rate is only a hint for the encoder's level; what counts are the times.
        self._stream = self._container.add_stream("libx264", rate=30, options=self._options)
        self._stream.height, self._stream.width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base = TIME_BASE
        context.colorspace = context.color_primaries = context.color_trc = _BT709

    def _encode(self, frame: Any) -> None:
        picture = None
        if frame is not None:
            picture = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
            picture.time_base, picture.pts = TIME_BASE, frame.pts
        try:
            for packet in self._stream.encode(picture):
                packet.duration = self._shown_ticks  # the muxer takes the last one's; the others it tells by the next
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"writing {self._path} failed ({error}); is the disk full?") from error

    def _finish(self) -> None:
        if self._container is None:
            raise OutputError(f"no picture was written to {self._path}; nothing is left there")
        self._encode(self._waiting)
        self._encode(None)
        self._close_container()

    def _close_container(self) -> None:
        container, self._container = self._container, None
        if container is None:
            return
        try:
            container.close()
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"writing {self._path} failed ({error}); is the disk full?") from error


def _even(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(image)
