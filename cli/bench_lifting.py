"""`poseflow bench lifting` and `poseflow bench figures`: what the decoder can do, measured and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .bench_options import JSON, MOCAP, MODEL, WORK_DIR, print_report
from .options import make_embedder


@click.command("lifting")
@MOCAP
@click.option("--data", type=click.Choice(["carve-out", "test", "hdm05"]), default="carve-out", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the cameras and of the noise.")
@WORK_DIR
@MODEL
@JSON
def lifting(mocap: Path, work_dir: Path | None, model: str | None, as_json: bool, **settings: Any) -> None:
    """3D error in mm of the autoencoder and of single views, and of the root's rotation in the camera."""
    from poseflow_benchmarks.lifting import run_lifting
    from poseflow_benchmarks.open_table import trained_rivals

    lifters = () if work_dir is None else trained_rivals(work_dir)[1:]
    print_report(run_lifting(mocap, embedder=make_embedder(model), lifters=lifters, **settings), as_json)


@click.command("figures")
@MOCAP
@click.option("--output", "-o", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise and of the chosen poses.")
@MODEL
@JSON
def figures(mocap: Path, output: Path, seed: int, model: str | None, as_json: bool) -> None:
    """Pictures of CMU test people: generation, retrieval, t-SNE and PCA (V-VIPE, Figures 7, 6, 8 and 3)."""
    from poseflow_benchmarks.figures import run_figures

    print_report(run_figures(mocap, output, embedder=make_embedder(model), seed=seed), as_json)
