"""What run_iterations does to the weights, against the same arithmetic written out."""

from __future__ import annotations

import math

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn
from torch.utils.data import Dataset

from vvipe.recipe import Optimization
from vvipe.train_loop import run_iterations

TARGET = 3.0


class Slope(BaseModel):
    """One weight, pulled to TARGET; keeps what it was before each step."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.0))
        self.seen: list[float] = []

    def forward(self, x: torch.Tensor, mode: str = "loss") -> dict[str, torch.Tensor]:
        self.seen.append(float(self.weight.detach()))
        return {"loss": (self.weight - TARGET).square() * x}


class Ones(Dataset):
    stage = 2

    def __len__(self) -> int:
        return 1

    def __getitem__(self, iteration: int) -> dict[str, torch.Tensor]:
        return {"x": torch.tensor(1.0)}


def _run(folder, **settings) -> tuple[Slope, list[float], list[tuple[float, float]]]:
    """The model afterwards, its weight before each step and after the last, and (share, weight) at the quarters."""
    model, looks = Slope(), []
    optimization = Optimization(batch_size=1, **settings)
    run_iterations(
        model,
        Ones(),
        optimization,
        folder / "run",
        label="slope",
        seed=0,
        at_quarters=lambda m, share: looks.append((share, float(m.weight.detach()))),
    )
    return model, model.seen, looks


def test_constant_adagrad_starts_from_an_accumulator_of_a_tenth(tmp_path):
    model, seen, _ = _run(tmp_path, iterations=5, optimizer="Adagrad", learning_rate=0.02, anneals=False)
    weight, total = 0.0, 0.1
    for before in seen:
        assert before == pytest.approx(weight, abs=1e-6)
        gradient = 2 * (weight - TARGET)
        total += gradient**2
        weight -= 0.02 * gradient / math.sqrt(total)
    assert float(model.weight.detach()) == pytest.approx(weight, abs=1e-6)


def test_annealed_rate_rises_over_a_tenth_and_ends_at_zero(tmp_path):
    _, seen, looks = _run(tmp_path, iterations=200, learning_rate=1e-3)
    # Adam's steps on a steady slope are as long as the rate.
    steps = [b - a for a, b in zip(seen, [*seen[1:], looks[-1][1]], strict=True)]
    assert steps[0] == pytest.approx(0.04e-3, rel=0.01)
    assert steps[20] == pytest.approx(1e-3, rel=0.02)
    assert steps[110] == pytest.approx(0.5e-3, rel=0.05)
    assert abs(steps[-1]) < 2e-5


def test_average_is_warmed_up_and_is_what_is_kept_and_looked_at(tmp_path):
    model, seen, looks = _run(tmp_path, iterations=40, learning_rate=0.05, anneals=False, averages_weights=True)
    # Weight decay of the average: min(0.9999, t / (t + 10)); the first average is the weight after the first step.
    after = seen[1:]
    average = after[0]
    averages = [average]
    for t, weight in enumerate(after[1:], start=1):
        decay = min(0.9999, t / (t + 10))
        average = decay * average + (1 - decay) * weight
        averages.append(average)
    assert [share for share, _ in looks] == [0.25, 0.5, 0.75, 1.0]
    for share, weight in looks[:3]:
        assert weight == pytest.approx(averages[round(40 * share) - 1], abs=1e-4)
    assert float(model.weight.detach()) == looks[-1][1] != pytest.approx(seen[-1], abs=1e-3)


def test_without_averaging_the_last_weights_are_kept(tmp_path):
    model, seen, looks = _run(tmp_path, iterations=8, learning_rate=0.05, anneals=False)
    assert float(model.weight.detach()) == looks[-1][1]
    assert looks[1] == (0.5, seen[4])
