"""Segments as WebVTT, the subtitles and chapters of web video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from poseflow.formats.milliseconds import span_ms
from poseflow.output import atomic_path
from poseflow.records import Segment

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def write_webvtt(path: Path, segments: Sequence[Segment], *, media: str | Path | None) -> None:
    """Writes one numbered cue a segment, whose text is the label on one line; the video is named in a comment."""
    blocks = ["WEBVTT"]
    if media is not None:
        blocks.append(f"NOTE {_one_line(str(media))}")
    for number, segment in enumerate(segments, start=1):
        start, end = (_timestamp(ms) for ms in span_ms(segment, "WebVTT"))
        blocks.append(f"{number}\n{start} --> {end}\n{_one_line(segment.label)}")
    with atomic_path(path) as temporary:
        temporary.write_text("\n\n".join(blocks) + "\n", encoding="utf-8", newline="\n")


def _one_line(text: str) -> str:
    """Escaped, so that neither a tag, nor ``-->``, nor an empty line ends the cue."""
    return " ".join(text.split()).translate(_ESCAPES).replace("\0", "\ufffd")


def _timestamp(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"
