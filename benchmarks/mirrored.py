"""Whether `poseflow match` tells that a movement was performed mirrored, and says null where nobody could tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from poseflow_benchmarks.mimicry_raters import both_images, filmed, matched, pick
from poseflow_benchmarks.mocap_clips import Noise, random_view

from vvipe.datasets.mocap import MocapSequence
from vvipe.embedder import Embedder
from vvipe.geometry import mirror_3d

SIDED = {
    "kick": "kickLFront1Reps",
    "elbow to knee": "elbowToKnee1RepsLelbowStart",
    "grab": "grabHighR",
    "deposit": "depositFloorR",
}
"""Movements of HDM05 with a side, by the names of issue and table: mirrored or not can be told."""
SIDELESS = {
    "squat": "squat1Reps",
    "hop": "hopBothLegs1hops",
    "both arms rotate": "rotateArmsBothBackward1Reps",
    "lie down": "lieDownFloor",
}
"""Movements without one: nobody could tell."""


@dataclass(frozen=True)
class MirrorRow:
    """Verdicts on one movement, shares in percent.

    Attributes:
        movement: As the table names it.
        source: GT, D0 or D1.
        has_side: Whether it can be told.
        pairs: Of two actors; the query of each is seen as performed and mirrored.
        found: Mirrored queries told mirrored.
        kept: Unmirrored queries told unmirrored.
        wrong: Queries told the opposite of the truth.
        null: Queries of which nothing was told.
    """

    movement: str
    source: str
    has_side: bool
    pairs: int
    found: float
    kept: float
    wrong: float
    null: float


def measure_mirrored(
    takes: Sequence[MocapSequence], *, embedder: Embedder, sources: Sequence[Noise | None], count: int, seed: int
) -> list[MirrorRow]:
    """A row for each movement and source; every pair is two actors, seen by two random cameras."""
    return [
        _row(takes, movement, label, source, embedder=embedder, count=count, seed=seed)
        for source in sources
        for movement, label in {**SIDED, **SIDELESS}.items()
    ]


def mirrored_poses(poses: NDArray[np.floating]) -> NDArray[np.float32]:
    """(T, 17, 3) the performance of the mirror image."""
    return mirror_3d(torch.as_tensor(np.asarray(poses), dtype=torch.float32)).numpy()


def _row(
    takes: Sequence[MocapSequence],
    movement: str,
    label: str,
    source: Noise | None,
    *,
    embedder: Embedder,
    count: int,
    seed: int,
) -> MirrorRow:
    generator = np.random.default_rng(seed)
    own = [take for take in takes if take.label == label]
    verdicts: list[tuple[bool, bool | None]] = []
    for number in range(count):
        ref = own[number % len(own)]
        query = pick([take for take in own if take.subject != ref.subject], generator)
        views = random_view(generator), random_view(generator)
        noise = 10 * (seed * count + number)
        seen = both_images(filmed(ref.poses, ref.fps, views[0], source, seed=noise), embedder)
        for is_mirrored in (False, True):
            poses = mirrored_poses(query.poses) if is_mirrored else query.poses
            track = filmed(poses, query.fps, views[1], source, seed=noise + 1 + is_mirrored)
            verdicts.append((is_mirrored, matched(seen, both_images(track, embedder), embedder).is_mirrored))
    truth, told = np.array([t for t, _ in verdicts]), np.array([v for _, v in verdicts], dtype=object)
    is_null = np.array([v is None for v in told])
    is_right = (told == truth) & ~is_null
    return MirrorRow(
        movement=movement,
        source=source or "GT",
        has_side=movement in SIDED,
        pairs=count,
        found=float(100 * is_right[truth].mean()),
        kept=float(100 * is_right[~truth].mean()),
        wrong=float(100 * (~is_right & ~is_null).mean()),
        null=float(100 * is_null.mean()),
    )
