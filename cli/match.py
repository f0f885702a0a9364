"""`poseflow match`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from .options import FILE, detector_options, embedding_options, make_embedder, person_option


@click.command(name="match")
@click.option("--ref", required=True, type=FILE, help="The example: a video or a saved .parquet.")
@click.option("--query", required=True, type=FILE, help="The one that is compared with it: a video or a .parquet.")
@person_option("--ref-person", default="auto")
@person_option("--query-person", default="auto")
@detector_options
@embedding_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with the whole path.")
@click.option("--overlay", type=FILE, metavar="OUT.mp4", help="Write both videos side by side, aligned in time.")
def command(
    ref: str, query: str, ref_person: str, query_person: str, get_detector: Callable[[], Any], model: str | None,
    smooth: bool, as_json: bool, overlay: str | None,
) -> None:  # fmt: skip
    """Compares the movements of two people, whatever cameras filmed them.

    The shorter clip is matched whole with the best part of the longer one, in time, not frames; the tempo may differ up
    to three times. Exit code 4: too little of a person was seen to score.
    """
    from poseflow.load import load_clip
    from poseflow.match import match_clips, match_json
    from poseflow.match_text import match_table, match_warnings
    from poseflow.match_video import check_overlay, write_overlay

    if overlay:
        check_overlay(overlay, ref_path=ref, query_path=query)
    embedder = make_embedder(model)
    clips = [
        load_clip(path, get_detector=get_detector, embedder=embedder, smooth=smooth, show_progress=True)
        for path in (ref, query)
    ]
    result = match_clips(*clips, ref_person=ref_person, query_person=query_person, embedder=embedder)
    for warning in match_warnings(result):
        click.echo(f"warning: {warning}", err=True)
    if overlay:
        write_overlay(overlay, result, ref_path=ref, ref=clips[0], query_path=query, query=clips[1])
    click.echo(json.dumps(match_json(result), allow_nan=False) if as_json else match_table(result))
