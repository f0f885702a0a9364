"""`poseflow import`: keypoints of other programs, embedded, as a saved clip."""

from __future__ import annotations

import json
from typing import Any

import click

from poseflow.embed import embed_imported
from poseflow.formats.importer import FORMATS
from vvipe.skeleton import COCO17

from .options import FILE, command_line, default_of, embedding_options, make_embedder, person_option


class Size(click.ParamType):
    """Width and height written as WxH."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """(width, height), both above 0."""
        width, _, height = value.lower().partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"expected WIDTHxHEIGHT in pixels, e.g. 1920x1080, got {value!r}", param, ctx)
        return int(width), int(height)


class JointName(click.ParamType):
    """A joint's name in a file, and which COCO-17 joint it is, written as NAME=JOINT."""

    name = "NAME=JOINT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """(name in the file, COCO-17 name)."""
        name, _, joint = value.rpartition("=")
        if not name or joint not in COCO17.joints:
            self.fail(f"expected NAME=JOINT, JOINT one of {', '.join(COCO17.joints)}; got {value!r}", param, ctx)
        return name, joint


@click.command("import")
@click.argument("file", type=click.Path())
@click.option("-o", "--output", required=True, type=FILE, metavar="OUT.parquet", help="Where the track goes.")
@click.option(
    "--format",
    type=click.Choice(["auto", *(known.name for known in FORMATS)]),
    default=default_of(embed_imported, "format"),
    show_default=True,
    help="Program that wrote FILE; auto tells by its content.",
)
@click.option("--fps", type=click.FloatRange(0, min_open=True), help="Frame rate of the video, if FILE has no times.")
@click.option("--size", type=Size(), help="Size of the video, if FILE has shares of it instead of pixels.")
@click.option(
    "--joint-map",
    multiple=True,
    type=JointName(),
    help="Which COCO-17 joint a joint of FILE is, where its name is not recognised: ankle1=left_ankle. Once a joint.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, that of `poseflow embed`.")
@person_option(default=default_of(embed_imported, "person"))
@embedding_options
def command(
    file: str, output: str, joint_map: tuple[tuple[str, str], ...], as_json: bool, model: str | None, **settings: Any
) -> None:
    """Reads keypoints of another program from FILE, and embeds them.

    The .parquet is one of `poseflow embed`, keypoints and embeddings, and stands for the video in every other command.
    """
    from poseflow.embed_files import save_embedded

    if len(dict(joint_map)) < len(joint_map):
        raise click.UsageError("--joint-map: one joint of the file is named twice")
    settings |= {"joint_map": dict(joint_map), "embedder": make_embedder(model), "command": command_line()}
    report = save_embedded(output, lambda: embed_imported(file, **settings), source=file)
    click.echo(json.dumps(report.to_json(), allow_nan=False) if as_json else report.to_text())
