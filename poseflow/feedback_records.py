"""How differences become feedback, and its parts: sentences, what could not be judged, tables."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class FeedbackSettings:
    """How differences become sentences.

    Attributes:
        max_lines: Most sentences.
        smooth_s: Differences are averaged over about that time.
        min_duration_s: Shortest difference that is told.
        max_gap_s: Two spans of one difference that near to each other are one.
        keep: A difference that began beyond the tolerance ends below this share of it.
        min_share: Of two differences of different joints at one time, the smaller one is told if it is that share as
            severe as the other; below, it is likely to be that one's doing.
        max_widening: Most times that a tolerance grows where the poses are less certain than usual.
        segment_s: Length of the parts of the table by segment.
    """

    max_lines: int = 5
    smooth_s: float = 0.3
    min_duration_s: float = 1.0
    max_gap_s: float = 0.7
    keep: float = 0.4
    min_share: float = 0.5
    max_widening: float = 2.0
    segment_s: float = 2.0

    def __post_init__(self) -> None:
        if self.max_lines < 0:
            raise ValueError(f"max_lines: expected 0 or more, got {self.max_lines}")
        for name in ("smooth_s", "min_duration_s", "max_gap_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: expected 0 or more seconds, got {getattr(self, name)}")
        if not 0 < self.keep <= 1 or not 0 <= self.min_share <= 1:
            raise ValueError(
                f"FeedbackSettings: expected keep in (0, 1], min_share in [0, 1], got {self.keep}, {self.min_share}"
            )
        if not self.max_widening >= 1 or not self.segment_s > 0:
            raise ValueError("FeedbackSettings: expected max_widening of 1 or more, segment_s above 0")


@dataclass(frozen=True)
class FeedbackLine:
    """One difference that a coach would tell.

    Attributes:
        start_s, end_s: In the query's time.
        joint: A joint of H36M-17, ``trunk``, ``lean`` or ``facing``; of the reference where the query was mirrored.
        text: The whole sentence.
        delta_deg: Mean difference over that time, query - reference; its sign is that of `angle`.
        angle: Which angle of the joint (`poseflow.joint_angles`).
        severity: How far out of tolerance, and for how long; the lines are sorted by it.
        sureness: How many times its standard deviation (over one second) the difference is; NaN where the views do
            not tell that: without keypoints, and of lean and facing.
    """

    start_s: float
    end_s: float
    joint: str
    text: str
    delta_deg: float
    angle: str
    severity: float
    sureness: float = float("nan")


@dataclass(frozen=True)
class NotJudged:
    """A time in which nothing, or a joint in particular (`joint`), could not be judged, and why."""

    start_s: float
    end_s: float
    joint: str | None
    text: str


@dataclass(frozen=True)
class JointDifference:
    """One angle over the whole clip: query - reference, degrees; NaN where it was never judged.

    Attributes:
        joint, angle: As in `FeedbackLine`.
        mean_deg, median_deg: With sign.
        max_deg: The largest, with sign.
        tolerance_deg: What is not worth a word.
        out_of_tolerance: Share in [0, 1] of the judged time.
        judged: Share in [0, 1] of the compared time.
    """

    joint: str
    angle: str
    mean_deg: float
    median_deg: float
    max_deg: float
    tolerance_deg: float
    out_of_tolerance: float
    judged: float


@dataclass(frozen=True)
class SegmentDifference:
    """One part of the clip: which joint was farthest out of tolerance in it.

    Attributes:
        start_s, end_s: In the query's time.
        joint, angle: The worst one; None where nothing was judged.
        mean_deg: Its mean difference over that part.
        out_of_tolerance: Share of the judged angles and moments that are out of tolerance.
        judged: Share of the angles and moments that were judged.
    """

    start_s: float
    end_s: float
    joint: str | None
    angle: str | None
    mean_deg: float
    out_of_tolerance: float
    judged: float


@dataclass(frozen=True)
class Feedback:
    """What to tell the person of the query.

    Attributes:
        lines: Worst first, no more than asked for.
        more_lines: How many further ones there are.
        not_judged: What the pictures do not tell.
        joints: One entry an angle.
        segments: Parts of equal length.
        notes: What is taken for granted, e.g. that the cameras stand upright.
    """

    lines: tuple[FeedbackLine, ...]
    more_lines: int
    not_judged: tuple[NotJudged, ...]
    joints: tuple[JointDifference, ...]
    segments: tuple[SegmentDifference, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The keys that a match's JSON has of it; NaN is None."""
        return {
            "feedback": [_plain(line) for line in self.lines],
            "feedback_more": self.more_lines,
            "not_judged": [_plain(span) for span in self.not_judged],
            "joints": [_plain(row) for row in self.joints],
            "segments": [_plain(row) for row in self.segments],
            "feedback_notes": list(self.notes),
        }


def _plain(record: Any) -> dict[str, Any]:
    return {name: None if _is_unknown(value) else value for name, value in asdict(record).items()}


def _is_unknown(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
