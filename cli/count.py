"""`poseflow count`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from .options import (
    FILE,
    ONE_PERSON,
    detector_options,
    embedding_options,
    load_as_asked,
    make_embedder,
    note_unused,
    person_option,
)


@click.command("count")
@click.argument("clip", type=FILE)
@click.option("--ref", type=FILE, help="One repetition, e.g. a teacher's; default: what the clip itself repeats most.")
@click.option("--report", type=FILE, metavar="OUT.html", help="Page with the repetitions on a strip; works offline.")
@click.option("--video/--no-video", default=True, show_default=True, help="Page with film, or the skeleton alone.")
@person_option(default="auto", choices=ONE_PERSON)
@detector_options
@embedding_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    clip: str,
    ref: str | None,
    report: str | None,
    video: bool,
    person: Any,
    get_detector: Callable[[], Any],
    model: str | None,
    smooth: bool,
    as_json: bool,
) -> None:
    """Counts how often a movement is repeated in CLIP, a video or a saved .parquet, and says how well each time.

    Likeness is the match score against the reference, or against the most typical repetition. Exit code 4: too little
    of the person was seen.
    """
    from poseflow.people import choose_people
    from poseflow.repetition_page import write_count_report
    from poseflow.repetitions import count_json, count_repetitions, count_text
    from poseflow.report import check_report_path
    from poseflow.store import is_clip_file

    if report:
        check_report_path(report, clip)
    else:
        note_unused("video", because="there is no --report")
    embedder = make_embedder(model)

    def loaded(path: str) -> tuple[Any, Any]:
        found = load_as_asked(path, get_detector=get_detector, embedder=embedder, smooth=smooth)
        chosen = choose_people(found.tracks, person=person, frame_size=found.metadata.size)[0]
        return found, found.person(chosen.person_id)[1]

    shown, track = loaded(clip)
    found = count_repetitions(track, embedder=embedder, ref=None if ref is None else loaded(ref)[1])
    click.echo(json.dumps(count_json(found), allow_nan=False) if as_json else count_text(found))
    if report:
        film = None if is_clip_file(clip) or not video else clip
        files = write_count_report(report, shown, found, person_id=track.person_id, video=film)
        if files.note:
            click.echo(files.note, err=True)
