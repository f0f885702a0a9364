"""`poseflow bench retrieval` and what checks it: `speed` and `noise`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .bench_options import JSON, MOCAP, MODEL, print_report
from .options import FILE, detector_options, make_embedder

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("retrieval")
@click.option("--dataset", type=click.Choice(["open", "h36m", "3dhp"]), default="open", show_default=True)
@click.option("--run", "runs", is_flag=True, help="Train and measure every row that has no result yet, then print.")
@click.option("--mocap", type=_FOLDER, help="Folder with cmu.npz, cmu_more.npz and hdm05.npz.")
@click.option("--root", type=_FOLDER, help="Folder of Human3.6M or MPI-INF-3DHP.")
@click.option("--keys", type=_FILE, help="One camera's file of Pr-VIPE's released evaluation frames.")
@click.option("--official", is_flag=True, help="Only takes that the official ASF/AMC files give exactly.")
@click.option("--results", type=click.Path(file_okay=False, path_type=Path), help="Folder of rows; default: shipped.")
@click.option("--work-dir", type=click.Path(file_okay=False, path_type=Path), default="work_dirs/open_table")
@click.option("--only", multiple=True, metavar="ROW|GROUP", help="With --run: these alone; may be repeated.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise D0 and D1.")
@MODEL
@JSON
def retrieval(dataset: str, runs: bool, as_json: bool, **given: Any) -> None:
    """Cross-view Hit@k: the table of results; with --run or --mocap or --root, measured now."""
    from poseflow_benchmarks import retrieval as benchmark

    _check(dataset, runs, given)
    settings = {"seed": given["seed"]}
    results = {"results": given["results"]} if given["results"] else {}
    if dataset != "open":
        settings |= {"embedder": make_embedder(given["model"]), "keys": given["keys"]}
        report = benchmark.run_dataset(dataset, given["root"], **settings)
    elif runs:
        from poseflow_benchmarks.open_table import run_open_table

        say = lambda line: click.echo(line, err=True)  # noqa: E731
        run_open_table(given["mocap"], given["work_dir"], only=given["only"] or None, report=say, **results)
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
        _refuse(f"--dataset {dataset}", given | {"run": runs}, "run", "mocap", "official", "results", "only")
        return
    _refuse("--dataset open", given, "root", "keys")
    if runs:
        if not given["mocap"]:
            raise click.UsageError("--run needs --mocap, the folder with cmu.npz, cmu_more.npz and hdm05.npz")
        _refuse("--run", given, "model", "official")
    else:
        _refuse("a table without --run", given, "only")
        if not given["mocap"]:
            _refuse("the shipped table (give --mocap to measure)", given, "model", "official")


def _refuse(what: str, given: dict[str, Any], *names: str) -> None:
    wrong = [f"--{name}" for name in names if given[name]]
    if wrong:
        raise click.UsageError(f"{', '.join(wrong)} does not go with {what}")


@click.command("speed")
@click.option("--mocap", type=_FILE, required=True, help="Motion capture of at least 6,824 poses at 10 Hz.")
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
