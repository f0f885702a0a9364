"""`poseflow search`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from poseflow.errors import BatchError
from poseflow.search import KEEP
from poseflow.search_places import SearchSettings

from .options import (
    FILE,
    ONE_PERSON,
    default_of,
    detector_options,
    embedding_options,
    load_as_asked,
    make_embedder,
    note_unused,
    person_option,
)


@click.command("search")
@click.option("--query", required=True, type=FILE, help="The movement: a video or a saved .parquet.")
@click.option("--in", "folder", required=True, type=click.Path(), help="Folder of saved tracks (.parquet).")
@person_option(default="auto", choices=ONE_PERSON)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=default_of(SearchSettings, "top"),
    show_default=True,
    help="Most places that are told.",
)
@click.option(
    "--min-score",
    type=click.FloatRange(0, 100),
    default=default_of(SearchSettings, "min_score"),
    show_default=True,
    help="Least score of a place.",
)
@click.option(
    "--min-coverage",
    type=click.FloatRange(0, 1),
    default=default_of(SearchSettings, "min_coverage"),
    show_default=True,
    help="Least share of the query that must be seen on both sides.",
)
@click.option("--index", type=FILE, help="For large folders: a FAISS index, made and kept here (poseflow[search]).")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=KEEP,
    show_default=True,
    help="Tracks that --index leaves for the exact search.",
)
@detector_options
@embedding_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    query: str, folder: str, person: str, index: str | None, keep: int, get_detector: Callable[[], Any],
    model: str | None, smooth: bool, as_json: bool, **settings: Any,
) -> None:  # fmt: skip
    """Finds a movement in a folder of saved tracks, with times, best first.

    The query is found whole, at a third to three times its tempo, in every track of every person; what is found does
    not overlap. Exit code 3: some files of the folder could not be read.
    """
    from poseflow.search import search_clip

    if index is None:
        note_unused("keep", because="there is no --index")
    embedder = make_embedder(model)
    clip = load_as_asked(query, get_detector=get_detector, embedder=embedder, smooth=smooth)
    result = search_clip(
        clip,
        folder,
        person=person,
        embedder=embedder,
        settings=SearchSettings(**settings),
        query_file=query,
        index=index,
        keep=keep,
    )
    for file, error in result.failed:
        click.echo(f"failed: {file}: {error}", err=True)
    click.echo(json.dumps(result.to_json(), allow_nan=False) if as_json else result.to_text())
    if result.failed:
        raise BatchError(f"{len(result.failed)} files were not searched, for the reasons above")
