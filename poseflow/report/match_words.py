"""The words of a match's page: heading, figures, feedback; everything from outside is escaped here."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from poseflow.feedback_text import nothing_text
from poseflow.match_text import SCORE_MEANING, SUBSCORES
from poseflow.report.tables import facts_html, table_html

NOT_JUDGED = "Single joints were not judged in this match."
_TABLES = {"joints": "Joints", "segments": "Parts of the movement", "occurrences": "Where the movement occurs"}
_JOINTS_NOTE = (
    "Degrees by which the query differs from the reference; tolerance: what one person differs by without a fault; "
    "judged: share of the time in which the joint could be told surely."
)


def summary_html(result: Mapping[str, Any]) -> str:
    """The score, its parts, and what else the match says of the two clips."""
    parts = "".join(
        _meter(name, value, SUBSCORES.get(name, "")) for name, value in (result.get("subscores") or {}).items()
    )
    return (
        f'<div class="score"><p class="big">{_points(result.get("score"))}<small> / 100</small></p>'
        f"<p>{escape(SCORE_MEANING)}</p></div>"
        f'<div class="meters">{parts}</div>{facts_html(_facts(result))}{_warnings(result)}'
    )


def feedback_html(result: Mapping[str, Any]) -> str:
    """One button a line, worst first as the match gives them; or why there is none (no table of joints: not judged)."""
    feedback = result.get("feedback") or []
    beside = _beside_feedback(result)
    if not feedback:
        is_judged = any(row.get("judged", True) for row in _records(result, "joints"))
        nothing = nothing_text(result.get("score") or 0.0).capitalize() + "."
        return f"<p>{escape(nothing if is_judged else NOT_JUDGED)}</p>{beside}"
    lines = "".join(
        f'<li><button type="button" class="line" data-line="{number}">{escape(str(line.get("text") or ""))}'
        "</button></li>"
        for number, line in enumerate(feedback)
    )
    return f'<ol class="feedback">{lines}</ol>{beside}'


def _beside_feedback(result: Mapping[str, Any]) -> str:
    """What could not be judged, how many smaller differences there are, what is taken for granted."""
    more = result.get("feedback_more") or 0
    texts = [f"And {more} smaller differences." if more > 1 else "And one smaller difference."] if more else []
    texts += [str(span.get("text") or "") for span in _records(result, "not_judged")]
    texts += [str(note) for note in result.get("feedback_notes") or []]
    return "".join(f"<p><small>{escape(text)}</small></p>" for text in texts)


def tables_html(result: Mapping[str, Any]) -> str:
    """Every table that the match has."""
    tables = [table_html(_records(result, key), caption=caption) for key, caption in _TABLES.items()]
    note = f"<p><small>{escape(_JOINTS_NOTE)}</small></p>" if _records(result, "joints") else ""
    return "".join(tables) + note + table_html(_matrix_records(result.get("matrix")), caption="Scores of all pairs")


def _matrix_records(matrix: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """One record for each person of the reference, a key for each of the query's; none where there was no choice."""
    if not matrix or len(matrix["ref_persons"]) * len(matrix["query_persons"]) < 2:
        return []
    names = [f"query {person}" for person in matrix["query_persons"]]
    return [
        {"": f"reference {person}", **dict(zip(names, row, strict=True))}
        for person, row in zip(matrix["ref_persons"], matrix["scores"], strict=True)
    ]


def _records(result: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return [record for record in result.get(key) or [] if isinstance(record, Mapping)]


def _facts(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    facts: list[tuple[str, str, str]] = []
    if (tempo := result.get("tempo")) is not None:
        facts.append(("Speed", f"{tempo:.2f} ×", "of the query, against the reference"))
    if (offset := result.get("offset_s")) is not None:
        facts.append(("Offset", f"{offset:+.2f} s", "query's time − reference's time"))
    if (probability := result.get("match_probability")) is not None:
        facts.append(("Same pose", f"{probability:.0%}", "mean probability that matched moments show one pose"))
    if "is_mirrored" in result:
        facts.append(("Mirrored", *_mirror_words(result["is_mirrored"], result.get("mirror_margin"))))
    coverage = result.get("coverage") or {}
    for side, name in (("ref", "Reference seen"), ("query", "Query seen")):
        if coverage.get(side) is not None:
            facts.append((name, f"{coverage[side]:.0%}", f"of person {result.get(f'{side}_person', '?')} compared"))
    return facts


def _mirror_words(is_mirrored: bool | None, margin: float | None) -> tuple[str, str]:
    if is_mirrored is None:
        known = "" if margin is None else f" (margin {margin:.3f})"
        return "cannot be told", f"the movement is alike in a mirror{known}"
    if is_mirrored:
        return "yes", "the query's picture and pose are shown as in a mirror"
    return "no", "left is compared with left"


def _warnings(result: Mapping[str, Any]) -> str:
    warnings = [str(text) for text in result.get("warnings") or []]
    return "".join(f'<p class="warning">{escape(text)}</p>' for text in warnings)


def _meter(name: str, value: float | None, meaning: str) -> str:
    share = 0 if value is None else max(0, min(100, value))
    words = f"{name}: {_points(value)}"
    return (
        f'<div class="meter"><span>{escape(name)}</span><svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(words)} of 100"><rect class="rail" width="100" height="8"/>'
        f'<rect class="fill" width="{share:.1f}" height="8"/></svg><b>{_points(value)}</b>'
        f"<small>{escape(meaning)}</small></div>"
    )


def _points(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
