"""Movements that have a side and movements that have none, to learn when a mirrored performance can be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from poseflow_benchmarks.mocap_clips import film, random_view, warped

from poseflow.embed import embed_tracks
from poseflow.embedding_cost import embedding_cost, series_of
from poseflow.mirror import mirror_track
from poseflow.time_alignment import align_in_time
from vvipe.datasets.mocap import MocapSequence
from vvipe.embedder import Embedder
from vvipe.geometry import canonical_rotation, center, mirror_3d, to_canonical, universal_skeleton

ONE_SIDED = frozenset(
    {
        "soccer", "soccer - kick ball", "Picking up Ball", "balance on one leg, outstretched arms", "drink soda",
        "punch/strike", "walk up to object, squat, pick up object, set down in another place", "swordplay",
        "Front Kick", "Oiduki", "Gedanbarai", "Yokogeri", "Mawashigeri",
    }
)  # fmt: skip
"""Labels of CMU takes in which one side of the body does what the other does not."""
BOTH_SIDED = frozenset({"jump", "forward jump", "high jump", "Jump"})
"""Labels of CMU takes in which both sides do the same."""


@dataclass(frozen=True)
class MirrorMeasure:
    """An excerpt and its copy at another speed, from two cameras: does it tell the person from the mirror image?

    Attributes:
        has_side: Whether the movement has a side, so that the mirror image can be told.
        margin: Cost of the copy's mirror image less that of the copy: positive is right.
        asymmetry: Mean distance of the copy to its mirror image.
    """

    has_side: bool
    margin: float
    asymmetry: float


def measure_mirrors(
    takes: Sequence[MocapSequence], count: int, *, embedder: Embedder, generator: np.random.Generator
) -> list[MirrorMeasure]:
    """`count` excerpts with a side, as many made symmetric, and half as many jumps; half of all with noise."""
    kinds = (
        (count, True, [take for take in takes if take.label in ONE_SIDED]),
        (count, False, list(takes)),
        (count // 2, False, [take for take in takes if take.label in BOTH_SIDED]),
    )
    measures = []
    for number, has_side, pool in kinds:
        pool = [take for take in pool if len(take.poses) / take.fps > 1.5]
        for k in range(number):
            take = pool[generator.integers(len(pool))]
            is_made = not has_side and number == count
            measures.append(_measure(take, has_side, is_made, k % 2 == 1, embedder, generator))
    return measures


def symmetric(poses: NDArray[np.floating]) -> NDArray[np.float32]:
    """(T, 17, 3) poses half way to their own mirror images, on the universal skeleton, facing as before."""
    centred = center(torch.as_tensor(np.asarray(poses), dtype=torch.float32))
    back = canonical_rotation(universal_skeleton(centred))
    canonical = to_canonical(centred)
    middle = (canonical + to_canonical(mirror_3d(canonical))) / 2
    return (universal_skeleton(middle) @ back).numpy()


def learn_evidence(measures: Sequence[MirrorMeasure], *, null_share: float = 0.96) -> float:
    """Least |margin| x asymmetry that leaves `null_share` of the movements without a side untold."""
    return float(np.quantile([abs(m.margin) * m.asymmetry for m in measures if not m.has_side], null_share))


def found_share(measures: Sequence[MirrorMeasure], evidence: float) -> float:
    """Share of the movements with a side that are told, and told right."""
    sided = [m for m in measures if m.has_side]
    return float(np.mean([m.margin * m.asymmetry >= evidence for m in sided]))


def _measure(
    take: MocapSequence,
    has_side: bool,
    is_made_symmetric: bool,
    has_noise: bool,
    embedder: Embedder,
    generator: np.random.Generator,
) -> MirrorMeasure:
    whole_s = (len(take.poses) - 1) / take.fps
    length_s = min(whole_s, float(generator.uniform(1.2, 4.0)))
    start_s, speed = float(generator.uniform(0, whole_s - length_s)), float(np.exp(generator.uniform(-0.3, 0.3)))
    films = []
    for rate in (1.0, speed):
        poses, time_s = warped(take.poses, take.fps, lambda t, rate=rate: start_s + rate * t, length_s / rate)
        seen = symmetric(poses) if is_made_symmetric else poses
        noise_seed = int(generator.integers(2**31)) if has_noise else None
        films.append(film(seen, time_s, random_view(generator), noise_seed=noise_seed))
    tracks = [series_of(track) for track in embed_tracks([*films, mirror_track(films[1])], embedder)]
    cost = embedding_cost(embedder)
    plain, mirrored = (align_in_time(tracks[0], query, distance=cost).cost for query in tracks[1:])
    return MirrorMeasure(has_side, mirrored - plain, float(np.mean(cost(tracks[1].values, tracks[2].values))))
