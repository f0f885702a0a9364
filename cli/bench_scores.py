"""`poseflow bench scores`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .bench_options import JSON, MODEL, print_report
from .options import make_embedder


@click.command("scores")
@click.option(
    "--mocap",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with cmu.npz and cmu_more.npz, or with hdm05.npz.",
)
@click.option("--on", "data", type=click.Choice(["development", "test", "hdm05"]), default="test", show_default=True)
@click.option("--pairs", "count", type=click.IntRange(min=1), default=40, show_default=True, help="Of each kinship.")
@click.option("--noise", is_flag=True, help="Whether keypoints get the noise D0.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of pairs, cameras and noise.")
@MODEL
@JSON
def scores(mocap: Path, model: str | None, as_json: bool, **settings: Any) -> None:
    """What a match's score means: one performance in two views, repetitions, other people, other movements."""
    from poseflow_benchmarks.kinship import run_kinship

    print_report(run_kinship(mocap, embedder=make_embedder(model), **settings), as_json)
