"""What the benchmarks are run on where nobody says; light, so that the command line reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

Data = Literal["hdm05", "development"]
"""hdm05 for a report, development for choosing settings: other people, other movements, of CMU."""
DATA: tuple[Data, ...] = get_args(Data)
Source = Literal["D0", "D1"]
Keypoints = Literal["GT", Source]
KEYPOINTS: tuple[Keypoints, ...] = get_args(Keypoints)
"""Names of the inputs: exact keypoints, and two kinds of noise."""
COUNTED = 33
"""Sequences that repetitions are counted in: three of each of the 11 movements."""
SEGMENTED = 32
"""Sequences that are segmented."""
SEED = 0
Part = Literal["videos", "data-set", "stability", "cameras", "hour"]
PARTS: tuple[Part, ...] = get_args(Part)
"""Of the segmentation benchmark."""


def sources_of(names: Iterable[str] = KEYPOINTS) -> tuple[Source | None, ...]:
    """Kinds of noise by the names of KEYPOINTS; None = exact.

    Raises:
        ValueError: A name is none of them.
    """
    known: dict[str, Source | None] = {"GT": None} | {kind: kind for kind in get_args(Source)}
    names = tuple(names)
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"keypoints: expected some of {', '.join(KEYPOINTS)}, got {', '.join(unknown)}")
    return tuple(known[name] for name in names)
