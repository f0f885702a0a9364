"""What `poseflow segment` writes beside its answer, and which clips a folder holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from poseflow.batch import VIDEO_SUFFIXES
from poseflow.errors import NothingToScoreError
from poseflow.output import check_writable
from poseflow.records import EmbeddedClip
from poseflow.segment import Timeline
from poseflow.segment_output import (
    LabelledRepetition,
    timeline_details_html,
    timeline_lanes,
    timeline_summary_html,
)
from poseflow.store import is_clip_file


@dataclass(frozen=True)
class SegmentOutputs:
    """Files that were asked for; None = not.

    Attributes:
        segments: Table or annotation file, by its ending (`poseflow.formats.segment_files`).
        sheet: Picture of key poses.
        report: HTML page.
        with_video: Whether sheet and page show the film, where the clip is one.
    """

    segments: str | None = None
    sheet: str | None = None
    report: str | None = None
    with_video: bool = True


def check_outputs(outputs: SegmentOutputs, clip: str | Path) -> None:
    """Raises OutputError or ValueError where a file could not be written, before the long work."""
    if outputs.segments:
        from poseflow.formats.segment_files import segment_format

        segment_format(outputs.segments)
        check_writable(outputs.segments)
    if outputs.sheet:
        from poseflow.draw import check_not_source, check_picture_path

        check_picture_path(outputs.sheet)
        check_not_source(outputs.sheet, clip)
        check_writable(outputs.sheet)
    if outputs.report:
        from poseflow.report import check_report_path

        check_report_path(outputs.report, clip)


def write_outputs(
    outputs: SegmentOutputs,
    clip: str | Path,
    loaded: EmbeddedClip,
    timeline: Timeline,
    repetitions: Sequence[LabelledRepetition],
) -> Iterator[str]:
    """Writes the files, and gives what is to be said of them."""
    video = None if is_clip_file(clip) or not outputs.with_video else clip
    if outputs.segments:
        from poseflow.formats.segment_files import write_segments

        write_segments(outputs.segments, timeline.segments, media=clip)
    if outputs.sheet:
        from poseflow.segmentation.key_poses import write_key_poses

        write_key_poses(outputs.sheet, timeline, loaded.person(timeline.person_id)[0], video=video)
    if outputs.report:
        from poseflow.report import write_clip_report

        files = write_clip_report(
            outputs.report,
            loaded,
            person_id=timeline.person_id,
            lanes=timeline_lanes(timeline, repetitions),
            summary_html=timeline_summary_html(timeline, repetitions),
            details_html=timeline_details_html(timeline, repetitions),
            video=video,
            show_progress=True,
        )
        if files.note:
            yield files.note


def clips_of(inputs: Sequence[str | Path]) -> list[Path]:
    """The files of `inputs`, and in its folders the videos and saved clips, by name.

    Raises:
        NothingToScoreError: A folder holds no clip.
    """
    found: list[Path] = []
    for entry in map(Path, inputs):
        if not entry.is_dir():
            found.append(entry)
            continue
        inside = sorted(p for p in entry.rglob("*") if p.is_file() and _is_clip(p))
        if not inside:
            raise NothingToScoreError(f"{entry}: a folder without videos or saved .parquet files; name another one")
        found += inside
    return found


def _is_clip(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES or is_clip_file(path)
