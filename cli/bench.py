"""`poseflow bench`: one command a question; each prints a table, or JSON with all that made it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .options import FILE, detector_options, make_embedder

_MODEL = click.option("--model", metavar="NAME|FILE", help="Embedding model; default: the shipped one.")
_MOCAP = click.option(
    "--mocap",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with cmu.npz and cmu_more.npz, and hdm05.npz for retrieval.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")


@click.group("bench")
def command() -> None:
    """Measures the model: retrieval across cameras, 3D error, synchronisation of two cameras."""


@command.command("retrieval")
@_MOCAP
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise D0.")
@_MODEL
@_JSON
def retrieval(mocap: Path, seed: int, model: str | None, as_json: bool) -> None:
    """Cross-view Hit@k on held-out CMU takes and on HDM05 under unseen cameras."""
    from poseflow_benchmarks.retrieval import run_retrieval

    _print(run_retrieval(mocap, embedder=make_embedder(model), seed=seed), as_json)


@command.command("lifting")
@_MOCAP
@click.option("--seed", type=int, default=0, show_default=True, help="Of the cameras.")
@_MODEL
@_JSON
def lifting(mocap: Path, seed: int, model: str | None, as_json: bool) -> None:
    """3D error of the autoencoder and of single views, on CMU people kept aside."""
    from poseflow_benchmarks.lifting import run_lifting

    _print(run_lifting(mocap, embedder=make_embedder(model), seed=seed), as_json)


@command.command("occlusion")
@_MOCAP
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise and of the hidden joints.")
@_MODEL
@_JSON
def occlusion(mocap: Path, seed: int, model: str | None, as_json: bool) -> None:
    """Cross-view Hit@1 on HDM05 when joints are missing."""
    from poseflow_benchmarks.occlusion import run_occlusion

    _print(run_occlusion(mocap, embedder=make_embedder(model), seed=seed), as_json)


@command.command("calibration")
@_MOCAP
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise and of the pairs.")
@_MODEL
@_JSON
def calibration(mocap: Path, seed: int, model: str | None, as_json: bool) -> None:
    """What match probability and uncertainty are worth on HDM05's cross-view pairs."""
    from poseflow_benchmarks.calibration import run_calibration

    _print(run_calibration(mocap, embedder=make_embedder(model), seed=seed), as_json)


@command.command("sync")
@click.option("--ref", required=True, type=FILE, help="Video of one camera.")
@click.option("--query", required=True, type=FILE, help="Video of another camera, synchronised with it.")
@detector_options
@_MODEL
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Folder that keeps the keypoints.")
@_JSON
def sync(
    ref: str, query: str, get_detector: Callable[[], Any], model: str | None, cache: Path | None, as_json: bool
) -> None:
    """How well half-second windows of one camera are found in the other's film."""
    from poseflow_benchmarks.sync import run_sync

    embedder = make_embedder(model)
    _print(run_sync(ref, query, get_detector=get_detector, embedder=embedder, cache_dir=cache), as_json)


def _print(report: Any, as_json: bool) -> None:
    click.echo(json.dumps(report.to_json()) if as_json else report.to_markdown())
