"""A match in words for the terminal: a short table, and what to beware of."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from poseflow.feedback_text import feedback_rows
from poseflow.match_records import STILL_GAIN, Occurrence, Pause
from poseflow.records import MatchResult

SCORE_MEANING = "100 = one person repeating the movement, 60 = another competent person, 0 = another movement"
SUBSCORES = {
    "pose": "how alike the poses are at aligned times, whatever the tempo: it is the score",
    "timing": "how even the query's tempo is against the reference, less its pauses; beside the score, not in it",
    "coverage": "how much of the clip that is matched whole was seen on both sides and compared",
}


def match_table(result: MatchResult) -> str:
    """The figures of a match, one a line, each with what it means."""
    rows = [
        ("score", _points(result.score), "100 = one person repeating, 60 = another competent one, 0 = something else"),
        ("  pose", _points(result.pose_score), SUBSCORES["pose"]),
        ("  timing", _points(result.timing_score), SUBSCORES["timing"]),
        ("  coverage", _points(result.coverage_score), SUBSCORES["coverage"]),
        ("same pose", _share(result.match_probability), "mean probability that two aligned poses are one pose"),
        ("mirrored", mirror_word(result.is_mirrored), _mirror_meaning(result)),
        ("offset", _seconds(result.offset_s), "query time - reference time"),
        ("tempo", _tempo(result.tempo), "speed of the query / speed of the reference"),
        *(("", "", change.text) for change in result.tempo_changes),
        *(("", "", pause_text(pause)) for pause in result.pauses),
        ("reference", _span(result.ref_s), f"person {result.ref_person}; {_share(result.ref_coverage)} of it compared"),
        (
            "query",
            _span(result.query_s),
            f"person {result.query_person}; {_share(result.query_coverage)} of it compared",
        ),
        *(feedback_rows(result.feedback, score=result.score) if result.feedback is not None else ()),
        *_matrix_rows(result),
        *(_occurrence_row(number, place) for number, place in enumerate(result.occurrences, start=1)),
        ("detector", "", _detectors(result)),
        ("model", "", result.model),
        ("signature", "", result.signature),
    ]
    return "\n".join(f"{name:<12}{figure:>15}  {meaning}".rstrip() for name, figure, meaning in rows)


def pause_text(pause: Pause) -> str:
    """A pause in words, e.g. ``the query pauses for 1.2 s at 3.0 s``."""
    who = "the reference" if pause.side == "ref" else "the query"
    return f"{who} pauses for {pause.end_s - pause.start_s:.1f} s at {pause.start_s:.1f} s"


def match_warnings(result: MatchResult) -> tuple[str, ...]:
    """What lessens the trust in a match, one sentence each."""
    if result.ref_detector == result.query_detector:
        return ()
    return (
        f"the clips' keypoints come from different detectors (reference: {result.ref_detector}, query: "
        f"{result.query_detector}), which place joints differently: the score is too low; use one detector for both",
    )


def mirror_word(is_mirrored: bool | None) -> str:
    """Yes, no or unknown."""
    return {True: "yes", False: "no", None: "unknown"}[is_mirrored]


def _mirror_meaning(result: MatchResult) -> str:
    if math.isnan(result.mirror_margin):
        return "as asked for" if result.is_mirrored is not None else "not tried: no keypoints at hand"
    nearer = "mirror image" if result.mirror_margin > 0 else "person as filmed"
    if result.is_mirrored is None:
        return f"too near its own mirror image to tell (the {nearer} by {abs(result.mirror_margin):.3f})"
    return f"the {nearer} is nearer by {abs(result.mirror_margin):.3f} torso lengths"


def _matrix_rows(result: MatchResult) -> list[tuple[str, str, str]]:
    """Scores of all pairs, one line for each person of the reference; nothing where there was no choice."""
    matrix = result.matrix
    if matrix is None or matrix.scores.size == 1:
        return []
    rows = []
    for number, person in enumerate(matrix.ref_persons):
        pairs = zip(matrix.query_persons, matrix.scores[number], matrix.motion_gains[number], strict=True)
        told = (f"query {q}: {_points(float(x))}{' (still)' if gain <= STILL_GAIN else ''}" for q, x, gain in pairs)
        rows.append(("scores" if number == 0 else "", f"reference {person}", ", ".join(told)))
    return rows


def _occurrence_row(number: int, place: Occurrence) -> tuple[str, str, str]:
    side = "reference" if place.side == "ref" else "query"
    where = f"{place.start_s:.2f}-{place.end_s:.2f} s"
    return f"found {number}", where, f"of the {side}: {_points(place.score)}, tempo {_tempo(place.tempo)}"


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
