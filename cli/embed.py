"""`poseflow embed`: the people of videos, with their embeddings, as saved clips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from poseflow.embed import embed_video
from poseflow.errors import BatchError

from .interrupt import interrupt_as_stop
from .options import (
    FILE,
    command_line,
    default_of,
    detector_options,
    embedding_options,
    make_embedder,
    person_option,
    span_options,
)

if TYPE_CHECKING:
    from poseflow.batch import BatchReport
    from poseflow.embed_files import EmbedReport


@click.command("embed")
@click.argument("videos", nargs=-1, type=click.Path())
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(),
    help="A .parquet for one video; for several, or for a folder of them, a folder.",
)
@click.option("--source", type=click.IntRange(0), metavar="INDEX", help="Webcam, until Ctrl-C or --duration.")
@click.option("--duration", "duration_s", type=click.FloatRange(0, min_open=True), help="Seconds of webcam.")
@click.option("--overlay", type=FILE, metavar="OUT.mp4", help="Draw skeletons and ids on the video.")
@click.option("--contact-sheet", type=FILE, metavar="OUT.png", help="Draw every person, to choose from.")
@click.option("--skip-existing", is_flag=True, help="Leave outputs that are whole, of this film, model and smoothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object; its seconds leave out start and drawings."
)
@person_option(default=default_of(embed_video, "person"))
@detector_options
@embedding_options
@span_options
def command(
    videos: tuple[str, ...], source: int | None, duration_s: float | None, as_json: bool, **settings: Any
) -> None:
    """Finds the people of VIDEOS and embeds them.

    VIDEOS are files, folders, or a .parquet of your own keypoints. The result has one row a frame and person, with raw
    keypoints and view-invariant embedding; it stands for the video in every other command.
    """
    _check_usage(videos, source, duration_s, settings)
    output = settings.pop("output")
    settings |= {"embedder": make_embedder(settings.pop("model")), "command": command_line(), "show_progress": True}
    if source is not None:
        _print_report(_embed_webcam(source, output, duration_s, settings), as_json=as_json)
    elif _is_one_file(videos):
        from poseflow.embed_files import embed_to_file, output_file

        report = embed_to_file(videos[0], output_file(videos[0], output), **settings)
        _print_report(report, as_json=as_json)
    else:
        from poseflow.embed_files import embed_batch

        settings = {name: value for name, value in settings.items() if name not in _DRAWINGS}
        _print_batch(embed_batch(videos, output, **settings), as_json=as_json)


_DRAWINGS = ("overlay", "contact_sheet")


def _is_one_file(videos: tuple[str, ...]) -> bool:
    return len(videos) == 1 and not Path(videos[0]).is_dir()


def _check_usage(
    videos: tuple[str, ...], source: int | None, duration_s: float | None, settings: dict[str, Any]
) -> None:
    from poseflow.store import is_clip_file

    if bool(videos) == (source is not None):
        raise click.UsageError("name one or more VIDEOS, or a webcam with --source")
    if duration_s is not None and source is None:
        raise click.UsageError("--duration belongs to --source; cut a video with --start and --end")
    if source is not None and any(settings[name] is not None for name in ("start_s", "end_s", "stride_s")):
        raise click.UsageError("--start, --end and --stride cut videos; a webcam has --duration")
    if source is not None and settings["skip_existing"]:
        raise click.UsageError("--skip-existing is for videos; a webcam shows something new each time")
    has_drawing = any(settings[name] is not None for name in _DRAWINGS)
    if has_drawing and not (_is_one_file(videos) and not is_clip_file(videos[0])):
        raise click.UsageError("--overlay and --contact-sheet draw on the pictures of one video file")


def _embed_webcam(source: int, output: str, duration_s: float | None, settings: dict[str, Any]) -> EmbedReport:
    from poseflow.embed import embed_webcam
    from poseflow.embed_files import save_embedded

    own = {name: settings[name] for name in ("embedder", "person", "smooth", "command", "show_progress")}
    with interrupt_as_stop() as should_stop:
        return save_embedded(
            output,
            lambda: embed_webcam(
                source,
                should_stop=should_stop,
                duration_s=duration_s,
                detector=settings["get_detector"](),
                **own,
            ),
        )


def _print_report(report: EmbedReport, *, as_json: bool) -> None:
    click.echo(json.dumps(report.to_json(), allow_nan=False) if as_json else report.to_text())


def _print_batch(batch: BatchReport[EmbedReport], *, as_json: bool) -> None:
    for job, error in batch.failed:
        click.echo(f"failed: {job.source}: {error}", err=True)
    if as_json:
        failed = [{"source": str(job.source), "error": str(error)} for job, error in batch.failed]
        click.echo(json.dumps({"files": [report.to_json() for _, report in batch.done], "failed": failed}))
    else:
        for _, report in batch.done:
            click.echo(report.to_text())
    if batch.failed:
        count = len(batch.done) + len(batch.failed)
        others = "; the others are done" if batch.done else ""
        raise BatchError(f"{len(batch.failed)} of {count} files failed, for the reasons above{others}")
