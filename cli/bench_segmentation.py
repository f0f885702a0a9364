"""`poseflow bench segmentation`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from poseflow_benchmarks.composition_plan import DATA, KEYPOINTS, PARTS, SEED, SEGMENTED, sources_of

from .bench_options import JSON, MOCAP, MODEL, WORK_DIR, print_report
from .options import make_embedder


@click.command("segmentation")
@MOCAP
@click.option("--on", "data", type=click.Choice(DATA), default=DATA[0], show_default=True)
@click.option(
    "--sequences", "count", type=click.IntRange(2), default=SEGMENTED, show_default=True, help="Compositions."
)
@click.option("--keypoints", type=click.Choice(KEYPOINTS), multiple=True, help="Default: all three.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Default: all five.")
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of compositions, cameras and noise.")
@WORK_DIR
@MODEL
@JSON
def segmentation(
    mocap: Path, keypoints: tuple[str, ...], work_dir: Path | None, model: str | None, as_json: bool, **settings: Any
) -> None:
    """Timelines of known actions: frames, segments and borders, beside other methods and features."""
    from poseflow_benchmarks.open_table import trained_rivals
    from poseflow_benchmarks.segmentation import run_segmentation

    if keypoints:
        settings["sources"] = sources_of(keypoints)
    chosen = {name: value for name, value in settings.items() if value != ()}
    prvipe = None if work_dir is None else trained_rivals(work_dir)[0]
    said = run_segmentation(mocap, embedder=make_embedder(model), prvipe=prvipe, report=_say, **chosen)
    print_report(said, as_json)


def _say(text: str) -> None:
    click.echo(text, err=True)
