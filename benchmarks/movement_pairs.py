"""Pairs of performances of known kinship: the same one, one person repeating, other people, other movements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vvipe.datasets.mocap import MocapSequence

Kinship = Literal["same performance", "same person", "other person", "other movement"]
KINSHIPS: tuple[Kinship, ...] = ("same performance", "same person", "other person", "other movement")

CMU_MOVEMENTS: Mapping[str, tuple[str, ...]] = {
    "walk": ("walk", "walk/stride", "brisk walk", "walking", "Start Walk Stop"),
    "run": ("run", "run/jog", "running", "Run"),
    "jump": ("jump", "forward jump", "high jump", "jumping", "Jump"),
    "hop": ("Start Hop Stop",),
    "kick": ("soccer", "soccer - kick ball"),
    "climb steps": ("climb 3 steps",),
    "drink": ("drink soda", "unscrew bottlecap, drink soda", "drink soda, screw on bottlecap"),
    "pick up": (
        "Picking up Ball",
        "Pick box up, bend from waist",
        "Pick up box, bend from waist",
        "Picking box up, bending knees",
    ),
    "kata": ("Empi",),
    "balance": ("balance on one leg, outstretched arms",),
    "teapot": ('nursery rhyme - "I\'m a little teapot..."',),
}
"""Movements that CMU people were asked for more than once -> the labels of their takes."""

_UNKNOWN_PEOPLE = frozenset({"cmu8act"})


@dataclass(frozen=True)
class Performance:
    """One take of a movement.

    Attributes:
        take: The motion capture.
        movement: What is performed.
        person: Who performs it; None = not known.
    """

    take: MocapSequence
    movement: str
    person: str | None


@dataclass(frozen=True)
class Pair:
    """Two performances and what they have in common."""

    ref: Performance
    query: Performance
    kinship: Kinship


def cmu_performances(takes: Iterable[MocapSequence], *, max_duration_s: float = 20.0) -> list[Performance]:
    """The takes whose label is in CMU_MOVEMENTS, if not longer than `max_duration_s`."""
    movements = {label: movement for movement, labels in CMU_MOVEMENTS.items() for label in labels}
    return [
        Performance(take, movements[take.label], None if take.subject in _UNKNOWN_PEOPLE else take.subject)
        for take in takes
        if take.label in movements and 1.0 <= len(take.poses) / take.fps <= max_duration_s
    ]


def labelled_performances(takes: Iterable[MocapSequence]) -> list[Performance]:
    """Takes whose label is their movement, and whose subject is known (HDM05's cut clips)."""
    return [Performance(take, take.label, take.subject) for take in takes]


def kinship_of(ref: Performance, query: Performance) -> Kinship | None:
    """What two performances have in common; None where the people behind them are not known well enough."""
    if ref.take.name == query.take.name:
        return "same performance"
    if ref.movement != query.movement:
        return "other movement"
    if ref.person is None or query.person is None:
        return "other person" if ref.person != query.person else None
    return "same person" if ref.person == query.person else "other person"


def draw_pairs(
    performances: Sequence[Performance],
    count: int,
    *,
    generator: np.random.Generator,
    keep: Callable[[Pair], bool] = lambda pair: True,
) -> list[Pair]:
    """`count` pairs of each kinship that there is; each movement as likely as the others, then each kept pair."""
    found: dict[Kinship, dict[str, list[Pair]]] = {kinship: {} for kinship in KINSHIPS}
    for ref in performances:
        for query in performances:
            kinship = kinship_of(ref, query)
            if kinship is not None and keep(Pair(ref, query, kinship)):
                found[kinship].setdefault(ref.movement, []).append(Pair(ref, query, kinship))
    drawn: list[Pair] = []
    for by_movement in found.values():
        names = sorted(by_movement)
        for _ in range(count if names else 0):
            pairs = by_movement[names[generator.integers(len(names))]]
            drawn.append(pairs[generator.integers(len(pairs))])
    return drawn
