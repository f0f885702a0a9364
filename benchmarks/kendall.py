"""Kendall's tau of video alignment: whether the nearest frames of another performance come in the same order.

As the literature defines it (Dwibedi et al., "Temporal Cycle-Consistency Learning", CVPR 2019): for every ordered pair
of videos of one action, each frame of the first finds its nearest frame in the second, without any alignment; Kendall's
tau of the frame numbers and of those found; the mean over the pairs of an action, then over actions. A movement that
comes back the way it went (a squat) cannot have a tau near 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from poseflow_benchmarks.mimicry_raters import faced, filmed
from poseflow_benchmarks.mocap_clips import Noise, random_view
from poseflow_benchmarks.ranks import nearest_neighbour_tau
from poseflow_benchmarks.sync_mocap import SeriesSystem

from poseflow.costs import cost_matrix
from vvipe.datasets.mocap import MocapSequence


@dataclass(frozen=True)
class Taus:
    """Tau of each ordered pair of one system; `actors` = who performs the first, `movements` = what."""

    values: tuple[float, ...]
    actors: tuple[str, ...]
    movements: tuple[str, ...]


def measure_taus(
    takes: Sequence[MocapSequence],
    systems: Sequence[SeriesSystem],
    *,
    source: Noise | None,
    is_cross_view: bool,
    seed: int,
) -> dict[str, Taus]:
    """System -> taus of all ordered pairs of takes of one movement.

    Each take is seen by a random camera of its own, or all by one camera that they face alike at first.
    """
    generator = np.random.default_rng(seed)
    views = [random_view(generator) for _ in takes]
    tracks = [
        filmed(faced(take), take.fps, views[i if is_cross_view else 0], source, seed=seed + 2 * i)
        for i, take in enumerate(takes)
    ]
    return {system.name: _taus(takes, [system.series(track) for track in tracks], system) for system in systems}


def _taus(takes: Sequence[MocapSequence], series: Sequence, system: SeriesSystem) -> Taus:
    found: list[tuple[float, str, str]] = []
    for i, take in enumerate(takes):
        for j in range(i):
            if takes[j].label != take.label:
                continue
            cost = cost_matrix(series[i], series[j], distance=system.distance)
            found.append((nearest_neighbour_tau(cost), take.subject, take.label))
            found.append((nearest_neighbour_tau(cost.T), takes[j].subject, take.label))
    values, actors, movements = zip(*found, strict=True) if found else ((), (), ())
    return Taus(values, actors, movements)
