"""`poseflow bench retrieval`, its `trials`, and what checks it: `speed`, `rerank` and `noise`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .bench_options import JSON, MOCAP, MODEL, print_report
from .options import FILE, detector_options, make_embedder

_WORK_DIR = "work_dirs/open_table"
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_PATH = click.Path(exists=True, path_type=Path)
_NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("retrieval")
@click.option("--dataset", type=click.Choice(["open", "h36m", "3dhp"]), default="open", show_default=True)
@click.option("--run", "runs", is_flag=True, help="Train and measure every row that has no result yet, then print.")
@click.option("--mocap", type=_FOLDER, help="Folder with cmu.npz, cmu_more.npz and hdm05.npz.")
@click.option("--root", type=_PATH, help="Folder of Human3.6M or MPI-INF-3DHP, or one of its files of detections.")
@click.option("--keys", type=_FILE, help="One camera's file of Pr-VIPE's released evaluation frames.")
@click.option("--official", is_flag=True, help="Only takes that the official ASF/AMC files give exactly.")
@click.option("--results", type=_NEW_FOLDER, help="Folder of rows; default: shipped.")
@click.option("--work-dir", type=_NEW_FOLDER, help=f"With --run: checkpoints and networks; default: {_WORK_DIR}.")
@click.option("--only", multiple=True, metavar="ROW|GROUP", help="With --run: these alone; may be repeated.")
@click.option("--seed", type=int, help="Of the noise D0 and D1 where it is drawn now; default: 0, the rows' own.")
@MODEL
@JSON
def retrieval(dataset: str, runs: bool, as_json: bool, **given: Any) -> None:
    """Cross-view Hit@k: the table of results; with --run or --mocap or --root, measured now."""
    from poseflow_benchmarks import retrieval as benchmark

    _check(dataset, runs, given)
    settings = {"seed": given["seed"] or 0}
    results = {"results": given["results"]} if given["results"] else {}
    if dataset != "open":
        settings |= {"embedder": make_embedder(given["model"]), "keys": given["keys"]}
        report = benchmark.run_dataset(dataset, given["root"], **settings)
    elif runs:
        from poseflow_benchmarks.open_table import run_open_table

        say = lambda line: click.echo(line, err=True)  # noqa: E731
        work_dir = given["work_dir"] or Path(_WORK_DIR)
        run_open_table(given["mocap"], work_dir, only=given["only"] or None, report=say, **results)
        report = benchmark.shipped_report(**results)
    elif given["mocap"]:
        settings |= {"embedder": make_embedder(given["model"]), "official": given["official"]}
        report = benchmark.run_retrieval(given["mocap"], **settings)
    else:
        report = benchmark.shipped_report(**results)
    print_report(report, as_json)


def _check(dataset: str, runs: bool, given: dict[str, Any]) -> None:
    """Refuses options that do not go together."""
    if dataset != "open":
        if not given["root"]:
            raise click.UsageError(f"--dataset {dataset} needs --root, the data set's folder")
        _refuse(
            f"--dataset {dataset}", given | {"run": runs}, "run", "mocap", "official", "results", "only", "work_dir"
        )
        return
    _refuse("--dataset open", given, "root", "keys")
    if runs:
        if not given["mocap"]:
            raise click.UsageError("--run needs --mocap, the folder with cmu.npz, cmu_more.npz and hdm05.npz")
        _refuse("--run", given, "model", "official", "seed")
        return
    _refuse("a table without --run", given, "only", "work_dir")
    if given["mocap"]:
        _refuse("--mocap without --run", given, "results")
    else:
        _refuse("the shipped table (give --mocap to measure)", given, "model", "official", "seed")


def _refuse(what: str, given: dict[str, Any], *names: str) -> None:
    absent: tuple[Any, ...] = (None, ())
    wrong = [f"--{name.replace('_', '-')}" for name in names if given[name] is not False and given[name] not in absent]
    if wrong:
        raise click.UsageError(f"{', '.join(wrong)} does not go with {what}")


@click.command("trials")
@click.option("--mocap", type=_FOLDER, help="Makes those that are missing: folder with cmu.npz and cmu_more.npz.")
@click.option("--work-dir", type=_NEW_FOLDER, help=f"Checkpoints and networks; default: {_WORK_DIR}.")
@JSON
def trials(mocap: Path | None, work_dir: Path | None, as_json: bool) -> None:
    """Which optimiser each system of the retrieval table was given: Hit@1 on the carve-out after short trials."""
    from poseflow_benchmarks.trials import TRIALS_FILE, read_trials, run_trials

    if mocap is not None:
        from poseflow_benchmarks.open_table import Laboratory

        say = lambda line: click.echo(line, err=True)  # noqa: E731
        run_trials(Laboratory(mocap, work_dir or Path(_WORK_DIR)), TRIALS_FILE, report=say)
    elif work_dir is not None:
        raise click.UsageError("--work-dir does not go without --mocap")
    print_report(read_trials(TRIALS_FILE), as_json)


@click.command("speed")
@MOCAP
@MODEL
@JSON
def speed(mocap: Path, model: str | None, as_json: bool) -> None:
    """Seconds of one row at the size of MPI-INF-3DHP, 110 camera pairs of 6,824 poses, and of the encoder."""
    from poseflow_benchmarks.speed import run_speed

    print_report(run_speed(mocap, embedder=make_embedder(model)), as_json)


@click.command("rerank")
@MOCAP
@click.option("--work-dir", type=_FOLDER, required=True, help="Of `bench retrieval --run`: its Pr-VIPE and lifter.")
@JSON
def rerank(mocap: Path, work_dir: Path, as_json: bool) -> None:
    """How far sorting the 200 nearest anew agrees with sorting all, on 1,000 poses of HDM05."""
    from poseflow_benchmarks.open_table import trained_rivals
    from poseflow_benchmarks.speed import run_agreement

    print_report(run_agreement(mocap, trained_rivals(work_dir)), as_json)


@click.command("noise")
@click.option("--photos", type=_FOLDER, required=True, help="Folder with COCO photographs and their annotations.")
@click.option("--annotations", type=_FILE, help="COCO keypoints of the photographs; default: the one .json there.")
@click.option("--ref", type=FILE, help="Video or saved .parquet of one calibrated camera.")
@click.option("--query", type=FILE, help="Video or saved .parquet of another, synchronised.")
@click.option("--calibration", type=_FILE, help="Qualisys XML with both cameras, in this order.")
@detector_options
@JSON
def noise(get_detector: Callable[[], Any], as_json: bool, **given: Any) -> None:
    """What a real detector gets wrong, beside the benchmark's noise D0 and D1."""
    from poseflow_benchmarks.noise_check import run_noise_check

    print_report(run_noise_check(get_detector=get_detector, **given), as_json)
