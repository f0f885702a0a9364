"""Retrieval from partial 2D: Hit@1 when joints are missing, at random or as pictures cut them off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from poseflow_benchmarks.machine import Machine, this_machine
from poseflow_benchmarks.open_sets import Input, RetrievalSet, open_sets
from poseflow_benchmarks.retrieval import NOISE_SEED, EmbedderSystem, KeypointSystem, evaluate_input
from torch import Tensor

from vvipe.embedder import Embedder
from vvipe.geometry import normalize_2d
from vvipe.noise import HIDDEN_PARTS
from vvipe.retrieval import RetrievalSystem
from vvipe.skeleton import COCO13

RANDOM_COUNTS = (1, 3, 5)
"""Of the thirteen joints, hips included, drawn anew for each person and camera."""


@dataclass(frozen=True)
class OcclusionRow:
    """One system with one way of hiding joints.

    Attributes:
        hidden: What is missing.
        valid: Share in [0, 1] of the views that can still be normalised; the others find nothing and count as misses.
        hit1: Column and input, "HDM05 unseen/GT" -> Hit@1 in percent.
    """

    system: str
    hidden: str
    valid: float
    hit1: dict[str, float]


@dataclass(frozen=True)
class OcclusionReport:
    """The rows and what made them."""

    rows: tuple[OcclusionRow, ...]
    model: str
    seed: int
    machine: Machine

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        """Hit@1, one line a system and way of hiding."""
        columns = list(self.rows[0].hit1)
        lines = [f"| hidden | system | usable views | {' | '.join(columns)} |", "|---" * (3 + len(columns)) + "|"]
        for row in self.rows:
            hits = " | ".join(f"{row.hit1[column]:.1f}" for column in columns)
            lines.append(f"| {row.hidden} | {row.system} | {100 * row.valid:.1f} % | {hits} |")
        lines.append(f"\nHit@1 in %; a view that is not usable counts as a miss. Model {self.model}; seed {self.seed}.")
        return "\n".join(lines)


def run_occlusion(mocap: Path, *, embedder: Embedder, seed: int = NOISE_SEED) -> OcclusionReport:
    """The model beside 2D keypoints on HDM05 under the eleven cameras, on GT and D1, whole and with joints hidden."""
    hdm05 = open_sets(mocap)[1]
    systems = (KeypointSystem(), EmbedderSystem(embedder))
    rows = tuple(row for system in systems for row in occlusion_rows(system, hdm05, seed=seed))
    return OcclusionReport(rows, embedder.model_id, seed, this_machine())


def occlusion_rows(
    system: RetrievalSystem, retrieval_set: RetrievalSet, *, seed: int, sources: Sequence[str] = ("GT", "D1")
) -> list[OcclusionRow]:
    """One row for nothing hidden, each of RANDOM_COUNTS, and each of HIDDEN_PARTS."""
    inputs = list(retrieval_set.inputs(seed=seed, sources=sources))
    rows = []
    for name in ("nothing", *(f"{count} of 13" for count in RANDOM_COUNTS), *HIDDEN_PARTS):
        hit1: dict[str, float] = {}
        valid: list[float] = []
        for given in inputs:
            changed = hide(given, hidden_joints(name, given.scores.shape[:2], seed=seed))
            valid.append(float(changed.valid.double().mean()))
            columns = evaluate_input(system, retrieval_set, changed)
            hit1 |= {key: column.hits[1] for key, column in columns.items()}
        rows.append(OcclusionRow(system.name, name, sum(valid) / len(valid), hit1))
    return rows


def hidden_joints(name: str, shape: Sequence[int], *, seed: int) -> Bool[Tensor, "C N 13"]:
    """Which joints are missing: "nothing", "3 of 13", or one of HIDDEN_PARTS."""
    cameras, people = shape
    hidden = torch.zeros(cameras, people, COCO13.n_joints, dtype=torch.bool)
    if name in HIDDEN_PARTS:
        hidden[..., list(HIDDEN_PARTS[name])] = True
    elif name != "nothing":
        generator = torch.Generator().manual_seed(seed)
        order = torch.rand(hidden.shape, generator=generator).argsort(-1).argsort(-1)
        hidden = order < int(name.split()[0])
    return hidden


def hide(given: Input, hidden: Bool[Tensor, "C N 13"]) -> Input:
    """The input without those joints, normalised anew by whichever torso joints are left."""
    keypoints = given.keypoints.masked_fill(hidden[..., None], torch.nan)
    parts = [normalize_2d(camera) for camera in keypoints]
    return Input(
        given.source,
        torch.stack([p[0] for p in parts]),
        given.scores.masked_fill(hidden, 0.0),
        torch.stack([p[1] for p in parts]),
    )
