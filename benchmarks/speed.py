"""How long a row takes at the size of MPI-INF-3DHP, and whether sorting the 200 nearest is as good as sorting all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from poseflow_benchmarks.machine import Machine, this_machine
from poseflow_benchmarks.open_sets import CMU_FILES, RATE_HZ, RetrievalSet, open_sets
from torch import Tensor

from vvipe.cameras import TRAINING_RIG
from vvipe.datasets.mocap import read_npz, resample
from vvipe.embedder import Embedder
from vvipe.errors import FileFormatError
from vvipe.geometry import canonicalize, normalize_3d
from vvipe.pose_matches import PoseMatcher
from vvipe.retrieval import KS, RERANKED, Representation, RetrievalSystem, hit_ranks, retrieve, view_poses

POSES, CAMERAS, DIMENSION = 6824, 11, 32
"""MPI-INF-3DHP's poses a camera in Pr-VIPE's evaluation, its cameras without the ceiling's, our dimension."""
ENCODER_BATCH = 512


@dataclass(frozen=True)
class SpeedRow:
    """One row of L2 at full size.

    Attributes:
        seconds, processor_seconds: On the clock, and summed over the threads; the first depends on what else runs.
        decided: Pairs of poses whose NP-MPJPE was computed.
    """

    vectors: str
    seconds: float
    processor_seconds: float
    decided: int
    hit1: float


@dataclass(frozen=True)
class SpeedReport:
    """Figures and what they were measured on.

    Attributes:
        encoder_ms: A pose's processor time in the encoder, batches of ENCODER_BATCH on one thread.
    """

    rows: tuple[SpeedRow, ...]
    encoder_ms: float
    model: str
    n_poses: int
    n_pairs: int
    dimension: int
    threads: int
    machine: Machine

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        """The figures as a table, and under it what made them."""
        lines = ["| vectors | seconds | processor seconds | pairs of poses compared | Hit@1 |", "|---|---|---|---|---|"]
        lines += [
            f"| {r.vectors} | {r.seconds:.0f} | {r.processor_seconds:.0f} | {r.decided:,} | {r.hit1:.1f} |"
            for r in self.rows
        ]
        lines.append(
            f"\n{self.n_pairs} camera pairs x {self.n_poses:,} queries x {self.n_poses:,} index rows, "
            f"D = {self.dimension}, {self.threads} threads; {self.machine.processor}, {self.machine.cores} cores. "
            f"Encoder of {self.model}: {self.encoder_ms:.2f} ms a pose (batches of {ENCODER_BATCH}, one thread)."
        )
        return "\n".join(lines)


def run_speed(
    mocap: Path, *, embedder: Embedder, n_poses: int = POSES, n_cameras: int = CAMERAS, seed: int = 0
) -> SpeedReport:
    """Times the encoder, and L2 rows on `n_poses` poses of the larger CMU file in the folder `mocap`.

    Rows of two kinds: telling vectors, and random ones, the worst case. Telling vectors are canonical
    poses through one random projection with noise of each camera's own.
    """
    poses = _poses(mocap, n_poses)
    generator = torch.Generator().manual_seed(seed)
    flat = canonicalize(poses).flatten(1)
    projection = torch.randn(flat.shape[1], DIMENSION, generator=generator) / flat.shape[1] ** 0.5
    noise = torch.randn(n_cameras, n_poses, DIMENSION, generator=generator)
    kinds = {"telling": flat @ projection + 0.12 * noise, "random": noise}
    return SpeedReport(
        rows=tuple(_timed(name, vectors, poses) for name, vectors in kinds.items()),
        encoder_ms=encoder_ms(embedder, view_poses(poses, TRAINING_RIG)[0]),
        model=embedder.model_id,
        n_poses=n_poses,
        n_pairs=n_cameras * (n_cameras - 1),
        dimension=DIMENSION,
        threads=torch.get_num_threads(),
        machine=this_machine(),
    )


def _timed(name: str, vectors: Float[Tensor, "C N D"], poses: Float[Tensor, "N 17 3"]) -> SpeedRow:
    start, worked = time.perf_counter(), time.process_time()
    matcher = PoseMatcher(poses)
    pairs = list(permutations(range(len(vectors)), 2))
    cameras = [Representation(camera) for camera in vectors]
    found = hit_ranks(cameras, pairs, matcher=matcher, leave_one_out=False, depth=max(KS))
    seconds, processor_seconds = time.perf_counter() - start, time.process_time() - worked
    return SpeedRow(name, seconds, processor_seconds, matcher.n_decided, 100 * found.rate(1))


def encoder_ms(embedder: Embedder, keypoints: Float[Tensor, "N 13 2"]) -> float:
    """Milliseconds of processor time a pose, from keypoints to embedding, on one thread."""
    threads, points = torch.get_num_threads(), keypoints.numpy()
    torch.set_num_threads(1)
    try:
        embedder.embed(points[:ENCODER_BATCH], skeleton="coco13")
        start = time.process_time()
        for row in range(0, len(points), ENCODER_BATCH):
            embedder.embed(points[row : row + ENCODER_BATCH], skeleton="coco13")
        return 1000 * (time.process_time() - start) / len(points)
    finally:
        torch.set_num_threads(threads)


def _poses(mocap: Path, count: int) -> Float[Tensor, "N 17 3"]:
    path = mocap / CMU_FILES[-1]
    takes = [torch.from_numpy(resample(take, 2 * RATE_HZ).poses) for take in read_npz(path)]
    poses = torch.cat(takes) if takes else torch.zeros(0, 17, 3)
    if len(poses) < count:
        raise FileFormatError(f"{path}: {len(poses)} poses at {2 * RATE_HZ:g} Hz, {count} needed: give a larger file")
    return normalize_3d(poses[torch.linspace(0, len(poses) - 1, count).round().long()])


@dataclass(frozen=True)
class Agreement:
    """Sorting `pool` candidates against sorting all.

    Attributes:
        nearest: Share of queries whose nearest is the same.
        hits: k -> share of queries that hit, or miss, alike.
    """

    system: str
    n_queries: int
    n_index: int
    pool: int
    nearest: float
    hits: dict[int, float]


def rerank_agreement(
    system: RetrievalSystem,
    retrieval_set: RetrievalSet,
    *,
    source: str = "D1",
    cameras: tuple[int, int] = (0, 1),
    max_poses: int = 1000,
    pool: int = RERANKED,
    seed: int = 0,
) -> Agreement:
    """How far a trained system's re-ranked search agrees with its exhaustive one, on one camera pair of a set."""
    given = next(retrieval_set.inputs(seed=seed, sources=[source]))
    kept = torch.linspace(0, len(retrieval_set) - 1, min(max_poses, len(retrieval_set))).round().long()
    query, index = (system.represent(given.keypoints[c][kept], given.scores[c][kept]) for c in cameras)
    return agreement_of(system, query, index, retrieval_set.views.poses[kept], pool=pool)


def agreement_of(
    system: RetrievalSystem,
    query: Representation,
    index: Representation,
    poses: Float[Tensor, "N 17 3"],
    *,
    pool: int = RERANKED,
) -> Agreement:
    """The same on representations; row i of both is pose i."""
    matcher = PoseMatcher(poses)
    searches = [
        retrieve(query, index, count=max(KS), distance=system.distance, pool=size) for size in (pool, len(poses))
    ]
    own = torch.arange(len(poses))[:, None]
    hits = [matcher.is_match(own.expand_as(found), found).cummax(1).values for found in searches]
    return Agreement(
        system=system.name,
        n_queries=len(poses),
        n_index=len(poses),
        pool=pool,
        nearest=_share(searches[0][:, 0] == searches[1][:, 0]),
        hits={k: _share(hits[0][:, k - 1] == hits[1][:, k - 1]) for k in KS if k <= hits[0].shape[1]},
    )


def _share(flags: Tensor) -> float:
    return float(flags.double().mean())


@dataclass(frozen=True)
class AgreementReport:
    """Agreements and where they were measured."""

    rows: tuple[Agreement, ...]
    machine: Machine

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        return markdown_agreement(self.rows)


def run_agreement(mocap: Path, systems: Sequence[RetrievalSystem]) -> AgreementReport:
    """`rerank_agreement` of each system on HDM05 as D1 has it, between two of the cameras."""
    hdm05 = open_sets(mocap)[-1]
    return AgreementReport(tuple(rerank_agreement(system, hdm05) for system in systems), this_machine())


def markdown_agreement(rows: Sequence[Agreement]) -> str:
    """Agreements as a table, in percent."""
    lines = ["| system | queries | pool | nearest alike | Hit@1 alike | Hit@20 alike |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {r.system} | {r.n_queries} | {r.pool} of {r.n_index} | {100 * r.nearest:.2f} | "
        f"{100 * r.hits[1]:.2f} | {100 * r.hits[20]:.2f} |"
        for r in rows
    ]
    return "\n".join(lines)
