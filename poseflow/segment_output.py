"""A timeline with its repetitions as JSON, as text, as coloured spans; and the repetitions themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np

from poseflow.records import EmbeddingTrack, Segment
from poseflow.repetition_page import repetition_span, repetition_table_html
from poseflow.repetitions import Repetition, RepetitionModel, count_repetitions
from poseflow.report.timeline import Lane, Span, label_colours
from poseflow.segment import Timeline

LEAST_COUNTED_S = 2.0
"""Shorter segments hold nothing twice."""
REPETITION_COLOUR = 6


@dataclass(frozen=True)
class LabelledRepetition:
    """A repetition and the segment's label that it was found in."""

    label: str
    repetition: Repetition


def part_of(track: EmbeddingTrack, start_s: float, end_s: float) -> EmbeddingTrack:
    """The frames with start_s <= time < end_s."""
    inside = (track.time_s >= start_s) & (track.time_s < end_s)
    arrays = ("time_s", "vectors", "uncertainty", "valid", "root_rotation")
    return replace(track, **{name: getattr(track, name)[inside] for name in arrays})


def repetitions_in(
    track: EmbeddingTrack, timeline: Timeline, *, embedder: RepetitionModel
) -> tuple[LabelledRepetition, ...]:
    """What each segment repeats; likeness is against the most typical repetition of the same segment."""
    found = []
    for segment in timeline.segments:
        part = part_of(track, segment.start_s, segment.end_s)
        if segment.end_s - segment.start_s >= LEAST_COUNTED_S and part.valid.any():
            found += [LabelledRepetition(segment.label, r) for r in count_repetitions(part, embedder=embedder)]
    return tuple(found)


def timeline_json(timeline: Timeline, repetitions: Sequence[LabelledRepetition]) -> dict[str, Any]:
    """The object that `poseflow segment --json` prints."""
    return {
        "segments": [_segment_json(s, key_s) for s, key_s in zip(timeline.segments, timeline.key_s, strict=True)],
        "repetitions": [
            {
                "start_s": r.repetition.start_s,
                "end_s": r.repetition.end_s,
                "likeness": r.repetition.likeness,
                "worst_joint": r.repetition.worst_joint,
                "label": r.label,
            }
            for r in repetitions
        ],
        "person": timeline.person_id,
        "signature": timeline.signature,
    }


def timeline_text(timeline: Timeline, repetitions: Sequence[LabelledRepetition]) -> str:
    """The same for the terminal: a line a segment, then how long each label took."""
    if not timeline.segments:
        return (
            "0 segments: nothing in the clip was told apart for long enough; "
            "a single repetition is found by `count --ref` or `match --all`"
        )
    lines = [f"{'start':>8} {'end':>8}  {'label':<16} {'confidence':>10}  repetitions"]
    for s in timeline.segments:
        count = sum(s.start_s <= r.repetition.start_s < s.end_s for r in repetitions)
        lines.append(f"{s.start_s:8.2f} {s.end_s:8.2f}  {s.label:<16} {s.confidence:>10.2f}  {count or ''}".rstrip())
    totals: dict[str, float] = {}
    for s in timeline.segments:
        totals[s.label] = totals.get(s.label, 0.0) + s.end_s - s.start_s
    lines.append("in all: " + ", ".join(f"{label} {total:.1f} s" for label, total in totals.items()))
    return "\n".join(lines)


def timeline_lanes(timeline: Timeline, repetitions: Sequence[LabelledRepetition]) -> list[Lane]:
    """The strip of a report page: segments, and repetitions where there are any."""
    colours = label_colours([s.label for s in timeline.segments])
    segments = [
        Span(s.start_s, s.end_s, s.label, f"{s.label}, {s.start_s:.1f} to {s.end_s:.1f} s", colours[s.label])
        for s in timeline.segments
    ]
    lanes = [Lane("Segments", segments)]
    if repetitions:
        spans = [repetition_span(r.repetition, colour=REPETITION_COLOUR, label=r.label) for r in repetitions]
        lanes.append(Lane("Repetitions", spans))
    return lanes


def timeline_summary_html(timeline: Timeline, repetitions: Sequence[LabelledRepetition]) -> str:
    """A sentence for the head of the page."""
    labels = len({s.label for s in timeline.segments})
    counts = ((len(timeline.segments), "segment"), (labels, "action"), (len(repetitions), "repetition"))
    segments, actions, repeated = (f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)
    return f"<p>{segments} of {actions}, {repeated}.</p>"


def timeline_details_html(timeline: Timeline, repetitions: Sequence[LabelledRepetition]) -> str:
    """Tables for the foot of the page: the segments, with a button to see each one's key moment; the repetitions."""
    rows = "".join(
        f'<tr><td><button type="button" data-at="{key_s:.3f}">{number}</button></td><td>{escape(s.label)}</td>'
        f"<td>{s.start_s:.2f}</td><td>{s.end_s:.2f}</td></tr>"
        for number, (s, key_s) in enumerate(zip(timeline.segments, timeline.key_s, strict=True), start=1)
    )
    segments = (
        '<div class="table" tabindex="0" role="region" aria-label="Segments"><table><caption>Segments</caption>'
        '<thead><tr><th scope="col">key moment</th><th scope="col">label</th><th scope="col">start (s)</th>'
        f'<th scope="col">end (s)</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )
    return (segments if rows else "") + repetition_table_html([(r.label, r.repetition) for r in repetitions])


def _segment_json(segment: Segment, key_s: float) -> dict[str, Any]:
    return {
        "start_s": segment.start_s,
        "end_s": segment.end_s,
        "label": segment.label,
        "confidence": None if math.isnan(segment.confidence) else segment.confidence,
        "key_s": float(np.round(key_s, 6)),
    }
