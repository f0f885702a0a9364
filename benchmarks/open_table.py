"""Trains and measures the open table row by row; what is there already is kept, so that it may stop at any time.

poseflow bench retrieval --dataset open --run --mocap FOLDER --work-dir runs/open
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from jaxtyping import Float
from poseflow_benchmarks.open_plan import (
    PlannedRow,
    planned_rows,
)
from poseflow_benchmarks.open_sets import CMU_FILES, RetrievalSet, carve_out_sets, open_sets
from poseflow_benchmarks.results import SHIPPED, read_row, write_row
from poseflow_benchmarks.retrieval import carve_out_hit1, evaluate_system, report_on
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vvipe.datasets.mocap import read_npz
from vvipe.datasets.pairs import PoseBank
from vvipe.datasets.splits import select
from vvipe.embedder import Embedder
from vvipe.errors import WeightsError
from vvipe.model_file import file_sha256
from vvipe.models.vvipe import KeypointEncoder
from vvipe.recipe import Recipe
from vvipe.retrieval import Representation, RetrievalSystem
from vvipe.run_folder import claim_folder
from vvipe.systems.recipe import SystemRecipe
from vvipe.systems.retrieval import LifterSystem, ProbabilisticSystem, vvipe_system
from vvipe.systems.train import load_system, train_system
from vvipe.train_stages import train_stages

STILL_RISING = 1.0
"""Points of carve-out Hit@1 gained in the last quarter above which a row is marked undertrained."""
_CARVE_OUT_POSES = 500


@dataclass(frozen=True)
class ByL2:
    """A system without its finer distance: quick enough to look at often."""

    system: RetrievalSystem

    @property
    def name(self) -> str:
        return self.system.name

    def represent(self, keypoints: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"]) -> Representation:
        return Representation(self.system.represent(keypoints, scores).vectors)

    def distance(self, query: Float[Tensor, "B ..."], candidates: Float[Tensor, "B M ..."]) -> Float[Tensor, "B M"]:
        return self.system.distance(query, candidates)


@dataclass(frozen=True)
class Laboratory:
    """The data that all rows share, read when first asked for.

    Attributes:
        mocap: Folder with cmu.npz, cmu_more.npz and hdm05.npz.
        work_dir: Checkpoints and networks, one folder a row.
    """

    mocap: Path
    work_dir: Path

    @cached_property
    def takes(self) -> list:
        return select([take for name in CMU_FILES for take in read_npz(self.mocap / name)], "train")

    @cached_property
    def carve_out(self) -> list[RetrievalSet]:
        return carve_out_sets(self.mocap, max_poses=_CARVE_OUT_POSES)

    @cached_property
    def sets(self) -> list[RetrievalSet]:
        return open_sets(self.mocap)

    def bank(self, recipe: Recipe | SystemRecipe) -> PoseBank:
        """The training poses as the recipe wants them."""
        if isinstance(recipe, SystemRecipe):
            return PoseBank.from_sequences(self.takes, fps=recipe.fps)
        return PoseBank.from_sequences(
            self.takes, fps=recipe.fps, universal=recipe.universal, canonical=recipe.canonical
        )

    def train(self, recipe: Recipe | SystemRecipe, *, seed: int, folder: str) -> RetrievalSystem:
        """The trained system; Hit@1 on the carve-out at each quarter goes to `folder`/carve_out.json."""
        work_dir = self.work_dir / folder
        log = CarveOutLog(work_dir / "carve_out.json", self.carve_out)
        if isinstance(recipe, SystemRecipe):
            return train_system(recipe, self.bank(recipe), work_dir=work_dir, seed=seed, at_quarters=log.add)
        return _train_vvipe(recipe, self.bank(recipe), work_dir=work_dir, seed=seed, log=log)


@dataclass(frozen=True)
class CarveOutLog:
    """Hit@1 on the carve-out, by L2 alone, as the training went on; kept in a file so that a resumed run has it all."""

    path: Path
    sets: Sequence[RetrievalSet]

    def add(self, system: RetrievalSystem, share: float) -> None:
        hit1 = carve_out_hit1(ByL2(system), self.sets)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.read() | {f"{share:g}": round(hit1, 2)}) + "\n", encoding="utf-8")

    def read(self) -> dict[str, float]:
        """Share of the iterations done -> Hit@1 in percent."""
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}


def run_open_table(
    mocap: Path,
    work_dir: Path,
    *,
    only: Collection[str] | None = None,
    results: Path = SHIPPED,
    report: Callable[[str], None] = print,
) -> None:
    """Trains and measures every planned row that has no result yet, writing each row's JSON as it lands.

    Args:
        only: File names of the rows wanted ("v-vipe-aug-seed0"), or groups ("main"); all by default.
        report: Told what is being done.

    Raises:
        ValueError: `only` names a row that is not planned.
    """
    laboratory = Laboratory(mocap, work_dir)
    wanted = _wanted(only)
    write_untrained_rows(laboratory, results, report=report)
    for row in wanted:
        path = results / f"{row.file_name}.json"
        if path.exists():
            report(f"{row.file_name}: there")
            continue
        report(f"{row.file_name}: training ({row.recipe.name}, seed {row.seed})")
        run_row(row, laboratory, path)
        report(f"{row.file_name}: done")


def write_untrained_rows(laboratory: Laboratory, results: Path, *, report: Callable[[str], None] = print) -> None:
    """The rows that need no training here: the shipped model, 2D keypoints, what true 3D and chance retrieve.

    Left alone while they are those of the weights that ship.
    """
    embedder = Embedder.from_pretrained()
    ours = results / "ours-seed0.json"
    if ours.exists() and read_row(ours).weights_sha256 == embedder.sha256:
        return
    report(f"{embedder.name}, 2D keypoints and bounds: measuring")
    for row in report_on(laboratory.sets, embedder=embedder).rows:
        if row.system == embedder.name:
            config = {"recipe": embedder.card["recipe"], "group": "main"}
            row = replace(row, is_ours=True, train_seed=embedder.card["seed"], config=config)
            write_row(ours, row)
        else:
            name = re.sub(r"[^a-z0-9]+", "-", row.system.removeprefix(f"{embedder.name}: ").lower()).strip("-")
            write_row(results / f"untrained-{name}.json", row)


def run_row(row: PlannedRow, laboratory: Laboratory, path: Path) -> None:
    """Trains one row's system, measures it and writes its JSON."""
    start = time.perf_counter()
    system = laboratory.train(row.recipe, seed=row.seed, folder=row.file_name)
    training_s = time.perf_counter() - start
    log = CarveOutLog(laboratory.work_dir / row.file_name / "carve_out.json", laboratory.carve_out).read()
    weights = laboratory.work_dir / row.file_name / "network.safetensors"
    measured = evaluate_system(system, laboratory.sets, sources=row.sources)
    write_row(
        path,
        replace(
            measured,
            system=row.system,
            train_seed=row.seed,
            weights_sha256=file_sha256(weights),
            paper=row.paper,
            is_ours=row.is_ours,
            config={
                "recipe": asdict(row.recipe),
                "group": row.group,
                "ablates": row.ablates,
                "training_seconds": round(training_s),
                "carve_out_hit1": log,
                "is_undertrained": is_undertrained(log),
            },
        ),
    )


def trained_rivals(work_dir: Path) -> tuple[ProbabilisticSystem, LifterSystem]:
    """Pr-VIPE and the lifter of a finished run, both with camera augmentation.

    Raises:
        WeightsError: `work_dir` does not hold them.
    """
    rows = {row.file_name: row for row in planned_rows()}
    systems = []
    for name in ("pr-vipe-32-aug-seed0", "lifter-aug-seed0"):
        recipe, weights = rows[name].recipe, work_dir / name / "network.safetensors"
        if not isinstance(recipe, SystemRecipe) or not weights.exists():
            raise WeightsError(f"{weights} is not there: `poseflow bench retrieval --run` trains it")
        systems.append(load_system(recipe, weights))
    return systems[0], systems[1]  # type: ignore[return-value]


def is_undertrained(log: dict[str, float]) -> bool:
    """Whether carve-out Hit@1 rose by more than STILL_RISING points in the last quarter."""
    return "0.75" in log and "1" in log and log["1"] - log["0.75"] > STILL_RISING


def _wanted(only: Collection[str] | None) -> list[PlannedRow]:
    rows = planned_rows()
    if only is None:
        return rows
    known = {row.file_name for row in rows} | {row.group for row in rows}
    if unknown := sorted(set(only) - known):
        raise ValueError(f"rows: not planned: {', '.join(unknown)}; planned: {', '.join(sorted(known))}")
    return [row for row in rows if row.file_name in only or row.group in only]


def _train_vvipe(
    recipe: Recipe,
    bank: PoseBank,
    *,
    work_dir: Path,
    seed: int,
    log: CarveOutLog,
) -> RetrievalSystem:
    """V-VIPE by its two stages; loaded where it is done. Raises TrainingError where the folder holds another run."""
    claim_folder(work_dir, {"recipe": asdict(recipe), "data": bank.fingerprint(), "seed": seed})
    weights = work_dir / "network.safetensors"
    encoder: nn.Module
    if weights.exists():
        encoder = KeypointEncoder(recipe.architecture)
        encoder.load_state_dict(load_file(weights))
        encoder.eval()
    else:
        look = lambda model, share: log.add(vvipe_system(recipe.name, model), share)  # noqa: E731
        _, encoder = train_stages(recipe, bank, work_dir=work_dir, seed=seed, at_quarters=look)
        save_file(encoder.state_dict(), weights)
    return vvipe_system(recipe.name, encoder)
