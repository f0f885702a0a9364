"""Cross-view retrieval on open motion capture: Hit@k of the shipped model beside 2D keypoints and bounds.

HDM05 under eleven unseen cameras (columns All and Unseen of V-VIPE's Table 1) and held-out CMU takes under the four
training cameras; inputs GT (projected 2D) and D0 (plain Gaussian noise).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from poseflow.metadata import package_versions
from vvipe.cameras import TRAINING_RIG, UNSEEN_RIG, Rig
from vvipe.datasets.mocap import MocapSequence, read_npz, resample
from vvipe.datasets.multiview import camera_pairs
from vvipe.datasets.splits import select
from vvipe.embedder import Embedder
from vvipe.geometry import normalize_2d, normalize_3d, to_canonical
from vvipe.noise import add_gaussian_noise
from vvipe.pose_matches import PoseMatcher, deduplicate
from vvipe.retrieval import hit_rates, view_poses

RATE_HZ = 5.0
KS = (1, 5, 10, 20)


@dataclass(frozen=True)
class RetrievalSet:
    """Poses and the cameras that see them.

    Attributes:
        poses: (N, 17, 3) normalised, subjects' own proportions, near-duplicates removed.
    """

    name: str
    poses: Float[Tensor, "N 17 3"]
    rig: Rig


@dataclass(frozen=True)
class RetrievalRow:
    """Hit@k in percent of one system on one set, input and choice of camera pairs."""

    dataset: str
    cameras: str
    source: str
    system: str
    n_poses: int
    hits: dict[int, float]


@dataclass(frozen=True)
class RetrievalReport:
    """Everything that is needed to make the figures again."""

    rows: tuple[RetrievalRow, ...]
    seed: int
    rate_hz: float
    rigs: dict[str, dict[str, Any]]
    model: str
    model_sha256: str
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        """The rows as a table, and under it what made them."""
        heads = " | ".join(f"Hit@{k}" for k in KS)
        lines = [f"| data | cameras | 2D | system | n | {heads} |", "|---" * (5 + len(KS)) + "|"]
        for row in self.rows:
            hits = " | ".join(f"{row.hits[k]:.1f}" for k in KS)
            lines.append(f"| {row.dataset} | {row.cameras} | {row.source} | {row.system} | {row.n_poses} | {hits} |")
        lines.append(f"\nHit@k in %; {self.rate_hz:g} Hz; model {self.model}; noise seed {self.seed}.")
        return "\n".join(lines)


def run_retrieval(mocap: Path, *, embedder: Embedder, seed: int = 0) -> RetrievalReport:
    """The report on the open sets of the folder `mocap` (cmu.npz, cmu_more.npz, hdm05.npz)."""
    sets = open_sets(mocap)
    return RetrievalReport(
        rows=tuple(row for retrieval_set in sets for row in evaluate(embedder, retrieval_set, seed=seed)),
        seed=seed,
        rate_hz=RATE_HZ,
        rigs={retrieval_set.name: asdict(retrieval_set.rig) for retrieval_set in sets},
        model=embedder.model_id,
        model_sha256=embedder.sha256,
        versions=package_versions(),
    )


def make_set(name: str, sequences: Sequence[MocapSequence], rig: Rig) -> RetrievalSet:
    """The takes at 5 Hz without near-duplicates."""
    takes = [torch.from_numpy(resample(sequence, RATE_HZ).poses) for sequence in sequences]
    poses = normalize_3d(torch.cat(takes))
    numbers = torch.repeat_interleave(torch.tensor([len(take) for take in takes]))
    return RetrievalSet(name, poses[deduplicate(poses, numbers)], rig)


def open_sets(mocap: Path) -> list[RetrievalSet]:
    """The open benchmark from a folder with cmu.npz, cmu_more.npz and hdm05.npz."""
    cmu = [take for name in ("cmu.npz", "cmu_more.npz") for take in read_npz(mocap / name)]
    return [
        make_set("CMU test", select(cmu, "test"), TRAINING_RIG),
        make_set("HDM05", read_npz(mocap / "hdm05.npz"), UNSEEN_RIG),
    ]


def evaluate(embedder: Embedder, retrieval_set: RetrievalSet, *, seed: int = 0) -> list[RetrievalRow]:
    """All rows of one set: 2D keypoints and the model, on GT and D0; and the bound of true canonical 3D."""
    clean = torch.stack([normalize_2d(view)[0] for view in view_poses(retrieval_set.poses, retrieval_set.rig)])
    generator = torch.Generator().manual_seed(seed)
    noisy = torch.stack([normalize_2d(add_gaussian_noise(view, generator=generator))[0] for view in clean])
    canonical = to_canonical(retrieval_set.poses).flatten(1)
    bound = canonical.expand(len(retrieval_set.rig), -1, -1)
    systems = [("none", "true canonical 3D (bound)", bound)]
    for source, views in (("GT", clean), ("D0", noisy)):
        systems.append((source, "2D keypoints", views.flatten(2)))
        systems.append((source, embedder.name, _embed(embedder, views)))
    return _rows(retrieval_set, systems)


def _rows(retrieval_set: RetrievalSet, systems: list[tuple[str, str, Tensor]]) -> list[RetrievalRow]:
    matcher = PoseMatcher(retrieval_set.poses)
    rows = []
    for cameras, pairs in camera_pairs(len(retrieval_set.rig), retrieval_set.rig.chest).items():
        if cameras == "chest":
            continue
        for source, system, vectors in systems:
            hits = hit_rates(vectors, retrieval_set.poses, pairs, ks=KS, matcher=matcher)
            percent = {k: round(100 * hit, 2) for k, hit in hits.items()}
            rows.append(RetrievalRow(retrieval_set.name, cameras, source, system, len(retrieval_set.poses), percent))
    return rows


def _embed(embedder: Embedder, views: Float[Tensor, "C N 13 2"]) -> Float[Tensor, "C N D"]:
    return torch.stack([torch.from_numpy(embedder.embed(view.numpy(), skeleton="coco13")) for view in views])
