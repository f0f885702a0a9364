"""`poseflow count`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from poseflow.embed import embed_video

from .options import FILE, default_of, detector_options, embedding_options, make_embedder, person_option


@click.command("count")
@click.argument("clip", type=FILE)
@click.option("--ref", type=FILE, help="One repetition, e.g. a teacher's; default: what the clip itself repeats most.")
@person_option(default=default_of(embed_video, "person"))
@detector_options
@embedding_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    clip: str,
    ref: str | None,
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
    from poseflow.load import load_clip
    from poseflow.people import choose_people
    from poseflow.repetitions import count_json, count_repetitions, count_text

    embedder = make_embedder(model)

    def track(path: str) -> Any:
        loaded = load_clip(path, get_detector=get_detector, embedder=embedder, smooth=smooth, show_progress=True)
        chosen = choose_people(loaded.tracks, person=person, frame_size=loaded.metadata.size)[0]
        return loaded.person(chosen.person_id)[1]

    found = count_repetitions(track(clip), embedder=embedder, ref=None if ref is None else track(ref))
    click.echo(json.dumps(count_json(found), allow_nan=False) if as_json else count_text(found))
