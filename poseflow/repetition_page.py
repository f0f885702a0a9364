"""Repetitions on a report page: spans for the strip, a sentence, and a table whose buttons seek."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from poseflow.records import EmbeddedClip
from poseflow.repetitions import Repetition, least_alike
from poseflow.report import ReportFiles, write_clip_report
from poseflow.report.timeline import Lane, Span

REPETITION_COLOUR, LEAST_ALIKE_COLOUR = 0, 1


def write_count_report(
    path: str | Path,
    clip: EmbeddedClip,
    repetitions: Sequence[Repetition],
    *,
    person_id: int,
    video: str | Path | None = None,
) -> ReportFiles:
    """Writes the page of a count: the film or the skeleton, and each repetition on a strip and in a table.

    Args:
        path: Ends in .html.
        clip: The clip.
        repetitions: Of that person.
        person_id: Who was counted.
        video: The clip's film; None = the skeleton alone, and no picture of anybody.

    Raises:
        ValueError: There is no such person, or `path` does not end in .html.
        VideoError: The film cannot be read.
        OutputError: The page cannot be written.
    """
    least = least_alike(repetitions)
    spans = [repetition_span(r, colour=LEAST_ALIKE_COLOUR if r is least else REPETITION_COLOUR) for r in repetitions]
    return write_clip_report(
        path,
        clip,
        person_id=person_id,
        lanes=[Lane("Repetitions", spans)],
        summary_html=f"<p>{escape(_sentence(repetitions, least))}</p>",
        details_html=repetition_table_html([("", r) for r in repetitions]),
        video=video,
        show_progress=True,
    )


def repetition_span(repetition: Repetition, *, colour: int, label: str = "") -> Span:
    """A repetition on the strip: its likeness, and for a pointer or a reader the joint that is farthest off."""
    joint = f", farthest off: {joint_words(repetition)}" if repetition.worst_joint else ""
    text = f"{label + ', ' if label else ''}likeness {repetition.likeness:.0f} of 100{joint}"
    return Span(repetition.start_s, repetition.end_s, f"{repetition.likeness:.0f}", text, colour)


def repetition_table_html(repetitions: Sequence[tuple[str, Repetition]]) -> str:
    """A table of (label, repetition), with a button to see each; empty text for none."""
    if not repetitions:
        return ""
    with_label = any(label for label, _ in repetitions)
    heads = ["no.", *(["label"] if with_label else []), "start (s)", "end (s)", "likeness", "farthest off"]
    rows = []
    for number, (label, r) in enumerate(repetitions, start=1):
        see = f'<button type="button" data-at="{r.start_s:.3f}">{number}</button>'
        cells = [see, *([escape(label)] if with_label else []), f"{r.start_s:.2f}", f"{r.end_s:.2f}"]
        cells += [f"{r.likeness:.0f}", escape(joint_words(r))]
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    return (
        '<div class="table" tabindex="0" role="region" aria-label="Repetitions"><table><caption>Repetitions</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def joint_words(repetition: Repetition) -> str:
    """The joint that is farthest off and by how much, or nothing."""
    if repetition.worst_joint is None:
        return ""
    return f"{repetition.worst_joint.replace('_', ' ')}, {repetition.joint_distance:.2f} torso lengths"


def _sentence(repetitions: Sequence[Repetition], least: Repetition | None) -> str:
    if not repetitions:
        return "No repetition: nothing in the clip is done twice, or like the reference."
    count = f"{len(repetitions)} repetition{'' if len(repetitions) == 1 else 's'}."
    if least is None:
        return count
    number = next(i for i, r in enumerate(repetitions, start=1) if r is least)
    return f"{count} The least alike is no. {number}, likeness {least.likeness:.0f} of 100 ({joint_words(least)})."
