"""The parts of a match: pauses, changes of tempo, occurrences, and the scores of a group of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["ref", "query"]


@dataclass(frozen=True)
class Pause:
    """A time in which one person stands still, and the other one's film has no such stop.

    Attributes:
        start_s, end_s: In the time of the film of the person who pauses.
        side: Who pauses.
    """

    start_s: float
    end_s: float
    side: Side


@dataclass(frozen=True)
class TempoChange:
    """A time in which the query is clearly faster or slower than the reference.

    Attributes:
        start_s, end_s: In the query's time.
        ref_start_s, ref_end_s: The same moments of the reference.
        factor: Speed of the query / speed of the reference, over that time; pauses are left out.
        text: The change in words, e.g. ``rushed 1.3x between 4.2 s and 6.0 s``.
    """

    start_s: float
    end_s: float
    ref_start_s: float
    ref_end_s: float
    factor: float
    text: str


@dataclass(frozen=True)
class Occurrence:
    """One place of the longer clip in which the shorter one was found.

    Attributes:
        side: The clip that was searched, whose time is meant.
        start_s, end_s: Where it was found.
        score: 0 to 100, as a match of that place alone has it.
        match_probability: Mean over the path of P(NP-MPJPE <= 0.1).
        tempo: Speed of the query / speed of the reference; NaN where too short to tell.
    """

    side: Side
    start_s: float
    end_s: float
    score: float
    match_probability: float
    tempo: float


STILL_GAIN = 0.004
"""Motion gain that two people who stand still reach by chance: 95 % of 150 pairs of still bystanders of composed CMU
scenes stay below it (performers: 1 % do)."""


@dataclass(frozen=True)
class ScoreMatrix:
    """Scores of every pair of people that was compared.

    Attributes:
        ref_persons: Ids of the P people of the reference.
        query_persons: Ids of the Q people of the query.
        scores: (P, Q), 0 to 100; NaN where too little of a pair was seen.
        motion_gains: (P, Q) `poseflow.records.MatchResult.motion_gain` of each pair; NaN likewise.
    """

    ref_persons: tuple[int, ...]
    query_persons: tuple[int, ...]
    scores: NDArray[np.float64]
    motion_gains: NDArray[np.float64]

    def __post_init__(self) -> None:
        expected = (len(self.ref_persons), len(self.query_persons))
        for name in ("scores", "motion_gains"):
            if getattr(self, name).shape != expected:
                raise ValueError(f"ScoreMatrix.{name}: expected shape {expected}, got {getattr(self, name).shape}")
