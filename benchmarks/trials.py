"""The optimisers that the systems of the open table were tried with, and what each reached on the carve-out.

poseflow bench trials --mocap FOLDER --work-dir runs/open
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poseflow_benchmarks.open_plan import CHOSEN, TRIAL_ITERATIONS, TRIALS, baseline, published_vvipe
from poseflow_benchmarks.open_table import CarveOutLog, Laboratory
from poseflow_benchmarks.results import SHIPPED

from vvipe.errors import FileFormatError, TrainingError
from vvipe.recipe import Recipe
from vvipe.systems.recipe import SystemRecipe

TRIALS_FILE = SHIPPED.with_name("trials.json")


@dataclass(frozen=True)
class TrialsReport:
    """System -> trial -> Hit@1 in percent, None = the loss left the finite numbers."""

    hit1: Mapping[str, Mapping[str, float | None]]

    def to_json(self) -> dict[str, Any]:
        return {"iterations": TRIAL_ITERATIONS, "hit1": self.hit1, "chosen": CHOSEN}

    def to_markdown(self) -> str:
        lines = [f"| system | {' | '.join(TRIALS)} |", "|---" * (len(TRIALS) + 1) + "|"]
        for kind, tried in self.hit1.items():
            cells = (_cell(tried, trial, is_chosen=CHOSEN.get(kind) == trial) for trial in TRIALS)
            lines.append(f"| {kind} | {' | '.join(cells)} |")
        lines.append(f"\nHit@1 in % on the carve-out (D1, by L2) after {TRIAL_ITERATIONS} iterations; bold: chosen.")
        return "\n".join(lines)


def _cell(tried: Mapping[str, float | None], trial: str, *, is_chosen: bool) -> str:
    if trial not in tried:
        return ""
    hit1 = tried[trial]
    text = "diverged" if hit1 is None else f"{hit1:.1f}"
    return f"**{text}**" if is_chosen else text


def read_trials(path: Path) -> TrialsReport:
    """The trials of a file; raises FileFormatError where it is missing or damaged."""
    try:
        return TrialsReport(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path}: no trials to be read ({error}); `poseflow bench trials --mocap`") from error


def run_trials(laboratory: Laboratory, path: Path, *, report: Callable[[str], None] = print) -> None:
    """Carve-out Hit@1 of each system with each of TRIALS, into one JSON file; null = diverged; keeps what is there."""
    done: dict[str, dict[str, float | None]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for kind in ("pr-vipe", "v-vipe", "lifter", "vipe", "l2-vipe", "vipe-star"):
        for trial in TRIALS:
            if trial in done.get(kind, {}):
                continue
            name = f"trial-{kind}-{trial.replace(' ', '-')}"
            settings: dict[str, Any] = {"iterations": TRIAL_ITERATIONS, "trial": trial}
            recipe = published_vvipe(name, **settings) if kind == "v-vipe" else baseline(kind, name, **settings)
            hit1 = _tried(laboratory, recipe, name)
            done.setdefault(kind, {})[trial] = hit1
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
            report(f"{name}: {hit1 or 'diverged'}")


def _tried(laboratory: Laboratory, recipe: Recipe | SystemRecipe, name: str) -> float | None:
    """Carve-out Hit@1 of one trial, None where its loss left the finite numbers."""
    try:
        laboratory.train(recipe, seed=0, folder=name)
    except TrainingError:
        return None
    return CarveOutLog(laboratory.work_dir / name / "carve_out.json", laboratory.carve_out).read()["1"]
