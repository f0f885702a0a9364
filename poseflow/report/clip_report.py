"""The page of one clip: the player with the skeleton, and a strip of coloured spans, e.g. segments, below it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from string import Template

from poseflow.records import EmbeddedClip
from poseflow.report.browser_video import write_browser_video
from poseflow.report.clips import clip_data
from poseflow.report.files import MAX_PAGE_BYTES, ReportFiles, check_report_path, write_page
from poseflow.report.page import BASE_SCRIPTS, build_page, read_asset
from poseflow.report.sync_path import single_path
from poseflow.report.timeline import Lane, lanes_json

_SCRIPTS = (*BASE_SCRIPTS, "clip_page.js")
_VIDEO_NAME = "clip"


def write_clip_report(
    path: str | Path,
    clip: EmbeddedClip,
    *,
    person_id: int,
    lanes: Sequence[Lane],
    summary_html: str = "",
    details_html: str = "",
    video: str | Path | None = None,
    show_progress: bool = False,
    max_bytes: int = MAX_PAGE_BYTES,
) -> ReportFiles:
    """Writes the page of one person in one clip, which works from disk with no network.

    Args:
        path: Ends in .html; beyond `max_bytes` a folder, as `poseflow.report.write_report`.
        clip: The clip.
        person_id: Who is shown.
        lanes: Spans in seconds of the clip; what lies outside the person's time is cut off.
        summary_html: HTML above the player; what came from outside must be escaped (`poseflow.report.tables`).
        details_html: HTML below it. A button with data-at="1.5" seeks to that second of the clip.
        video: The clip's video; None = the skeleton alone, and no picture of anybody.
        show_progress: Whether to show progress on stderr where that is a terminal.
        max_bytes: The most that one file may have.

    Raises:
        ValueError: There is no such person.
        VideoError: The video cannot be read.
        OutputError: The page cannot be written.
    """
    check_report_path(path, video)
    track, _ = clip.person(person_id)
    start_s, end_s = float(track.time_s[0]), float(track.time_s[-1])
    name = Path(video).name if video is not None else clip.metadata.source
    data = {
        "path": single_path(start_s, end_s).json(),
        "start": start_s,
        "lanes": lanes_json([_shifted(lane, start_s, end_s) for lane in lanes]),
    }
    body = Template(read_asset("clip.html")).substitute(
        name=escape(name), summary=summary_html, details=details_html, person=person_id
    )
    with tempfile.TemporaryDirectory(prefix="poseflow-report-") as folder:
        shown = None
        if video is not None:
            target = Path(folder) / f"{_VIDEO_NAME}.mp4"
            shown = write_browser_video(video, target, start_s=start_s, end_s=end_s + 0.5, show_progress=show_progress)
        size = shown.size if shown else None
        one = clip_data(track, role="Clip", name=name, start_s=start_s, end_s=end_s, frame_size=size)

        def build(inside: Mapping[str, bytes], beside: Mapping[str, str]) -> str:
            where = {"beside": beside[_VIDEO_NAME]} if beside else {"inside": _VIDEO_NAME}
            film = {"video": where, "videoStart": shown.start_s} if shown else {}
            page_data = {**data, "clips": [{**one, **film}]}
            return build_page(title=name, body=body, data=page_data, scripts=_SCRIPTS, videos=inside)

        return write_page(path, {_VIDEO_NAME: shown.path} if shown else {}, build=build, max_bytes=max_bytes)


def _shifted(lane: Lane, start_s: float, end_s: float) -> Lane:
    """The lane in positions of the player, which begin at `start_s`."""
    inside = [span for span in lane.spans if span.end_s > start_s and span.start_s < end_s]
    spans = [
        replace(span, start_s=max(span.start_s, start_s) - start_s, end_s=min(span.end_s, end_s) - start_s)
        for span in inside
    ]
    return Lane(lane.name, spans)
