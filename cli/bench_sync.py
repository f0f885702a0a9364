"""`poseflow bench sync`, on two real videos, and `bench sync-mocap`, with a known answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .bench_options import JSON, MOCAP, MODEL, WORK_DIR, print_report
from .options import FILE, detector_options, make_embedder


@click.command("sync")
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


@click.command("sync-mocap")
@MOCAP
@click.option("--trials", "n_trials", type=click.IntRange(1), default=50, show_default=True, help="A block.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of recordings, warps, cameras and noise.")
@WORK_DIR
@MODEL
@JSON
def sync_mocap(mocap: Path, n_trials: int, seed: int, work_dir: Path | None, model: str | None, as_json: bool) -> None:
    """Synchronisation with known offsets and speeds on HDM05, across cameras and with one."""
    from poseflow_benchmarks.open_table import trained_rivals
    from poseflow_benchmarks.sync_mocap import run_sync_mocap

    rivals = (None, None) if work_dir is None else trained_rivals(work_dir)
    settings = {"prvipe": rivals[0], "lifter": rivals[1], "n_trials": n_trials, "seed": seed}
    print_report(run_sync_mocap(mocap, embedder=make_embedder(model), **settings), as_json)
