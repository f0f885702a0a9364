"""An opened video file: its pictures in order of presentation, their times and numbers, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

import av
import numpy as np

from poseflow.errors import VideoError

TIME_SLACK_S = 1e-6  # a bound computed in floats still meets the frame that it means
_MAX_MISSING_END_S = 0.5  # the last picture may end that long before the file says it does
# Not moving pictures of one file: texts drawn as pictures, still images, lists that name other files.
_REFUSED_FORMATS = {"tty", "image2", "hls", "dash", "concat", "imf", "sdp", "lavfi"}
# Here one packet is one shown picture, so that packets before a key frame count its number without decoding.
_COUNTABLE = {(f, c) for f in ("mov", "matroska") for c in ("h264", "hevc", "vp9", "av1")}


@dataclass(frozen=True)
class OpenVideo:
    """A file that FFmpeg has opened (PyAV's container) and its first stream of moving pictures."""

    path: Path
    container: Any
    stream: Any

    @property
    def origin_s(self) -> Fraction:
        """The container's start; exact where it is the stream's, since FFmpeg rounds the former to microseconds."""
        own = None if self.stream.start_time is None else self.stream.start_time * self.stream.time_base
        if self.container.start_time is None:
            return own or Fraction(0)
        start = Fraction(self.container.start_time, av.time_base)
        return own if own is not None and abs(own - start) <= Fraction(1, av.time_base) else start

    def time_s(self, frame: Any) -> float:
        """Presentation time of a decoded picture; VideoError where it has none."""
        if frame.pts is None:
            raise VideoError(
                f"{self.path} has no presentation times; give it some: ffmpeg -framerate 30 -i IN -c copy OUT.mp4"
            )
        return float(frame.pts * self.stream.time_base - self.origin_s)


def check_file(path: Path) -> None:
    """Raises VideoError unless `path` is a file with something in it."""
    if path.is_dir():
        raise VideoError(f"{path} is a folder; name a video file in it")
    if not path.exists():
        raise VideoError(f"no such video: {path}; check the path")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes); copy or download it again")


def _unreadable(path: Path, error: Exception | None = None) -> VideoError:
    if isinstance(error, PermissionError):
        return VideoError(f"{path} may not be read; change its permissions")
    with path.open("rb") as file:
        is_mp4 = file.read(12)[4:8] == b"ftyp"
    if is_mp4:
        return VideoError(
            f"{path} is a cut-off or damaged mp4: its index ('moov') is missing; copy or download it again "
            "(a recording that was interrupted needs a repair tool such as untrunc)"
        )
    return VideoError(f"{path} is not a video that FFmpeg can read; check that it is the right file")


def _is_refused(container: Any) -> bool:
    names = set(container.format.name.split(","))
    return bool(names & _REFUSED_FORMATS) or any(name.endswith("_pipe") for name in names)


@contextmanager
def open_video(path: Path) -> Iterator[OpenVideo]:
    """The file and its first stream of moving pictures, closed afterwards."""
    check_file(path)
    try:  # without "file:", a colon in the name would be taken for a protocol
        container = av.open(f"file:{path}", metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise _unreadable(path, error) from error
    with closing(container):
        if _is_refused(container):
            kind = "text" if container.format.name == "tty" else f"a {container.format.name} file"
            raise VideoError(f"{path} is {kind}, not a video; give a video file")
        if not container.streams:
            raise _unreadable(path)
        cover = av.stream.Disposition.attached_pic
        streams = [stream for stream in container.streams.video if not stream.disposition & cover]
        if not streams:
            raise VideoError(f"{path} has no pictures (only {_content(container)}); give a file with a video track")
        yield OpenVideo(path, container, streams[0])


def _content(container: Any) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams if stream.type != "video"})) or "a cover"


def _is_cut_off(video: OpenVideo, end_s: float) -> bool:
    """Whether the file says that pictures follow which it does not hold; `end_s` is where the last one ends."""
    entries = video.stream.index_entries
    if len(entries):
        last = entries[len(entries) - 1]
        if last.pos + last.size > video.path.stat().st_size:
            return True
    hours, _, rest = video.stream.metadata.get("DURATION", "").partition(":")  # Matroska, as FFmpeg and OBS write it
    minutes, _, seconds = rest.partition(":")
    try:
        stated_s = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return False
    return stated_s - end_s > _MAX_MISSING_END_S


def _damage(video: OpenVideo, last: Any) -> VideoError:
    if last is None:
        return VideoError(f"{video.path}: no picture of it can be decoded; copy or download it again")
    return VideoError(
        f"{video.path} is damaged or cut off after {video.time_s(last):.2f} s; copy or download it again, or end "
        "before that time, or save what is left: ffmpeg -i IN OUT.mp4"
    )


def _drained(video: OpenVideo, packet: Any) -> list[Any]:
    """Pictures that the decoder still holds, of those shown before `packet`: none behind a hole."""
    try:
        frames = video.stream.codec_context.decode(None)
    except (av.FFmpegError, EOFError):
        return []
    until = None if packet is None else packet.pts
    return [frame for frame in frames if until is None or frame.pts is None or frame.pts < until]


def _packets(video: OpenVideo) -> Iterator[Any]:
    """The packets; None in place of what cannot be read."""
    packets = video.container.demux(video.stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            yield None
            return
        if packet is None:
            return
        yield packet


def _decode_packet(packet: Any, *, is_first: bool) -> tuple[list[Any], bool]:
    """Its pictures, and whether it is damaged; pictures before the first key frame are no loss."""
    if packet is None or packet.is_corrupt:
        return [], True
    try:
        frames = packet.decode()
    except av.FFmpegError:
        return [], packet.is_keyframe or not is_first
    good = list(takewhile(lambda frame: not frame.is_corrupt, frames))
    return good, len(good) < len(frames)


class _Slots:
    """Presentation times for AVI, which has none: the n-th picture shown gets the n-th slot of the file."""

    def __init__(self, video: OpenVideo) -> None:
        self._is_needed = video.container.format.name == "avi"
        self._slots: list[int] = []

    def add(self, packet: Any) -> None:
        if self._is_needed and packet is not None and packet.dts is not None and packet.size:
            heappush(self._slots, packet.dts)

    def correct(self, frame: Any) -> None:
        if self._slots:
            frame.pts = heappop(self._slots)


def decoded_frames(video: OpenVideo) -> Generator[Any]:
    """The stream's pictures in order of presentation; VideoError where it is damaged, after all that came before.

    Damage that the decoder hides (it has no check sums) cannot be told.
    """
    last = None
    slots = _Slots(video)
    for packet in _packets(video):
        frames, is_damaged = _decode_packet(packet, is_first=last is None)
        if is_damaged:
            frames += _drained(video, packet)
        slots.add(packet)
        for last in frames:
            slots.correct(last)
            yield last
        if is_damaged:
            raise _damage(video, last)
    if last is None or _is_cut_off(video, video.time_s(last) + float((last.duration or 0) * video.stream.time_base)):
        raise _damage(video, last)


@dataclass(frozen=True)
class _SeekPoint:
    index: int  # of the key frame
    pts: int
    dts: int


def _find_seek_point(path: Path, start_s: float) -> _SeekPoint | None:
    """The last key frame that is shown no later than `start_s`, and its number; None = decode from the beginning.

    It reads the packets up to `start_s` without decoding them, so the number is exact.
    """
    with open_video(path) as video:
        stream = video.stream
        if (video.container.format.name.split(",")[0], stream.codec_context.name) not in _COUNTABLE:
            return None
        start_pts = int((Fraction(start_s + TIME_SLACK_S) + video.origin_s) / stream.time_base)
        shown: list[int] = []
        key = None
        for packet in _packets(video):
            if packet is None or packet.is_corrupt or packet.dts is None or packet.pts is None:
                break
            if packet.dts > start_pts:
                break
            if not packet.is_discard:
                shown.append(packet.pts)
                if packet.is_keyframe and packet.pts <= start_pts:
                    key = packet.pts, packet.dts
    index = 0 if key is None else int(np.count_nonzero(np.array(shown) < key[0]))
    return _SeekPoint(index, *key) if key and index else None


def numbered_frames(path: Path, start_s: float) -> Iterator[tuple[int, OpenVideo, Any]]:
    """(number in the source, video, picture) in order, from `start_s` or earlier on; what comes before is skipped."""
    point = _find_seek_point(path, start_s) if start_s > 0 else None
    if point is not None:
        with open_video(path) as video:
            video.container.seek(point.dts, stream=video.stream)
            frames = dropwhile(lambda frame: frame.pts is None or frame.pts < point.pts, decoded_frames(video))
            first = next(frames, None)
            if first is not None and first.pts == point.pts:
                yield point.index, video, first
                yield from ((index, video, frame) for index, frame in enumerate(frames, point.index + 1))
                return
    with open_video(path) as video:
        yield from ((index, video, frame) for index, frame in enumerate(decoded_frames(video)))
