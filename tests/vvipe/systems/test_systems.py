from __future__ import annotations

import dataclasses

import pytest
import torch
from mocap_files import write_npz
from poses import random_poses

from vvipe.datasets.mocap import read_npz
from vvipe.datasets.pairs import PoseBank, PoseVariety, ViewBatches
from vvipe.errors import TrainingError
from vvipe.geometry import normalize_2d, np_mpjpe
from vvipe.recipe import Optimization
from vvipe.systems.networks import Lifter, ProbabilisticEncoder
from vvipe.systems.recipe import SystemRecipe, training_views
from vvipe.systems.retrieval import LifterSystem, probabilistic_system
from vvipe.systems.train import as_system, train_system
from vvipe.systems.trainers import TRAINERS, bone_directions
from vvipe.train_loop import IterationLoop

SMALL = Optimization(iterations=8, batch_size=24, averages_weights=True)


@pytest.fixture
def bank(tmp_path) -> PoseBank:
    return PoseBank.from_sequences(read_npz(write_npz(tmp_path / "m.npz")), fps=20)


def _recipe(kind, **changes) -> SystemRecipe:
    return SystemRecipe(f"a {kind}", kind, dimension=6, width=16, blocks=1, optimization=SMALL, **changes)


def _keypoints(count: int = 9) -> torch.Tensor:
    keypoints = torch.randn(count, 13, 2, generator=torch.Generator().manual_seed(3))
    return normalize_2d(keypoints)[0]


@pytest.mark.parametrize("kind", TRAINERS)
def test_every_system_trains_and_loads_again(kind, bank, tmp_path):
    seen = []
    recipe = _recipe(kind)
    look = lambda system, share: seen.append((share, system.name))  # noqa: E731
    system = train_system(recipe, bank, work_dir=tmp_path / "run", at_quarters=look)
    assert seen == [(0.25, recipe.name), (0.5, recipe.name), (0.75, recipe.name), (1.0, recipe.name)]
    keypoints = _keypoints()
    keypoints[2] = torch.nan
    result = system.represent(keypoints, torch.ones(9, 13))
    assert torch.isnan(result.vectors[2]).all()
    assert torch.isfinite(result.vectors[[0, 1, 3, 4, 5, 6, 7, 8]]).all()
    again = train_system(recipe, bank, work_dir=tmp_path / "run")
    torch.testing.assert_close(
        again.represent(keypoints, torch.ones(9, 13)).vectors, result.vectors, equal_nan=True, rtol=0, atol=0
    )


@pytest.mark.parametrize("kind", ["pr-vipe", "lifter"])
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(kind, bank, tmp_path, monkeypatch):
    recipe = _recipe(kind)
    keypoints, scores = _keypoints(), torch.ones(9, 13)
    whole = train_system(recipe, bank, work_dir=tmp_path / "whole").represent(keypoints, scores)
    run_iteration = IterationLoop._run_iteration

    def killed(self, batch):
        if self.iter == 5:
            raise KeyboardInterrupt
        run_iteration(self, batch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(IterationLoop, "_run_iteration", killed)
        train_system(recipe, bank, work_dir=tmp_path / "broken", checkpoint_interval=3)
    resumed = train_system(recipe, bank, work_dir=tmp_path / "broken", checkpoint_interval=3)
    torch.testing.assert_close(resumed.represent(keypoints, scores).vectors, whole.vectors, rtol=0, atol=0)


def test_another_recipe_in_the_same_folder_is_an_error(bank, tmp_path):
    train_system(_recipe("vipe"), bank, work_dir=tmp_path / "run")
    with pytest.raises(TrainingError, match="another run"):
        train_system(_recipe("vipe", ratio=3.0), bank, work_dir=tmp_path / "run")


def test_other_poses_in_the_same_folder_are_an_error(bank, tmp_path):
    train_system(_recipe("vipe"), bank, work_dir=tmp_path / "run")
    with pytest.raises(TrainingError, match="data"):
        train_system(_recipe("vipe"), dataclasses.replace(bank, world=bank.world * 2), work_dir=tmp_path / "run")


def _own_found(trainer, batch) -> float:
    """Share of the views whose nearest in the other camera is of the same pose."""
    trainer.eval()
    system = as_system(trainer.recipe, trainer.network)
    first, second = (system.represent(views[..., :2], views[..., 2]).vectors for views in batch["keypoints"].chunk(2))
    trainer.train()
    return float((torch.cdist(first, second).argmin(1) == torch.arange(len(first))).double().mean())


@pytest.mark.parametrize("kind", TRAINERS)
def test_training_brings_views_of_one_pose_together(kind, bank):
    torch.manual_seed(0)
    trainer = TRAINERS[kind](dataclasses.replace(_recipe(kind), width=64, dropout=0.0))
    settings = {"n_views": 2, "use_scores": True, "iterations": 1, "batch_size": 48, "seed": 0}
    batch = ViewBatches(bank, training_views(augmented=True), variety=PoseVariety(), **settings)[0]
    optimizer = torch.optim.Adam(trainer.parameters(), 1e-2)
    before = _own_found(trainer, batch)
    for _ in range(160):
        loss = sum(trainer(**batch).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert _own_found(trainer, batch) > before + 0.2


def test_lifter_is_compared_by_procrustes():
    torch.manual_seed(0)
    system = LifterSystem("lifter", Lifter(_recipe("lifter")).eval())
    keypoints, scores = _keypoints(), torch.ones(9, 13)
    details = system.represent(keypoints, scores).details
    found = system.distance(details[:2], details[None].expand(2, -1, -1, -1))
    poses = system.lift(keypoints, scores)
    expected = torch.stack([np_mpjpe(poses, poses[i].expand(9, -1, -1)) for i in range(2)])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_probability_of_the_same_pair_is_the_same_every_time():
    torch.manual_seed(0)
    system = probabilistic_system("p", ProbabilisticEncoder(_recipe("pr-vipe")).eval(), dimension=6, n_samples=5)
    details = system.represent(_keypoints(), torch.ones(9, 13)).details
    first = system.distance(details[:2], details[None].expand(2, -1, -1, -1))
    assert torch.equal(first, system.distance(details[:2], details[None].expand(2, -1, -1, -1)))
    alone = system.distance(details[:1], details[3:4][None])
    torch.testing.assert_close(alone[0, 0], first[0, 3])


def test_bone_directions_are_unit_vectors_from_parent_to_child():
    poses = random_poses(4)
    directions = bone_directions(poses)
    torch.testing.assert_close(directions.norm(dim=-1), torch.ones(4, 16))
    thigh = poses[:, 2] - poses[:, 1]
    assert torch.cosine_similarity(directions[:, 1], thigh).min() > 0.999


def test_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="kind"):
        SystemRecipe("x", "transformer")
