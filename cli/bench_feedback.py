"""`poseflow bench feedback`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from poseflow_benchmarks.composition_plan import KEYPOINTS

from .bench_options import JSON, MOCAP, MODEL, print_report
from .options import make_embedder


@click.command("feedback")
@MOCAP
@click.option(
    "--on",
    "data",
    type=click.Choice(["development", "other-bodies", "test", "hdm05"]),
    default="hdm05",
    show_default=True,
)
@click.option("--cases", "count", type=click.IntRange(min=1), default=40, show_default=True, help="Of each row.")
@click.option("--keypoints", type=click.Choice(KEYPOINTS), multiple=True, help="Default: all three.")
@click.option(
    "--bend", "amounts_deg", type=click.FloatRange(0, 90), multiple=True, help="Degrees; default: 0, 10 to 40."
)
@click.option("--decoded", is_flag=True, help="From the decoded poses alone, without keypoints.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of excerpts, bends, cameras and noise.")
@MODEL
@JSON
def feedback(mocap: Path, model: str | None, as_json: bool, decoded: bool, **settings: Any) -> None:
    """Whether one joint bent by a known angle is told: precision and recall, and false lines where nothing is bent."""
    from poseflow_benchmarks.feedback import run_feedback

    chosen = {name: value for name, value in settings.items() if value != ()}
    print_report(run_feedback(mocap, embedder=make_embedder(model), has_keypoints=not decoded, **chosen), as_json)
