"""Times in whole milliseconds, for the formats that have no finer ones."""

from __future__ import annotations

from poseflow.records import Segment


def span_ms(segment: Segment, format_name: str) -> tuple[int, int]:
    """Start and end of a segment in milliseconds.

    Raises:
        ValueError: It starts before 0, or is so short that nothing would be left of it.
    """
    start, end = round(segment.start_s * 1000), round(segment.end_s * 1000)
    where = f"{segment.label!r} from {segment.start_s} to {segment.end_s} s"
    if start < 0:
        raise ValueError(f"{format_name} has no times before 0: {where}")
    if start == end:
        raise ValueError(f"{format_name} tells times to 1 ms, and nothing would be left of {where}")
    return start, end
