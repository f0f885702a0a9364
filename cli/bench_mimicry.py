"""`poseflow bench mimicry`."""

from __future__ import annotations

from pathlib import Path

import click

from .bench_options import JSON, MOCAP, MODEL, print_report
from .options import make_embedder


@click.command("mimicry")
@MOCAP
@click.option("--pairs", type=click.IntRange(1), default=55, show_default=True, help="Same, and different, a block.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of pairs, cameras and noise.")
@MODEL
@JSON
def mimicry(mocap: Path, pairs: int, seed: int, model: str | None, as_json: bool) -> None:
    """Scores on HDM05: same or different movement, performances made worse, mirrored ones; Kendall's tau."""
    from poseflow_benchmarks.mimicry import run_mimicry

    print_report(run_mimicry(mocap, embedder=make_embedder(model), pairs=pairs, seed=seed), as_json)
