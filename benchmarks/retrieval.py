"""Measures a system by cross-view retrieval: a row of the table from sets, inputs and camera pairs.

The open benchmark: held-out CMU takes under the four training cameras, HDM05 under eleven unseen ones (columns All and
Unseen of V-VIPE's Table 1), each on GT, D0 and D1.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float, Int64
from poseflow_benchmarks.machine import this_machine
from poseflow_benchmarks.open_sets import Input, RetrievalSet, from_multiview, open_sets
from poseflow_benchmarks.results import SHIPPED, Column, RowResult, column_key, read_rows, summary
from torch import Tensor

from poseflow.metadata import package_versions
from vvipe.embedder import Embedder
from vvipe.retrieval import KS, RERANKED, HitRanks, Representation, RetrievalSystem, hit_ranks
from vvipe.systems.retrieval import PointSystem

DatasetName = Literal["h36m", "3dhp"]
NOISE_SEED = 0
"""Of the published figures' D0 and D1."""


@dataclass(frozen=True)
class EmbedderSystem:
    """A trained model by its public way in, compared by L2."""

    embedder: Embedder

    @property
    def name(self) -> str:
        return self.embedder.name

    def represent(self, keypoints: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"]) -> Representation:
        return Representation(torch.from_numpy(self.embedder.embed(keypoints.numpy(), scores.numpy(), "coco13")))

    def distance(self, query: Float[Tensor, "B D"], candidates: Float[Tensor, "B M D"]) -> Float[Tensor, "B M"]:
        return (query[:, None] - candidates).norm(dim=-1)


@dataclass(frozen=True)
class KeypointSystem:
    """The row "2D keypoints": normalised coordinates compared by L2, missing ones at the hips' middle."""

    name: str = "2D keypoints"

    def represent(self, keypoints: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"]) -> Representation:
        return Representation(keypoints.nan_to_num(0.0).flatten(1))

    def distance(self, query: Float[Tensor, "B D"], candidates: Float[Tensor, "B M D"]) -> Float[Tensor, "B M"]:
        return (query[:, None] - candidates).norm(dim=-1)


def aligned_keypoint_system() -> PointSystem:
    """The papers' row "2D keypoints": every pair brought onto each other by rotation and scale (Procrustes)."""
    return PointSystem("2D keypoints, Procrustes", lambda keypoints, _: procrustes_vectors(keypoints))


def procrustes_vectors(keypoints: Float[Tensor, "N J 2"]) -> Float[Tensor, "N J*J"]:
    """Vectors whose L2 distance is sqrt(2) times the full Procrustes distance of the planar shapes.

    The Veronese-Whitney embedding (Kent, Biometrika 1992): a centred shape of unit size, as a complex vector z, becomes
    the Hermitian matrix z z*, which no rotation, scale or translation of the shape changes. Missing joints (NaN) lie at
    the middle of the others.
    """
    centred = (keypoints - keypoints.nanmean(1, keepdim=True)).nan_to_num(0.0)
    unit = centred / centred.norm(dim=(1, 2), keepdim=True).clamp_min(1e-12)
    x, y = unit.unbind(-1)
    real = x[:, :, None] * x[:, None] + y[:, :, None] * y[:, None]
    imaginary = y[:, :, None] * x[:, None] - x[:, :, None] * y[:, None]
    # |z z*|^2 counts every pair of joints twice: the upper triangle holds the real parts, the lower the imaginary.
    upper, lower = real.triu(1), imaginary.tril(-1)
    return (2**0.5 * (upper + lower) + torch.diag_embed(real.diagonal(dim1=1, dim2=2))).flatten(1)


def evaluate_system(
    system: RetrievalSystem,
    sets: Sequence[RetrievalSet],
    *,
    seed: int = NOISE_SEED,
    sources: Sequence[str] | None = None,
    pool: int = RERANKED,
) -> RowResult:
    """The system's row: Hit@k on every input of every set, for each of the set's choices of camera pairs.

    Args:
        seed: Of D0 and D1; the same for every system.
        sources: The inputs wanted; all by default.
        pool: How many of the nearest by L2 a finer distance sorts anew.
    """
    start = time.perf_counter()
    columns: dict[str, Column] = {}
    for retrieval_set in sets:
        for given in retrieval_set.inputs(seed=seed, sources=sources):
            columns |= evaluate_input(system, retrieval_set, given, pool=pool)
    return make_row(system.name, columns, sets, seed=seed, seconds=time.perf_counter() - start)


def evaluate_input(
    system: RetrievalSystem, retrieval_set: RetrievalSet, given: Input, *, pool: int = RERANKED
) -> dict[str, Column]:
    """The columns of one input."""
    representations = [
        _without_invalid(system.represent(keypoints, scores), valid)
        for keypoints, scores, valid in zip(given.keypoints, given.scores, given.valid, strict=True)
    ]
    return rank_columns(
        representations,
        retrieval_set,
        given.source,
        distance=system.distance,
        n_valid=int(given.valid.sum()),
        pool=pool,
    )


def rank_columns(
    representations: Sequence[Representation],
    retrieval_set: RetrievalSet,
    source: str,
    *,
    n_valid: int,
    distance: Any = None,
    pool: int = RERANKED,
) -> dict[str, Column]:
    """The set's columns for one representation a camera; every camera pair is searched once."""
    choices = {choice: retrieval_set.views.camera_pairs()[choice] for choice in retrieval_set.columns}
    pairs = sorted({pair for chosen in choices.values() for pair in chosen})
    found = hit_ranks(representations, pairs, matcher=retrieval_set.matcher, distance=distance, pool=pool)
    columns = {}
    for choice, label in retrieval_set.columns.items():
        rows = torch.tensor([pairs.index(pair) for pair in choices[choice]])
        part = HitRanks(found.ranks[rows], found.ranks_without_self[rows], found.depth)
        columns[column_key(label, source)] = _column(part, retrieval_set, n_valid)
    return columns


def make_row(
    name: str, columns: dict[str, Column], sets: Sequence[RetrievalSet], *, seed: int, seconds: float
) -> RowResult:
    """A row with this machine, its versions and the command that runs; what was trained is the caller's to add."""
    return RowResult(
        system=name,
        columns=columns,
        takes={label: s.take_names for s in sets for label in s.columns.values()},
        noise_seed=seed,
        seconds=round(seconds, 2),
        machine=this_machine(),
        versions=package_versions(),
        command=shlex.join(["poseflow", *sys.argv[1:]]),
    )


def carve_out_hit1(
    system: RetrievalSystem, sets: Sequence[RetrievalSet], *, seed: int = NOISE_SEED, sources: Sequence[str] = ("D1",)
) -> float:
    """Mean Hit@1 in percent over the columns of `carve_out_sets`, on D1: what choices are made by."""
    columns = [
        column
        for carve_out in sets
        for given in carve_out.inputs(seed=seed, sources=sources)
        for column in evaluate_input(system, carve_out, given).values()
    ]
    return sum(column.hits[1] for column in columns) / len(columns)


def _without_invalid(representation: Representation, valid: Tensor) -> Representation:
    """NaN vectors where the keypoints could not be normalised, whatever the system makes of them."""
    return replace(representation, vectors=representation.vectors.masked_fill(~valid[:, None], torch.nan))


def _column(found: HitRanks, retrieval_set: RetrievalSet, n_valid: int) -> Column:
    n_pairs, n_poses = found.ranks.shape
    take, n_takes = retrieval_set.views.take, len(retrieval_set.take_names)
    return Column(
        n_poses=n_poses,
        n_pairs=n_pairs,
        n_valid=n_valid,
        hits={k: _percent(found.ranks, k) for k in KS},
        hits_without_self={k: _percent(found.ranks_without_self, k) for k in KS},
        take_queries=tuple((torch.bincount(take, minlength=n_takes) * n_pairs).tolist()),
        take_hits={k: tuple(_per_take((found.ranks < k).sum(0), take, n_takes).tolist()) for k in KS},
    )


def _percent(ranks: Int64[Tensor, "P N"], k: int) -> float:
    return round(100 * float((ranks < k).double().mean()), 3)


def _per_take(counts: Int64[Tensor, " N"], take: Int64[Tensor, " N"], n_takes: int) -> Int64[Tensor, " T"]:
    return torch.zeros(n_takes, dtype=counts.dtype).index_add_(0, take, counts)


@dataclass(frozen=True)
class RetrievalReport:
    """Rows measured now, for the command line and for a model's card."""

    rows: tuple[RowResult, ...]

    def to_json(self) -> dict[str, Any]:
        """The figures, and what made them."""
        first = self.rows[0]
        return {
            "rows": [record for row in self.rows for record in summary(row)],
            "noise_seed": first.noise_seed,
            "weights_sha256": next((row.weights_sha256 for row in self.rows if row.weights_sha256), None),
            "machine": vars(first.machine),
            "versions": dict(first.versions),
            "command": first.command,
        }

    def to_markdown(self) -> str:
        from poseflow_benchmarks.tables import markdown_table

        return markdown_table(self.rows)


def run_retrieval(
    mocap: Path, *, embedder: Embedder, seed: int = NOISE_SEED, official: bool = False
) -> RetrievalReport:
    """One model on the open sets of the folder `mocap`, beside 2D keypoints and the bounds; see `open_sets`."""
    return report_on(open_sets(mocap, official=official), embedder=embedder, seed=seed)


def run_dataset(
    name: DatasetName, root: Path, *, embedder: Embedder, keys: Path | None = None, seed: int = NOISE_SEED
) -> RetrievalReport:
    """One model on Human3.6M or MPI-INF-3DHP, beside 2D keypoints and the bounds.

    Args:
        root: The data set's folder, in one of the layouts of `vvipe.datasets`.
        keys: A file of released evaluation keys; without it every tenth frame less near-duplicates.
    """
    if name == "h36m":
        from vvipe.datasets.h36m import load_h36m as load
    elif name == "3dhp":
        from vvipe.datasets.mpi_inf_3dhp import load_3dhp as load
    else:
        raise ValueError(f"dataset: expected one of {', '.join(get_args(DatasetName))}, got {name!r}")
    return report_on([from_multiview(load(root, keys=keys))], embedder=embedder, seed=seed)


def shipped_report(results: Path = SHIPPED) -> RetrievalReport:
    """The rows of a folder of results; by default those that came with the package."""
    return RetrievalReport(tuple(read_rows(results)))


def report_on(sets: Sequence[RetrievalSet], *, embedder: Embedder, seed: int = NOISE_SEED) -> RetrievalReport:
    """One model on any sets, beside 2D keypoints, the 3D encoder on true 3D and the bounds."""
    from poseflow_benchmarks.bounds import bound_rows, pose_row

    model = replace(evaluate_system(EmbedderSystem(embedder), sets, seed=seed), weights_sha256=embedder.sha256)
    encoded = pose_row(
        f"{embedder.name}: 3D encoder on true 3D",
        lambda poses: torch.from_numpy(embedder.embed_3d(poses.numpy())),
        sets,
    )
    keypoints = evaluate_system(KeypointSystem(), sets, seed=seed)
    aligned = replace(evaluate_system(aligned_keypoint_system(), sets, seed=seed), paper=keypoints.system)
    encoded = replace(encoded, weights_sha256=embedder.sha256)
    return RetrievalReport((keypoints, aligned, model, encoded, *bound_rows(sets)))
