"""The report of segmentation as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from poseflow_benchmarks.segmentation_scores import MEASURES, Lead, SegmentationRow

if TYPE_CHECKING:
    from poseflow_benchmarks.segmentation import SegmentationBlock
    from poseflow_benchmarks.segmentation_hour import HourFigure
    from poseflow_benchmarks.segmentation_stability import CameraFigure, StabilityFigure

_MATCHING = {
    "each video": "Per video: each video segmented by itself, its clusters matched with its actions by themselves",
    "data set": "Per data set: all videos segmented together, and one matching over all of them",
}


def report_lines(
    blocks: Sequence[SegmentationBlock],
    stability: Sequence[StabilityFigure],
    cameras: Sequence[CameraFigure],
    hour: HourFigure | None,
) -> list[str]:
    """All tables that there are figures for."""
    lines: list[str] = []
    for matching, title in _MATCHING.items():
        own = [block for block in blocks if block.matching == matching]
        for data in dict.fromkeys(block.data for block in own):
            lines += ["", f"**{data}. {title}.**"]
            for block in own:
                lines += ["", *_block_lines(block)] if block.data == data else []
    if blocks:
        lines += ["", "**Our default less the best other row of each block, 95 % interval over sequences.**", ""]
        lines += _lead_lines(blocks)
    if stability:
        lines += ["", "**Kept labels: fitted on half of the films, against fitted on all, on the other half.**", ""]
        lines += _stability_lines(stability)
    if cameras:
        lines += ["", "**Two cameras of one movement: adjusted Rand index between their timelines.**", ""]
        lines += _camera_lines(cameras)
    if hour:
        lines += ["", _hour_line(hour)]
    return lines[1:]


def _block_lines(block: SegmentationBlock) -> Iterable[str]:
    """Title and table of one block."""
    title = f"{block.data}, {block.matching}, {block.source}, K {'given' if block.knows_k else 'unknown'}"
    yield from (title, "", f"| method | features | {' | '.join(MEASURES)} | labels |")
    yield "|---" * (3 + len(MEASURES)) + "|"
    for row in block.rows:
        yield f"| {row.method} | {row.features} | {' | '.join(_cells(row))} | {row.labels:.1f} |"


def _cells(row: SegmentationRow) -> list[str]:
    return [_number(row.mean(measure), 2 if measure.endswith(", s") else 3) for measure in MEASURES]


def _lead_lines(blocks: Sequence[SegmentationBlock]) -> Iterable[str]:
    yield "| data | matching | 2D | K | measure | best other | ours less that |"
    yield "|---" * 7 + "|"
    for block in blocks:
        known = "given" if block.knows_k else "unknown"
        for lead in block.leads:
            where = f"{block.data} | {block.matching} | {block.source} | {known}"
            yield f"| {where} | {lead.measure} | {lead.best_other} | {_lead(lead)} |"


def _lead(lead: Lead) -> str:
    return f"{lead.difference:+.3f} ({lead.low:+.3f} to {lead.high:+.3f})"


def _stability_lines(figures: Sequence[StabilityFigure]) -> Iterable[str]:
    yield "| 2D | labels, half | labels, all | agreement | adjusted Rand | labelled |"
    yield "|---" * 6 + "|"
    for own in figures:
        counts = f"{own.labels_half} | {own.labels_all}"
        yield f"| {own.source} | {counts} | {own.agreement:.3f} | {own.rand:.3f} | {own.labelled:.3f} |"


def _camera_lines(figures: Sequence[CameraFigure]) -> Iterable[str]:
    yield "| 2D | K | ours | the same pipeline on 2D keypoints | ours less that (95 %) |"
    yield "|---" * 5 + "|"
    for own in figures:
        lead = "{:+.3f} ({:+.3f} to {:+.3f})".format(*own.lead)
        known = "given" if own.knows_k else "unknown"
        yield f"| {own.source} | {known} | {own.ours:.3f} | {own.keypoints:.3f} | {lead} |"


def _hour_line(hour: HourFigure) -> str:
    return (
        f"An hour of 30 fps embeddings: {hour.wall_s:.1f} s ({hour.cpu_s:.1f} s of processor time), "
        f"{hour.peak_bytes / 1e9:.2f} GB at most; {hour.segments} segments of {hour.labels} labels."
    )


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
