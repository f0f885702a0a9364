"""Segments as plain tables: JSON, CSV and Parquet, with every digit of the times."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from poseflow.errors import FileFormatError
from poseflow.formats.source import read_json, read_text
from poseflow.output import atomic_path
from poseflow.records import FORMAT_VERSION, Segment

COLUMNS = ("start_s", "end_s", "label", "confidence")
_NEEDED = COLUMNS[:3]


def segment_json(segment: Segment) -> dict[str, Any]:
    """The segment as a JSON object, keys COLUMNS; an unknown confidence is null."""
    confidence = None if math.isnan(segment.confidence) else float(segment.confidence)
    values = (float(segment.start_s), float(segment.end_s), segment.label, confidence)
    return dict(zip(COLUMNS, values, strict=True))


def write_json(path: Path, segments: Sequence[Segment], *, media: str | Path | None) -> None:
    """Writes ``{"format_version", "media", "segments": [{COLUMNS}]}``."""
    content = {
        "format_version": FORMAT_VERSION,
        "media": None if media is None else str(media),
        "segments": [segment_json(segment) for segment in segments],
    }
    with atomic_path(path) as temporary:
        text = json.dumps(content, allow_nan=False, ensure_ascii=False, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")


def write_csv(path: Path, segments: Sequence[Segment]) -> None:
    """Writes a table with the header COLUMNS; an unknown confidence is an empty cell."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(segment_json(segment) for segment in segments)


def write_parquet(path: Path, segments: Sequence[Segment], *, media: str | Path | None) -> None:
    """Writes the columns COLUMNS; `poseflow` in the schema's metadata says that they are segments, and of what."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = {"format_version": FORMAT_VERSION, "kind": "segments", "media": None if media is None else str(media)}
    kinds = (pa.float64(), pa.float64(), pa.string(), pa.float64())
    is_nullable = (False, False, False, True)
    schema = pa.schema(
        [pa.field(*field, nullable=n) for *field, n in zip(COLUMNS, kinds, is_nullable, strict=True)],
        metadata={b"poseflow": json.dumps(about).encode()},
    )
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist([segment_json(segment) for segment in segments], schema=schema), temporary)


def read_json_segments(path: Path) -> list[Segment]:
    """The segments of an object with a list ``segments``, or of the list alone.

    Raises:
        FileFormatError: It is no JSON, holds something else, or was written by a newer version.
    """
    content = read_json(path)
    if isinstance(content, dict):
        _check_version(path, content.get("format_version", FORMAT_VERSION))
        content = content.get("segments")
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise FileFormatError(f"{path}: expected a list of segments, each an object with {', '.join(_NEEDED)}")
    return [_segment(entry, f"{path}, segment {number}") for number, entry in enumerate(content)]


def read_csv(path: Path) -> list[Segment]:
    """The segments of a table with the columns start_s, end_s, label, and confidence if it likes; others are ignored.

    Raises:
        FileFormatError: A column is missing, a row is short, or a cell is no number.
    """
    try:
        rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise FileFormatError(f"{path}: no CSV ({error})") from error
    header = rows[0] if rows else []
    missing = [column for column in _NEEDED if column not in header]
    if missing:
        raise FileFormatError(f"{path}: no column {', '.join(missing)}; the first line names the columns of segments")
    segments = []
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) != len(header):
            raise FileFormatError(f"{path}, line {line}: expected {len(header)} cells, found {len(row)}")
        cells: dict[str, str | None] = dict(zip(header, row, strict=True))
        cells["confidence"] = cells.get("confidence") or None
        segments.append(_segment(cells, f"{path}, line {line}"))
    return segments


def _segment(entry: Mapping[str, Any], where: str) -> Segment:
    missing = [name for name in _NEEDED if entry.get(name) is None]
    if missing:
        raise FileFormatError(f"{where}: no {', '.join(missing)}")
    confidence = entry.get("confidence")
    try:
        return Segment(
            start_s=float(entry["start_s"]),
            end_s=float(entry["end_s"]),
            label=str(entry["label"]),
            confidence=math.nan if confidence is None else float(confidence),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise FileFormatError(f"{where}: {error}") from error


def _check_version(path: Path, version: Any) -> None:
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise FileFormatError(
            f"{path}: file format version {version}, and this poseflow reads up to {FORMAT_VERSION}; update it with "
            "`pip install --upgrade poseflow`"
        )
