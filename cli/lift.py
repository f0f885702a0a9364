"""`poseflow lift`: the 3D poses of the people of a clip, as a table or a motion file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from poseflow.lift import LiftSettings
from poseflow.lift_files import SUFFIXES, check_lift_path, lift_to_files

from .options import (
    FILE,
    command_line,
    default_of,
    detector_options,
    embedding_options,
    load_as_asked,
    make_embedder,
    person_option,
    span_options,
)


@click.command("lift")
@click.argument("clip", type=click.Path())
@click.option("-o", "--output", required=True, type=FILE, metavar="OUT", help=f"One of {', '.join(SUFFIXES)}.")
@click.option(
    "--frame",
    type=click.Choice(["canonical", "camera"]),
    default=default_of(LiftSettings, "frame"),
    show_default=True,
    help="Axes: the body's own, without lean and facing, or the camera's.",
)
@click.option(
    "--rotation",
    type=click.Choice(["fit", "head"]),
    default=default_of(LiftSettings, "rotation"),
    show_default=True,
    help="Root rotation in the camera: fitted to the keypoints, or as the encoder says.",
)
@click.option("--height-m", type=float, metavar="METRES", help="Body height, for lengths in metres.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@person_option(default=default_of(lift_to_files, "person"))
@detector_options
@embedding_options
@span_options
def command(
    clip: str, output: str, frame: Any, rotation: Any, height_m: float | None, as_json: bool, person: str,
    get_detector: Callable[[], Any], model: str | None, **loading: Any,
) -> None:  # fmt: skip
    """Lifts the people of CLIP, a video or a saved .parquet, to 3D.

    Bones keep their lengths; there is no twist about them, and no path through the room: the pelvis stays at the
    origin. Short gaps are interpolated, over longer ones the pose is held; tables mark both. Of several people, each
    gets a file: OUT.person1.bvh, OUT.person2.bvh. Exit code 4: nobody was seen well enough.
    """
    settings = LiftSettings(frame=frame, rotation=rotation, height_m=height_m)
    check_lift_path(output)
    embedder = make_embedder(model)

    def load() -> Any:
        return load_as_asked(clip, get_detector=get_detector, embedder=embedder, command=command_line(), **loading)

    files = lift_to_files(load, output, source=clip, embedder=embedder, person=person, settings=settings)
    if as_json:
        click.echo(json.dumps({"files": [file.to_json() for file in files]}, allow_nan=False))
    else:
        click.echo("\n".join(file.to_text() for file in files))
