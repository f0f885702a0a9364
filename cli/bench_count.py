"""`poseflow bench count`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from poseflow_benchmarks.composition_plan import COUNTED, DATA, KEYPOINTS, SEED, sources_of

from .bench_options import JSON, MOCAP, MODEL, print_report
from .options import make_embedder


@click.command("count")
@MOCAP
@click.option("--on", "data", type=click.Choice(DATA), default=DATA[0], show_default=True)
@click.option("--sequences", "count", type=click.IntRange(1), default=COUNTED, show_default=True, help="Compositions.")
@click.option("--keypoints", type=click.Choice(KEYPOINTS), multiple=True, help="Default: all three.")
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of compositions, cameras and noise.")
@MODEL
@JSON
def count(mocap: Path, keypoints: tuple[str, ...], model: str | None, as_json: bool, **settings: Any) -> None:
    """Repetitions counted in sequences with 0 to 20 of them, beside counts by one period."""
    from poseflow_benchmarks.counting import run_counting

    if keypoints:
        settings["sources"] = sources_of(keypoints)
    print_report(run_counting(mocap, embedder=make_embedder(model), **settings), as_json)
