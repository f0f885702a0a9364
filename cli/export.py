"""`poseflow export`."""

from __future__ import annotations

import json
from typing import Any

import click

from poseflow.export import EXPORT_FORMATS, export_file

from .options import FILE, default_of, person_option


@click.command("export")
@click.argument("track", type=FILE)
@click.option("-o", "--output", required=True, type=click.Path(), metavar="OUT", help="A file, or a new folder.")
@click.option(
    "--format",
    type=click.Choice(EXPORT_FORMATS),
    help="Program to write for; by default OUT tells: .nc movement, .json COCO, .csv DeepLabCut, a folder OpenPose.",
)
@person_option(default=default_of(export_file, "person"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(track: str, output: str, as_json: bool, **settings: Any) -> None:
    """Writes the keypoints of a saved TRACK.parquet for other programs.

    They are the raw keypoints in pixels, as they were detected. movement's netCDF keeps everything, COCO's JSON all
    but how the clip was made; OpenPose's JSON and DeepLabCut's CSV have no times.
    """
    report = export_file(track, output, **settings)
    click.echo(json.dumps(report.to_json(), allow_nan=False) if as_json else report.to_text())
