"""Coloured spans over time, for the strip that assets/timeline.js draws: one lane a kind of span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

N_COLOURS = 8
"""Colours that page.css has for spans (--span-0 ...); further labels begin again."""


@dataclass(frozen=True)
class Span:
    """A stretch of play.

    Attributes:
        start_s, end_s: Positions of the player, in seconds.
        label: A word or two, written into the span where it has room.
        text: What a pointer or a screen reader is told.
        colour: Number of a colour, below `N_COLOURS`.
    """

    start_s: float
    end_s: float
    label: str
    text: str
    colour: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.start_s <= self.end_s:
            raise ValueError(f"Span: expected 0 <= start_s <= end_s, got {self.start_s} and {self.end_s}")


@dataclass(frozen=True)
class Lane:
    """A row of spans with its name."""

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
                    "colour": span.colour % N_COLOURS,
                }
                for span in lane.spans
            ],
        }
        for lane in lanes
    ]


def label_colours(labels: Sequence[str]) -> dict[str, int]:
    """Label -> number of a colour, in order of first appearance."""
    return {label: number % N_COLOURS for number, label in enumerate(dict.fromkeys(labels))}
