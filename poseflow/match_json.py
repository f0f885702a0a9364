"""The object that `poseflow match --json` prints."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from poseflow.match_text import match_warnings
from poseflow.records import MatchResult


def match_json(result: MatchResult) -> dict[str, Any]:
    """The match as JSON values; NaN is None, parts that were not asked for are empty.

    Times of `tempo_changes` are the query's (with those of the reference beside them), those of a pause are of the
    clip that pauses, those of an occurrence of the clip that was searched (`side`).
    """
    steps = zip(result.ref_s, result.query_s, result.distance, result.probability, strict=True)
    return {
        "score": _number(result.score),
        "subscores": {
            "pose": _number(result.pose_score),
            "timing": _number(result.timing_score),
            "coverage": _number(result.coverage_score),
        },
        "match_probability": _number(result.match_probability),
        "is_mirrored": result.is_mirrored,
        "mirror_margin": _number(result.mirror_margin),
        "offset_s": _number(result.offset_s),
        "tempo": _number(result.tempo),
        "tempo_changes": [_numbers(asdict(change)) for change in result.tempo_changes],
        "pauses": [_numbers(asdict(pause)) for pause in result.pauses],
        "coverage": {"ref": _number(result.ref_coverage), "query": _number(result.query_coverage)},
        "ref_person": result.ref_person,
        "query_person": result.query_person,
        "path": [
            {"ref_s": _number(a), "query_s": _number(b), "distance": _number(d), "match_probability": _number(p)}
            for a, b, d, p in steps
        ],
        "occurrences": [_numbers(asdict(occurrence)) for occurrence in result.occurrences],
        "matrix": _matrix_json(result),
        **_feedback_json(result),
        "warnings": list(match_warnings(result)),
        "signature": result.signature,
    }


def _feedback_json(result: MatchResult) -> dict[str, Any]:
    """The keys of `Feedback.to_json`; no lines and no tables where joints were not judged."""
    return {"feedback": [], "joints": []} if result.feedback is None else result.feedback.to_json()


def _matrix_json(result: MatchResult) -> dict[str, Any] | None:
    if result.matrix is None:
        return None
    return {
        "ref_persons": list(result.matrix.ref_persons),
        "query_persons": list(result.matrix.query_persons),
        "scores": [[_number(score) for score in row] for row in result.matrix.scores],
        "motion_gains": [[_number(gain) for gain in row] for row in result.matrix.motion_gains],
    }


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _number(value) if isinstance(value, float) else value for name, value in values.items()}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
