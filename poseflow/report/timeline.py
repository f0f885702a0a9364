"""Coloured spans over time, for the strip that assets/timeline.js draws: one lane a kind of span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

N_COLOURS = 8
"""Colours that page.css has for spans (--span-0 ...)."""
N_LABEL_COLOURS = 6
"""Those of them that labels get, one each; further labels begin again. The last two are greys."""


@dataclass(frozen=True)
class Span:
    """A stretch of play.

    Attributes:
        start_s, end_s: Positions of the player, in seconds.
        label: A word or two, written into the span where it has room.
        text: What a pointer or a screen reader is told.
        colour: Number of a colour, from 0 to `N_COLOURS` - 1.
    """

    start_s: float
    end_s: float
    label: str
    text: str
    colour: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.start_s <= self.end_s:
            raise ValueError(f"Span: expected 0 <= start_s <= end_s, got {self.start_s} and {self.end_s}")
        if not 0 <= self.colour < N_COLOURS:
            raise ValueError(f"Span: expected a colour from 0 to {N_COLOURS - 1}, got {self.colour}")


@dataclass(frozen=True)
class Lane:
    """Spans of one kind, with its name; those that overlap are drawn in rows below each other."""

    name: str
    spans: Sequence[Span]


def lanes_json(lanes: Sequence[Lane]) -> list[dict[str, Any]]:
    """What timeline.js reads."""
    return [
        {
            "name": lane.name,
            "spans": [
                {
                    "start": round(span.start_s, 3),
                    "end": round(span.end_s, 3),
                    "label": span.label,
                    "text": span.text,
                    "colour": span.colour,
                    "row": row,
                }
                for span, row in _in_rows(lane.spans)
            ],
        }
        for lane in lanes
    ]


def _in_rows(spans: Sequence[Span]) -> list[tuple[Span, int]]:
    """The spans in order of time, each with the first row in which it overlaps none before it."""
    ends_s: list[float] = []
    placed = []
    for span in sorted(spans, key=lambda span: (span.start_s, span.end_s)):
        row = next((row for row, end_s in enumerate(ends_s) if end_s <= span.start_s), len(ends_s))
        ends_s[row:] = [span.end_s, *ends_s[row + 1 :]]
        placed.append((span, row))
    return placed


def label_colours(labels: Sequence[str]) -> dict[str, int]:
    """Label -> number of a colour, in order of first appearance."""
    return {label: number % N_LABEL_COLOURS for number, label in enumerate(dict.fromkeys(labels))}
