"""`poseflow bench`: one command a question; each prints a table, or JSON with all that made it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .bench_retrieval import JSON, MODEL, noise, print_report, retrieval, speed
from .bench_scores import scores
from .options import FILE, detector_options, make_embedder

_MOCAP = click.option(
    "--mocap",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with cmu.npz and cmu_more.npz.",
)


@click.group("bench", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Measures the model: retrieval across cameras, 3D error, synchronisation of two cameras."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for _benchmark in (retrieval, speed, noise, scores):
    command.add_command(_benchmark)


@command.command("lifting")
@_MOCAP
@click.option("--seed", type=int, default=0, show_default=True, help="Of the cameras.")
@MODEL
@JSON
def lifting(mocap: Path, seed: int, model: str | None, as_json: bool) -> None:
    """3D error of the autoencoder and of single views, on CMU people kept aside."""
    from poseflow_benchmarks.lifting import run_lifting

    print_report(run_lifting(mocap, embedder=make_embedder(model), seed=seed), as_json)


@command.command("occlusion")
@_MOCAP
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise and of the hidden joints.")
@MODEL
@JSON
def occlusion(mocap: Path, seed: int, model: str | None, as_json: bool) -> None:
    """Cross-view Hit@1 on HDM05 when joints are missing."""
    from poseflow_benchmarks.occlusion import run_occlusion

    print_report(run_occlusion(mocap, embedder=make_embedder(model), seed=seed), as_json)


@command.command("calibration")
@_MOCAP
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise and of the pairs.")
@MODEL
@JSON
def calibration(mocap: Path, seed: int, model: str | None, as_json: bool) -> None:
    """What match probability and uncertainty are worth on HDM05's cross-view pairs."""
    from poseflow_benchmarks.calibration import run_calibration

    print_report(run_calibration(mocap, embedder=make_embedder(model), seed=seed), as_json)


@command.command("sync")
@click.option("--ref", required=True, type=FILE, help="Video of one camera.")
@click.option("--query", required=True, type=FILE, help="Video of another camera, synchronised with it.")
@detector_options
@MODEL
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Folder that keeps the keypoints.")
@JSON
def sync(
    ref: str, query: str, get_detector: Callable[[], Any], model: str | None, cache: Path | None, as_json: bool
) -> None:
    """How well half-second windows of one camera are found in the other's film."""
    from poseflow_benchmarks.sync import run_sync

    embedder = make_embedder(model)
    print_report(run_sync(ref, query, get_detector=get_detector, embedder=embedder, cache_dir=cache), as_json)
