"""`poseflow import`: keypoints of other programs, embedded, as a saved clip."""

from __future__ import annotations

import json
from typing import Any

import click

from poseflow.embed import embed_imported
from poseflow.formats.importer import FORMATS

from .options import command_line, default_of, embedding_options, make_embedder, person_option


class Size(click.ParamType):
    """Width and height written as WxH."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """(width, height), both above 0."""
        width, _, height = value.lower().partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"expected WIDTHxHEIGHT in pixels, e.g. 1920x1080, got {value!r}", param, ctx)
        return int(width), int(height)


@click.command("import")
@click.argument("file", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), metavar="OUT.parquet")
@click.option(
    "--format",
    type=click.Choice(["auto", *(known.name for known in FORMATS)]),
    default=default_of(embed_imported, "format"),
    show_default=True,
    help="Program that wrote FILE; auto tells by its content.",
)
@click.option("--fps", type=click.FloatRange(0, min_open=True), help="Frame rate of the video, if FILE has no times.")
@click.option("--size", type=Size(), help="Size of the video, if FILE has shares of it instead of pixels.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, that of `poseflow embed`.")
@person_option(default=default_of(embed_imported, "person"))
@embedding_options
def command(file: str, output: str, as_json: bool, model: str | None, **settings: Any) -> None:
    """Reads keypoints of another program from FILE, and embeds them.

    The .parquet is one of `poseflow embed`, keypoints and embeddings, and stands for the video in every other command.
    """
    from poseflow.embed_files import save_embedded

    embedder = make_embedder(model)
    report = save_embedded(output, lambda: embed_imported(file, embedder=embedder, command=command_line(), **settings))
    click.echo(json.dumps(report.to_json(), allow_nan=False) if as_json else report.to_text())
