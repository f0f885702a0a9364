"""Files of labelled segments: which format a name means, and what every file of them must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from poseflow.errors import FileFormatError
from poseflow.formats.elan import ACTIONS_TIER, read_elan, write_elan
from poseflow.formats.label_studio import LABEL_STUDIO_FPS, write_label_studio
from poseflow.formats.segment_tables import read_csv, read_json_segments, write_csv, write_json, write_parquet
from poseflow.formats.webvtt import write_webvtt
from poseflow.records import Segment

SEGMENT_ENDINGS: Mapping[str, str] = {
    ".label-studio.json": "label-studio",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    ".eaf": "elan",
    ".vtt": "webvtt",
}
"""Ending of a file -> format; the first that fits counts."""
SEGMENT_FORMATS: tuple[str, ...] = tuple(sorted(SEGMENT_ENDINGS.values()))
"""The formats that can be written."""
READABLE_SEGMENT_FORMATS: tuple[str, ...] = ("csv", "elan", "json")
"""Those of them that can be read."""


def segment_format(path: str | Path, format: str | None = None) -> str:
    """The format that the ending of `path` means, unless `format` names one.

    Call it before long work, so that an hour is not lost to a mistyped ending.

    Raises:
        ValueError: The ending means no format, or there is no format of that name.
    """
    if format is not None:
        if format not in SEGMENT_FORMATS:
            raise ValueError(f"format: unknown {format!r}; known: {', '.join(SEGMENT_FORMATS)}")
        return format
    name = Path(path).name.lower()
    for ending, meant in SEGMENT_ENDINGS.items():
        if name.endswith(ending):
            return meant
    raise ValueError(f"{path}: no known ending for segments; use one of {', '.join(SEGMENT_ENDINGS)}")


def write_segments(
    path: str | Path,
    segments: Iterable[Segment],
    *,
    media: str | Path | None = None,
    format: str | None = None,
    fps: float = LABEL_STUDIO_FPS,
) -> None:
    """Writes segments in the format that the file's ending means; the file appears whole or not at all.

    json, csv and parquet keep everything; elan keeps times to 1 ms, and confidences in a tier of their own; webvtt
    keeps times to 1 ms and no confidences; label-studio keeps frames of `fps` and confidences as scores.

    Args:
        path: The file to make or replace.
        segments: In any order; they may touch, and may not overlap.
        media: The video, named in the file where the format has a place for it.
        format: One of SEGMENT_FORMATS, before the ending.
        fps: Frames a second in which Label Studio counts; its <Video> tag must say the same.

    Raises:
        ValueError: No format is meant, segments overlap, or one cannot be told in the format.
        OutputError: The file cannot be written.
    """
    chosen = segment_format(path, format)
    rising = in_order(segments)
    target = Path(path)
    writers: Mapping[str, Callable[[], None]] = {
        "json": lambda: write_json(target, rising, media=media),
        "csv": lambda: write_csv(target, rising),
        "parquet": lambda: write_parquet(target, rising, media=media),
        "elan": lambda: write_elan(target, {ACTIONS_TIER: rising}, media=media),
        "label-studio": lambda: write_label_studio(target, rising, media=media, fps=fps),
        "webvtt": lambda: write_webvtt(target, rising, media=media),
    }
    writers[chosen]()


def read_segments(path: str | Path, *, format: str | None = None, tier: str | None = None) -> list[Segment]:
    """The segments of a .json, .csv or .eaf file, by time; what `write_segments` wrote, or somebody's own labels.

    A .csv needs the columns start_s, end_s and label; a .json an object with a list of such objects as ``segments``,
    which the output of `poseflow segment --json` is, or the list alone.

    Args:
        path: The file.
        format: One of READABLE_SEGMENT_FORMATS, before the ending.
        tier: Tier of an ELAN file; needed where several have annotations.

    Raises:
        ValueError: No readable format is meant, or a tier is given for another format than elan.
        FileFormatError: The file is missing, damaged, or its segments overlap.
    """
    chosen = segment_format(path, format)
    if chosen not in READABLE_SEGMENT_FORMATS:
        raise ValueError(f"{path}: {chosen} is written, not read; give one of {', '.join(READABLE_SEGMENT_FORMATS)}")
    if tier is not None and chosen != "elan":
        raise ValueError(f"tier: a {chosen} file has no tiers; leave it out")
    source = Path(path)
    if not source.is_file():
        raise FileFormatError(f"{path}: no such file")
    readers: Mapping[str, Callable[[], Sequence[Segment]]] = {
        "json": lambda: read_json_segments(source),
        "csv": lambda: read_csv(source),
        "elan": lambda: read_elan(source, tier=tier),
    }
    segments = readers[chosen]()
    try:
        return in_order(segments)
    except ValueError as error:
        raise FileFormatError(f"{path}: {error}") from error


def in_order(segments: Iterable[Segment]) -> list[Segment]:
    """The segments by time; ValueError where two overlap (touching is no overlap: spans are half-open)."""
    rising = sorted(segments, key=lambda segment: segment.start_s)
    for before, after in zip(rising, rising[1:], strict=False):
        if after.start_s < before.end_s:
            raise ValueError(
                f"segments overlap: {before.label!r} until {before.end_s:g} s and {after.label!r} from "
                f"{after.start_s:g} s; cut one of them, or write them to two files"
            )
    return rising
