"""From the expected errors along a path to a score: anchors learnt on repeated movements, by embedding model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from poseflow.embedding_cost import PairScorer
from poseflow.time_alignment import TimeAlignment

DEFAULTS_FILE = Path(__file__).with_name("match_defaults.json")
"""Written by `scripts/learn_match_defaults.py`: model id -> what it learnt, and from what."""
LEAST_DISTANCE = 1e-4
"""Smaller distances count as this one; those of trained models are far above it."""
TAIL = 0.5
"""How far the score is from 100 and 0 at the outer anchors: still 100 and 0 in whole numbers, and flat nowhere."""
UNLEARNT_EVIDENCE = 0.0028
"""Least mirror evidence for a model that has no entry: that of vvipe-cmu-v1."""


@dataclass(frozen=True)
class MatchDefaults:
    """What a score needs to know about an embedding model.

    Attributes:
        repeat: `path_distance` of one person repeating a movement: score 100 (to TAIL).
        other_person: The same of another competent person: score 60.
        other_movement: The same of two different movements: score 0 (to TAIL).
        mirror_evidence: `poseflow.mirror.judge_mirror`.
        origin: What they were learnt from.
    """

    repeat: float
    other_person: float
    other_movement: float
    mirror_evidence: float
    origin: str

    def __post_init__(self) -> None:
        if not 0 < self.repeat < self.other_person < self.other_movement:
            raise ValueError(
                "MatchDefaults: expected 0 < repeat < other_person < other_movement, got "
                f"{self.repeat}, {self.other_person}, {self.other_movement}"
            )

    def score(self, distance: float) -> float:
        """Score 0 to 100 of a `path_distance`: straight lines between the anchors; NaN stays NaN.

        It falls with every step away: nearer than `repeat`, by TAIL in all; farther than `other_movement`, towards 0.
        """
        if distance > self.other_movement:
            return TAIL * self.other_movement / distance
        anchors = (0.0, self.repeat, self.other_person, self.other_movement)
        return float(np.interp(distance, anchors, (100.0, 100.0 - TAIL, 60.0, TAIL)))

    @property
    def signature(self) -> str:
        """The anchors, the mean and the tails, as a match's signature names them."""
        return f"{self.repeat:.3f}/{self.other_person:.3f}/{self.other_movement:.3f}/harmonic/tail{TAIL:g}"


def path_distance(alignment: TimeAlignment) -> float:
    """What is scored: the harmonic mean of the path's known distances outside pauses; NaN where none is known.

    The distances are those of typically certain poses (`poseflow.embedding_cost`), as doubt about a keypoint is no
    fault of the performer, and a few moments seen badly weigh less than they would in the plain mean. On 240 pairs of
    CMU people who did the same or not, that ranks 0.993 (one camera) and 0.944 (two) of them right, where the plain
    mean with each pose's own uncertainty ranks 0.984 and 0.925.
    """
    counts = np.isfinite(alignment.distance) & alignment.is_moving
    if not counts.any():
        return float("nan")
    return float(1 / np.mean(1 / np.maximum(alignment.distance[counts], LEAST_DISTANCE)))


def match_defaults(scorer: PairScorer) -> MatchDefaults:
    """The learnt defaults of the scorer's model; without an entry, a line between its calibration's own anchors."""
    known = read_defaults().get(scorer.model_id)
    if known is not None:
        return known
    near, far = scorer.score_anchors
    origin = "calibration of the model: one pose in two views, unrelated poses"
    return MatchDefaults(near, near + 0.4 * (far - near), far, UNLEARNT_EVIDENCE, origin)


@cache
def read_defaults(path: Path = DEFAULTS_FILE) -> Mapping[str, MatchDefaults]:
    """Model id -> defaults, as the file has them."""
    written: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    fields = MatchDefaults.__dataclass_fields__
    return {model: MatchDefaults(**{name: entry[name] for name in fields}) for model, entry in written.items()}
