"""Options that the benchmarks share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

MODEL = click.option("--model", metavar="NAME|FILE", help="Embedding model; default: the shipped one.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
MOCAP = click.option(
    "--mocap",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with cmu.npz, cmu_more.npz and hdm05.npz, those that the benchmark reads.",
)
WORK_DIR = click.option(
    "--work-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Of `bench retrieval --run`: what it trained stands beside ours.",
)


def print_report(report: Any, as_json: bool) -> None:
    """A report to stdout, as its table or as JSON."""
    click.echo(json.dumps(report.to_json()) if as_json else report.to_markdown())
