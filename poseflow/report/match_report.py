"""The page of a match: both clips in sync along the warp path, and what to learn from them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poseflow.mirror import embed_mirrored
from poseflow.records import EmbeddedClip, EmbeddingTrack, PoseTrack
from poseflow.report.browser_video import BrowserVideo, write_browser_video
from poseflow.report.clips import PoseDecoder, clip_data, pose_data, skeleton_json
from poseflow.report.files import MAX_PAGE_BYTES, PageBuilder, ReportFiles, check_report_path, write_page
from poseflow.report.match_curves import curves_data, lanes_of, marks_of, played_path
from poseflow.report.match_words import feedback_html, summary_html, tables_html
from poseflow.report.page import BASE_SCRIPTS, build_page, read_asset
from poseflow.report.stills import key_moments, still_data
from poseflow.report.sync_path import SyncPath
from poseflow.report.timeline import lanes_json
from poseflow.score import match_defaults
from vvipe.skeleton import H36M17

if TYPE_CHECKING:
    from vvipe.embedder import Embedder

MARGIN_S = 0.5
"""How much of a clip before and behind the matched part goes on the page."""
_SCRIPTS = (*BASE_SCRIPTS, "chart.js", "figure3d.js", "match_page.js")
_ROLES = ("Reference", "Query")
_VIDEO_NAMES = ("reference", "query")


@dataclass(frozen=True)
class _Side:
    """One clip of the page: the person, the span that is shown, and the video (None = the skeleton alone)."""

    number: int
    track: PoseTrack
    embeddings: EmbeddingTrack
    name: str
    video: Path | None
    start_s: float
    end_s: float
    is_mirrored: bool


def write_report(
    path: str | Path,
    match_json: Mapping[str, Any],
    ref: EmbeddedClip,
    query: EmbeddedClip,
    *,
    embedder: Embedder,
    ref_video: str | Path | None = None,
    query_video: str | Path | None = None,
    video: bool = True,
    show_progress: bool = False,
    max_bytes: int = MAX_PAGE_BYTES,
) -> ReportFiles:
    """Writes the page of a match, which works from disk with no network.

    Args:
        path: Ends in .html. Where the clips make it larger than `max_bytes`, a folder of that name (without .html) is
            written instead, with the page and both clips.
        match_json: What `poseflow.match.match_json` gives; features that it lacks are left out of the page.
        ref, query: The clips that were matched.
        embedder: The model that embedded them.
        ref_video, query_video: Their videos; None = there is none, and the skeleton is shown alone.
        video: False = skeletons alone: the page then holds no picture of anybody.
        show_progress: Whether to show progress on stderr where that is a terminal.
        max_bytes: The most that one file may have.

    Raises:
        ValueError: `match_json` is of other clips: it names a person who is not in them.
        VideoError: A video cannot be read.
        OutputError: The page cannot be written.
    """
    videos = [Path(source) if video and source is not None else None for source in (ref_video, query_video)]
    check_report_path(path, *videos)
    persons = [clip.person(match_json[f"{side}_person"]) for clip, side in ((ref, "ref"), (query, "query"))]
    sync = played_path(match_json, [track.time_s for track, _ in persons])
    if match_json.get("is_mirrored") is True:  # what was compared is the mirror image
        persons[1] = persons[1][0], embed_mirrored(query, persons[1][0].person_id, embedder)
    sides = [_side(i, (ref, query)[i], persons[i], videos[i], sync, match_json) for i in (0, 1)]
    marks = marks_of(match_json, sync)
    moments = key_moments(sync.duration_s, [(mark["start"] + mark["end"]) / 2 for mark in marks])
    with tempfile.TemporaryDirectory(prefix="poseflow-report-") as folder:
        shown = [_browser_video(side, Path(folder), sync, moments, show_progress=show_progress) for side in sides]
        data = {
            "path": sync.json(),
            "lanes": lanes_json(lanes_of(match_json, sync)),
            "curves": curves_data(match_json, sync, score=match_defaults(embedder).score),
            "poses": [_poses(side, embedder) for side in sides],
            "skeleton": {**skeleton_json(H36M17), "head": H36M17.index("head")},
            "feedback": marks,
            "stills": _stills(sides, shown, sync, moments),
        }
        written = {_VIDEO_NAMES[side.number]: one.path for side, one in zip(sides, shown, strict=True) if one}
        return write_page(path, written, build=_builder(match_json, sides, shown, data), max_bytes=max_bytes)


def _builder(
    match_json: Mapping[str, Any],
    sides: Sequence[_Side],
    shown: Sequence[BrowserVideo | None],
    data: Mapping[str, Any],
) -> PageBuilder:
    title = f"{sides[0].name} and {sides[1].name}: match"
    body = _body(match_json, sides)

    def build(inside: Mapping[str, bytes], beside: Mapping[str, str]) -> str:
        clips = [_clip(side, one, beside) for side, one in zip(sides, shown, strict=True)]
        return build_page(title=title, body=body, data={**data, "clips": clips}, scripts=_SCRIPTS, videos=inside)

    return build


def _side(
    number: int,
    clip: EmbeddedClip,
    person: tuple[PoseTrack, EmbeddingTrack],
    video: Path | None,
    sync: SyncPath,
    match_json: Mapping[str, Any],
) -> _Side:
    times_s = sync.times_s[number]
    return _Side(
        number=number,
        track=person[0],
        embeddings=person[1],
        name=video.name if video else clip.metadata.source,
        video=video,
        start_s=max(0.0, float(times_s[0]) - MARGIN_S),
        end_s=float(times_s[-1]) + MARGIN_S,
        is_mirrored=number == 1 and match_json.get("is_mirrored") is True,
    )


def _browser_video(
    side: _Side, folder: Path, sync: SyncPath, moments: Sequence[float], *, show_progress: bool
) -> BrowserVideo | None:
    if side.video is None:
        return None
    return write_browser_video(
        side.video,
        folder / f"{_VIDEO_NAMES[side.number]}.mp4",
        start_s=side.start_s,
        end_s=side.end_s,
        stills_s=sync.times_at(moments)[side.number].tolist(),
        show_progress=show_progress,
    )


def _frame_size(shown: BrowserVideo | None) -> tuple[int, int] | None:
    return None if shown is None else shown.size


def _clip(side: _Side, shown: BrowserVideo | None, beside: Mapping[str, str]) -> dict[str, Any]:
    data = clip_data(
        side.track,
        role=_ROLES[side.number],
        name=side.name,
        start_s=side.start_s,
        end_s=side.end_s,
        frame_size=_frame_size(shown),
        is_mirrored=side.is_mirrored,
    )
    if shown is None:
        return data
    name = _VIDEO_NAMES[side.number]
    video = {"beside": beside[name]} if name in beside else {"inside": name}
    return {**data, "video": video, "videoStart": shown.start_s}


def _poses(side: _Side, decoder: PoseDecoder) -> dict[str, Any]:
    return pose_data(side.embeddings, decoder=decoder, start_s=side.start_s, end_s=side.end_s)


def _stills(
    sides: Sequence[_Side], shown: Sequence[BrowserVideo | None], sync: SyncPath, moments: Sequence[float]
) -> list[dict[str, Any]]:
    times_s: NDArray[np.float64] = sync.times_at(moments)
    return [
        {
            "position": round(position, 3),
            "sides": [
                still_data(
                    side.track,
                    float(times_s[side.number, i]),
                    one.stills[i] if one else None,
                    frame_size=_frame_size(one),
                )
                for side, one in zip(sides, shown, strict=True)
            ],
        }
        for i, position in enumerate(moments)
    ]


def _body(match_json: Mapping[str, Any], sides: Sequence[_Side]) -> str:
    return Template(read_asset("match.html")).substitute(
        ref=escape(sides[0].name),
        query=escape(sides[1].name),
        summary=summary_html(match_json),
        feedback=feedback_html(match_json),
        tables=tables_html(match_json),
        unaligned=""
        if match_json.get("path")
        else '<p class="warning">The clips were not aligned: they begin together.</p>',
        signature=escape(str(match_json.get("signature") or "")),
    )
