"""`poseflow match`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from poseflow.errors import BatchError
from poseflow.feedback_records import FeedbackSettings
from poseflow.match import MatchSettings
from poseflow.match_people import MATCH_PERSON_CHOICES
from poseflow.mirror import MIRROR_CHOICES

from .options import (
    FILE,
    default_of,
    detector_options,
    embedding_options,
    load_as_asked,
    make_embedder,
    note_unused,
    person_option,
)

if TYPE_CHECKING:
    from poseflow.batch import Job
    from poseflow.match_group import Ranking
    from poseflow.records import EmbeddedClip, MatchResult
    from vvipe.embedder import Embedder

    Clips = tuple[EmbeddedClip, EmbeddedClip]


@click.command(name="match")
@click.option("--ref", required=True, type=FILE, help="The example: a video or a saved .parquet.")
@click.option("--query", required=True, type=click.Path(), help="What is compared: a video, a .parquet, or a folder.")
@person_option("--ref-person", default="auto", choices=MATCH_PERSON_CHOICES)
@person_option("--query-person", default="auto", choices=MATCH_PERSON_CHOICES, like="--ref-person")
@click.option(
    "--mirror",
    type=click.Choice(MIRROR_CHOICES),
    default=default_of(MatchSettings, "mirror"),
    show_default=True,
    help="Compare the query as filmed (off), as its mirror image (on), or as whichever is clearly nearer (auto).",
)
@click.option("--band", "band_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Most time off unit tempo.")
@click.option("--all", "find_all", is_flag=True, help="Find every occurrence of the shorter clip in the longer one.")
@click.option(
    "--min-coverage",
    type=click.FloatRange(0, 1),
    default=default_of(MatchSettings, "min_coverage"),
    show_default=True,
    help="Least share of the shorter clip that must be seen on both sides; below it: exit code 4.",
)
@click.option(
    "--max-feedback",
    "max_lines",
    type=click.IntRange(min=0),
    default=default_of(FeedbackSettings, "max_lines"),
    show_default=True,
    metavar="LINES",
    help="Most sentences on single joints, worst first.",
)
@detector_options
@embedding_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with the whole path.")
@click.option("--overlay", type=FILE, metavar="OUT.mp4", help="Write both videos side by side, aligned in time.")
@click.option("--report", type=FILE, metavar="OUT.html", help="Write a page with both clips in step; works offline.")
@click.option("--video/--no-video", default=True, show_default=True, help="Pages with films, or skeletons alone.")
@click.option("-o", "--output", type=click.Path(), help="Of a folder: where ranking and pages go.")
def command(
    ref: str, query: str, ref_person: str, query_person: str, get_detector: Callable[[], Any], model: str | None,
    smooth: bool, as_json: bool, overlay: str | None, report: str | None, video: bool, output: str | None,
    max_lines: int, **settings: Any,
) -> None:  # fmt: skip
    """Compares the movements of two people, whatever cameras filmed them.

    The shorter clip is matched whole with the best part of the longer one, in time, not frames; the tempo may differ up
    to three times. A folder as --query ranks the clips in it. Exit code 4: too little of a person was seen to score; 3:
    some clips of a folder failed.
    """
    from poseflow.match_feedback import with_feedback
    from poseflow.match_people import match_clips

    _check_usage(query, overlay, report, output)
    _check_outputs(overlay, report, ref, query)
    _check_clips(ref, query)
    embedder = make_embedder(model)
    load = partial(load_as_asked, get_detector=get_detector, embedder=embedder, smooth=smooth)

    def compare(ref_clip: EmbeddedClip, query_clip: EmbeddedClip) -> MatchResult:
        people = {"ref_person": ref_person, "query_person": query_person}
        found = match_clips(ref_clip, query_clip, embedder=embedder, settings=MatchSettings(**settings), **people)
        told = FeedbackSettings(max_lines=max_lines)
        return with_feedback(found, ref_clip, query_clip, embedder=embedder, settings=told)

    def write_page(path: str | Path, result: MatchResult, clips: Clips, query_path: str | Path) -> Path:
        return _write_page(path, result, clips, (ref, query_path), embedder=embedder, video=video)

    if Path(query).is_dir():
        _match_folder(ref, query, load=load, compare=compare, output=output, write_page=write_page, as_json=as_json)
        return
    clips = (load(ref), load(query))
    result = compare(*clips)
    _print_match(result, as_json=as_json)
    if overlay:
        from poseflow.match_video import write_overlay

        write_overlay(overlay, result, ref_path=ref, ref=clips[0], query_path=query, query=clips[1])
    if report:
        write_page(report, result, clips, query)


def _check_usage(query: str, overlay: str | None, report: str | None, output: str | None) -> None:
    if Path(query).is_dir() and overlay:
        raise click.UsageError("--overlay draws two videos; --query is a folder")
    if Path(query).is_dir() and report:
        raise click.UsageError("--report is one page; --query is a folder: --output takes a page for each clip")
    if output and not Path(query).is_dir():
        raise click.UsageError("--output belongs to a folder as --query")
    if not (report or output):
        note_unused("video", because="no page was asked for")


def _check_clips(*paths: str) -> None:
    """A query that is not there is told before the reference is embedded."""
    from poseflow.load import check_clip

    for path in paths:
        if not Path(path).is_dir():
            check_clip(path)


def _check_outputs(overlay: str | None, report: str | None, ref: str, query: str) -> None:
    """Before the long work."""
    if overlay:
        from poseflow.match_video import check_overlay

        check_overlay(overlay, ref_path=ref, query_path=query)
    if report:
        from poseflow.report import check_report_path

        check_report_path(report, ref, query)


def _write_page(
    path: str | Path,
    result: MatchResult,
    clips: Clips,
    sources: tuple[str | Path, str | Path],
    *,
    embedder: Embedder,
    video: bool,
) -> Path:
    from poseflow.match_json import match_json
    from poseflow.report import write_report
    from poseflow.store import is_clip_file

    videos = [None if is_clip_file(source) else source for source in sources]
    files = write_report(
        path,
        match_json(result),
        *clips,
        embedder=embedder,
        ref_video=videos[0],
        query_video=videos[1],
        video=video,
        show_progress=True,
    )
    if files.note:
        click.echo(files.note, err=True)
    return files.page


def _match_folder(
    ref: str,
    folder: str,
    *,
    load: Callable[[str | Path], EmbeddedClip],
    compare: Callable[[EmbeddedClip, EmbeddedClip], MatchResult],
    output: str | None,
    write_page: Callable[[str | Path, MatchResult, Clips, str | Path], Path],
    as_json: bool,
) -> None:
    from poseflow.match_group import match_folder

    def write(job: Job, ref_clip: EmbeddedClip, clip: EmbeddedClip, result: MatchResult) -> Path:
        return write_page(job.target, result, (ref_clip, clip), job.source)

    ranking = match_folder(ref, folder, load=load, compare=compare, output=output, write_page=write)
    _print_ranking(ranking, as_json=as_json)


def _print_match(result: MatchResult, *, as_json: bool) -> None:
    from poseflow.match_json import match_json
    from poseflow.match_text import match_table, match_warnings

    for warning in match_warnings(result):
        click.echo(f"warning: {warning}", err=True)
    click.echo(json.dumps(match_json(result), allow_nan=False) if as_json else match_table(result))


def _print_ranking(ranking: Ranking, *, as_json: bool) -> None:
    from poseflow.match_text import match_warnings

    for ranked in ranking.results:
        for warning in match_warnings(ranked.result):
            click.echo(f"warning: {ranked.query.name}: {warning}", err=True)
    for path, error in ranking.failed:
        click.echo(f"failed: {path}: {error}", err=True)
    click.echo(json.dumps(ranking.to_json(), allow_nan=False) if as_json else ranking.to_text())
    if ranking.failed:
        count = len(ranking.results) + len(ranking.failed)
        raise BatchError(f"{len(ranking.failed)} of {count} clips failed, for the reasons above; the others are ranked")
