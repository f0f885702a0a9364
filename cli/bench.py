"""`poseflow bench`: one command a question; each prints a table, or JSON with all that made it."""

from __future__ import annotations

from pathlib import Path

import click

from .bench_count import count
from .bench_feedback import feedback
from .bench_lifting import figures, lifting
from .bench_mimicry import mimicry
from .bench_options import JSON, MOCAP, MODEL, print_report
from .bench_retrieval import noise, rerank, retrieval, speed, trials
from .bench_scores import scores
from .bench_segmentation import segmentation
from .bench_sync import sync, sync_mocap
from .options import make_embedder


class _WholeLines(click.Group):
    """A group whose listing has the whole first sentence of each command, over two lines where one is too short."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            commands = sorted(self.commands.items())
            formatter.write_dl([(name, known.get_short_help_str(limit=1000)) for name, known in commands])


@click.group("bench", cls=_WholeLines, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Measures the model: retrieval across cameras, 3D error, counting, timelines, feedback and more.

    `poseflow bench retrieval` alone prints a table that comes with the package; most others measure now, on --mocap.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for _benchmark in (
    retrieval,
    trials,
    rerank,
    lifting,
    figures,
    speed,
    noise,
    scores,
    sync,
    sync_mocap,
    mimicry,
    feedback,
    segmentation,
    count,
):
    command.add_command(_benchmark)


@command.command("occlusion")
@MOCAP
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise and of the hidden joints.")
@MODEL
@JSON
def occlusion(mocap: Path, seed: int, model: str | None, as_json: bool) -> None:
    """Cross-view Hit@1 on HDM05 when joints are missing."""
    from poseflow_benchmarks.occlusion import run_occlusion

    print_report(run_occlusion(mocap, embedder=make_embedder(model), seed=seed), as_json)


@command.command("calibration")
@MOCAP
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise and of the pairs.")
@MODEL
@JSON
def calibration(mocap: Path, seed: int, model: str | None, as_json: bool) -> None:
    """What match probability and uncertainty are worth on HDM05's cross-view pairs."""
    from poseflow_benchmarks.calibration import run_calibration

    print_report(run_calibration(mocap, embedder=make_embedder(model), seed=seed), as_json)
