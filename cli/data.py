"""`poseflow data`: the benchmark's motion capture files, made anew from the official downloads."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group("data")
def command() -> None:
    """Makes the benchmark's motion capture files from official downloads."""


def _rebuild(source: str, folder: Path, output: Path, as_json: bool) -> None:
    from poseflow.output import check_writable
    from vvipe.datasets.rebuild import rebuild

    check_writable(output)
    report = rebuild(source, folder, output)
    click.echo(json.dumps(report.to_json()) if as_json else report.to_text())


_FROM = click.option(
    "--from",
    "folder",
    required=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="The unpacked download; .asf and .amc files may lie in any folders below.",
)
_OUTPUT = click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.npz",
    help="Where the takes go, for `poseflow train --data` and the folder of `poseflow bench --mocap`.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object with the state of every take.")


@command.command("cmu")
@_FROM
@_OUTPUT
@_JSON
def cmu(folder: Path, output: Path, as_json: bool) -> None:
    """CMU's takes, from its ASF/AMC files.

    FOLDER is the download of mocap.cs.cmu.edu: subjects/02/02.asf with subjects/02/02_01.amc, and so on.
    Each take is compared with the array that the benchmark's figures were made on; missing takes are listed.
    """
    _rebuild("cmu", folder, output, as_json)


@command.command("hdm05")
@_FROM
@_OUTPUT
@_JSON
def hdm05(folder: Path, output: Path, as_json: bool) -> None:
    """HDM05's cut clips, from its ASF/AMC files.

    FOLDER is the download of resources.mpi-inf.mpg.de/HDM05: HDM_bd.asf with HDM_bd_*_120.amc, and so on.
    Each take is compared with the array that the benchmark's figures were made on; missing takes are listed.
    """
    _rebuild("hdm05", folder, output, as_json)
