"""`poseflow train`: a recipe and motion capture in, a model out."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .completion import RECIPE


@click.command("train")
@click.argument("recipe", metavar="NAME|CONFIG.py", type=RECIPE)
@click.option(
    "--data",
    "data",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Motion capture: .npz (AMASS too), .bvh or .amc, or a folder of them; may be repeated.",
)
@click.option(
    "--body-model",
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help="SMPL+H or SMPL model (.npz, .pkl), or a folder with one for each gender; AMASS needs it.",
)
@click.option("--data-licence", metavar="TEXT", help="For the model's card: terms of data whose source it cannot tell.")
@click.option(
    "--work-dir",
    type=click.Path(path_type=Path),
    help="Checkpoints, TensorBoard logs and the model go here; a run that lies there continues. "
    "Default: work_dirs/NAME.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of first weights, cameras, bodies and noise.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where it trains; auto is cuda where there is one, else cpu.",
)
@click.option("--stage1-iterations", type=click.IntRange(1), help="Instead of the recipe's, e.g. for a trial run.")
@click.option("--stage2-iterations", type=click.IntRange(1), help="Likewise.")
def command(
    recipe: str,
    data: tuple[Path, ...],
    body_model: Path | None,
    data_licence: str | None,
    work_dir: Path | None,
    seed: int,
    device: str,
    stage1_iterations: int | None,
    stage2_iterations: int | None,
) -> None:
    """Trains a V-VIPE: both stages, then calibration.

    NAME is vvipe_cmu, the shipped model's recipe, or vvipe_paper, the published one; CONFIG.py is one of your own.
    Losses are in the logs of the work folder (tensorboard --logdir). After Ctrl-C the same command goes on from the
    last checkpoint.
    """
    from vvipe.train import train

    model = train(
        recipe,
        data,
        work_dir=work_dir or Path("work_dirs") / Path(recipe).stem,
        seed=seed,
        device=device,
        body_model=body_model,
        data_licence=data_licence,
        stage1_iterations=stage1_iterations,
        stage2_iterations=stage2_iterations,
    )
    click.echo(json.dumps({"model": str(model), "card": str(model.with_suffix(".json"))}))
