from __future__ import annotations

import dataclasses
import json
from typing import get_args

import numpy as np
import pytest
from mocap_files import write_npz
from poseflow_benchmarks import open_plan, open_table
from poseflow_benchmarks.results import read_row
from poseflow_benchmarks.trials import TRIALS_FILE, read_trials

from vvipe.recipe import Recipe
from vvipe.systems.recipe import Kind, SystemRecipe


@pytest.fixture
def mocap(tmp_path):
    folder = tmp_path / "mocap"
    folder.mkdir()
    subjects = {"cmu": ("cmu06", "cmu10"), "cmu_more": ("cmu02", "cmu05"), "hdm05": ("bd", "mm")}
    for seed, (name, people) in enumerate(subjects.items()):
        path = write_npz(folder / f"{name}.npz", takes=2, frames=60, seed=seed)
        with np.load(path) as arrays:
            np.savez(path, **(dict(arrays) | {"subjects": np.array(people)}))
    return folder


def _tiny(row: open_plan.PlannedRow) -> open_plan.PlannedRow:
    recipe = row.recipe
    if isinstance(recipe, SystemRecipe):
        optimization = dataclasses.replace(recipe.optimization, iterations=4, batch_size=8)
        return dataclasses.replace(row, recipe=dataclasses.replace(recipe, width=8, optimization=optimization))
    small = {"iterations": 4, "batch_size": 8}
    recipe = dataclasses.replace(
        recipe,
        architecture=dataclasses.replace(recipe.architecture, width=8),
        stage1=dataclasses.replace(recipe.stage1, **small),
        stage2=dataclasses.replace(recipe.stage2, **small),
    )
    return dataclasses.replace(row, recipe=recipe)


@pytest.fixture
def two_rows(monkeypatch):
    rows = {row.file_name: _tiny(row) for row in open_plan.main_rows()}
    chosen = [rows["v-vipe-aug-seed0"], rows["pr-vipe-32-seed0"]]
    monkeypatch.setattr(open_table, "planned_rows", lambda: chosen)
    return chosen


@pytest.mark.slow
def test_rows_are_trained_measured_and_kept(mocap, two_rows, tmp_path):
    told: list[str] = []
    results = tmp_path / "results"
    open_table.run_open_table(mocap, tmp_path / "work", results=results, report=told.append)
    rows = {path.stem: read_row(path) for path in results.glob("*.json")}
    untrained = {name for name in rows if name.startswith("untrained-")}
    assert set(rows) - untrained == {"v-vipe-aug-seed0", "pr-vipe-32-seed0", "ours-seed0"}
    assert {"untrained-2d-keypoints", "untrained-chance", "untrained-3d-encoder-on-true-3d"} <= untrained
    assert [name for name, row in rows.items() if row.is_ours] == ["ours-seed0"]
    row = rows["pr-vipe-32-seed0"]
    assert set(row.config["carve_out_hit1"]) == {"0.25", "0.5", "0.75", "1"}
    assert len(row.weights_sha256) == 64 and row.train_seed == 0 and row.paper == "Pr-VIPE"
    assert set(row.columns) == {
        f"{c}/{s}" for c in ("CMU seen", "HDM05 all", "HDM05 unseen") for s in ("GT", "D0", "D1")
    }
    (results / "v-vipe-aug-seed0.json").unlink()
    told.clear()
    open_table.run_open_table(mocap, tmp_path / "work", only=["v-vipe-aug-seed0"], results=results, report=told.append)
    again = read_row(results / "v-vipe-aug-seed0.json")
    assert again.weights_sha256 == rows["v-vipe-aug-seed0"].weights_sha256
    assert [c.hits for c in again.columns.values()] == [c.hits for c in rows["v-vipe-aug-seed0"].columns.values()]


def test_unknown_rows_are_an_error(mocap, tmp_path):
    with pytest.raises(ValueError, match="not planned: nobody"):
        open_table.run_open_table(mocap, tmp_path, only=["nobody"])


def test_rows_still_rising_are_undertrained():
    assert open_table.is_undertrained({"0.75": 50.0, "1": 51.5})
    assert not open_table.is_undertrained({"0.75": 50.0, "1": 50.9})
    assert not open_table.is_undertrained({})


def test_every_planned_row_has_its_own_file_and_is_fit_for_json():
    rows = open_plan.planned_rows()
    assert len({row.file_name for row in rows}) == len(rows)
    json.dumps([dataclasses.asdict(row.recipe) for row in rows])


def test_every_system_had_every_trial_and_was_given_the_best():
    tried = read_trials(TRIALS_FILE).hit1
    assert set(tried) == set(open_plan.CHOSEN) == {*get_args(Kind), "v-vipe"}
    for kind, trials in tried.items():
        assert set(trials) == set(open_plan.TRIALS)
        reached = {trial: hit1 for trial, hit1 in trials.items() if hit1 is not None}
        assert open_plan.CHOSEN[kind] == max(reached, key=lambda trial: reached[trial])


def test_every_planned_row_has_its_systems_optimiser_and_as_many_views():
    for row in open_plan.planned_rows():
        recipe = row.recipe
        if isinstance(recipe, SystemRecipe):
            chosen, optimization, views = open_plan.CHOSEN[recipe.kind], recipe.optimization, 2
        elif not row.is_ours:
            chosen, optimization, views = open_plan.CHOSEN["v-vipe"], recipe.stage2, recipe.stage2.n_views
        else:
            assert recipe.stage2.batch_size * recipe.stage2.n_views == 512
            continue
        settings = {name: getattr(optimization, name) for name in open_plan.TRIALS[chosen]}
        assert settings == open_plan.TRIALS[chosen]
        assert optimization.batch_size * views == 512
        assert optimization.averages_weights


def test_ablations_change_one_thing_each():
    base, *others = open_plan.vvipe_ablations()
    assert isinstance(base.recipe, Recipe)
    for other in others:
        assert isinstance(other.recipe, Recipe)
        changed = {
            field.name
            for field in dataclasses.fields(Recipe)
            if getattr(base.recipe, field.name) != getattr(other.recipe, field.name)
        }
        assert changed - {"name"} in ({"stage1", "stage2"}, {"canonical"}, {"universal"})
