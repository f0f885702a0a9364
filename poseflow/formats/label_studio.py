"""Segments as a task of Label Studio, to be imported and corrected there."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from poseflow.output import atomic_path
from poseflow.records import Segment

LABEL_STUDIO_FPS = 30.0
FROM_NAME, TO_NAME = "actions", "video"
"""Names of the <TimelineLabels> and <Video> tags in the project's labelling configuration."""


def write_label_studio(
    path: Path, segments: Sequence[Segment], *, media: str | Path | None, fps: float = LABEL_STUDIO_FPS
) -> None:
    """Writes a list of one task, whose prediction has one timeline region a segment.

    Label Studio counts frames of a rate that the project states, whatever the rate of the video; here frame 1 starts
    at 0 s. The configuration of the project, ``$fps`` being stored with the task::

        <View>
          <Video name="video" value="$video" framerate="$fps"/>
          <TimelineLabels name="actions" toName="video"> <Label value="squat"/> ... </TimelineLabels>
        </View>

    Raises:
        ValueError: `fps` is not above 0, a segment starts before 0, or several would share a frame.
        OutputError: The file cannot be written.
    """
    if not (fps > 0 and math.isfinite(fps)):
        raise ValueError(f"fps: expected frames a second above 0, got {fps}")
    results = [_region(number, segment, fps) for number, segment in enumerate(segments, start=1)]
    task = {
        "data": {TO_NAME: "" if media is None else str(media), "fps": fps},
        "predictions": [{"model_version": "poseflow", "result": results}],
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps([task], allow_nan=False, ensure_ascii=False, indent=1), encoding="utf-8")


def _region(number: int, segment: Segment, fps: float) -> dict[str, Any]:
    start, end = round(segment.start_s * fps) + 1, round(segment.end_s * fps)
    where = f"{segment.label!r} from {segment.start_s} to {segment.end_s} s"
    if start < 1:
        raise ValueError(f"Label Studio has no times before 0: {where}")
    if end < start:
        raise ValueError(f"no frame of {fps:g} a second would be left of {where}; give a higher fps")
    region: dict[str, Any] = {
        "id": f"segment{number}",
        "type": "timelinelabels",
        "from_name": FROM_NAME,
        "to_name": TO_NAME,
        "value": {"ranges": [{"start": start, "end": end}], "timelinelabels": [segment.label]},
    }
    if not math.isnan(segment.confidence):
        region["score"] = float(segment.confidence)
    return region
