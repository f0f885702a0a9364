"""A match in words for the terminal: a short table, and what to beware of."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from poseflow.records import MatchResult


def match_table(result: MatchResult) -> str:
    """The figures of a match, one a line, each with what it means."""
    rows = [
        ("score", _points(result.score), "how alike the poses are: 100 = as one pose seen by two cameras"),
        ("  pose", _points(result.pose_score), "the score's only part today"),
        ("  timing", _points(result.timing_score), "how even the tempo is; not in the score"),
        ("  coverage", _points(result.coverage_score), "how much of the shorter clip was seen and compared"),
        ("same pose", _share(result.match_probability), "mean probability that two aligned poses are one pose"),
        ("offset", _seconds(result.offset_s), "query time - reference time"),
        ("tempo", _tempo(result.tempo), "speed of the query / speed of the reference"),
        ("reference", _span(result.ref_s), f"person {result.ref_person}; {_share(result.ref_coverage)} of it compared"),
        (
            "query",
            _span(result.query_s),
            f"person {result.query_person}; {_share(result.query_coverage)} of it compared",
        ),
        ("detector", "", _detectors(result)),
        ("model", "", result.model),
        ("signature", "", result.signature),
    ]
    return "\n".join(f"{name:<12}{figure:>15}  {meaning}".rstrip() for name, figure, meaning in rows)


def match_warnings(result: MatchResult) -> tuple[str, ...]:
    """What lessens the trust in a match, one sentence each."""
    if result.ref_detector == result.query_detector:
        return ()
    return (
        f"the clips' keypoints come from different detectors (reference: {result.ref_detector}, query: "
        f"{result.query_detector}), which place joints differently: the score is too low; use one detector for both",
    )


def _points(score: float) -> str:
    return "unknown" if math.isnan(score) else f"{score:.0f} / 100"


def _share(share: float) -> str:
    return f"{share:.0%}"


def _seconds(seconds: float) -> str:
    return f"{seconds:+.2f} s"


def _tempo(tempo: float) -> str:
    return "unknown" if math.isnan(tempo) else f"{tempo:.2f} x"


def _span(time_s: NDArray[np.float64]) -> str:
    return f"{time_s[0]:.2f}-{time_s[-1]:.2f} s"


def _detectors(result: MatchResult) -> str:
    if result.ref_detector == result.query_detector:
        return result.ref_detector
    return f"reference: {result.ref_detector}, query: {result.query_detector}"
