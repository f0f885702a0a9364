"""Mimicry on HDM05, eleven movements by five actors: does the score rank performances as it should?

Same against different movement (AUC), performances made worse by known amounts (Spearman), order of nearest frames
(Kendall's tau), and performances that are mirrored. Ours stands beside 2D keypoints and 2D joint angles through
the same alignment, with paired intervals over actors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.degradations import busiest_limb, cut_late, limb_held, wrong_movement
from poseflow_benchmarks.kendall import measure_taus
from poseflow_benchmarks.machine import Machine, this_machine
from poseflow_benchmarks.mimicry_raters import OURS, Rater, Triple, compare, draw_triples, faced, filmed, make_raters
from poseflow_benchmarks.mirrored import MirrorRow, measure_mirrored
from poseflow_benchmarks.mocap_clips import Noise
from poseflow_benchmarks.ranks import auc_by_actor, lead, mean_by_actor, spearman, whole
from poseflow_benchmarks.sync_mocap import SOURCES, our_systems, rival_systems

from vvipe.datasets.mocap import MocapSequence, read_npz
from vvipe.embedder import Embedder

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much of the limb's movement is held, and of the wrong movement is taken on."""
SHAKES = (0.0, 0.015, 0.03, 0.06, 0.12)
"""Sd of the noise on keypoints, where the largest shoulder/hip distance is 0.5; the noise D0 has 0.012."""
SHIFTS = (0.0, 0.15, 0.3, 0.5, 0.75)
"""How late the cut begins, shares of its length."""
DEGRADATIONS = ("noise", "limb held", "shifted", "wrong movement")
PERFORMANCES_SHARE = 5
"""One performance is made worse for so many pairs."""
MIRROR_SHARE = 4
"""One pair a movement is seen mirrored for so many pairs."""


@dataclass(frozen=True)
class MimicryRow:
    """One system under one choice of cameras and input.

    Attributes:
        figures: AUC; mean Spearman within a performance for each of DEGRADATIONS, and "pooled ..." over all of them at
            once; tau.
        leads: The same, but for those pooled -> figure of the first system less this one's, with a 95 % interval over
            actors; empty for the first.
    """

    cameras: str
    source: str
    system: str
    figures: dict[str, float]
    leads: dict[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class MimicryReport:
    """The rows and what made them."""

    rows: tuple[MimicryRow, ...]
    mirrored: tuple[MirrorRow, ...]
    pairs: int
    seed: int
    model: str
    model_sha256: str
    machine: Machine

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        """Three tables, and under them what made them."""
        told = f"\n{self.pairs} pairs same and different a block; model {self.model}; seed {self.seed}."
        return "\n".join(
            [*_figure_lines(self.rows), "", *_lead_lines(self.rows), "", *_mirror_lines(self.mirrored), told]
        )


def run_mimicry(mocap: Path, *, embedder: Embedder, pairs: int = 55, seed: int = 0) -> MimicryReport:
    """The report on hdm05.npz of the folder `mocap`.

    Args:
        pairs: Pairs of the same movement, and as many of different ones, for each choice of cameras and input; a fifth
            as many performances are made worse, and a quarter as many pairs of each movement are seen mirrored.
        seed: Of pairs, cameras and noise.
    """
    takes = read_npz(mocap / "hdm05.npz")
    raters = make_raters(embedder)
    rows: list[MimicryRow] = []
    for cameras in ("cross-view", "same-view"):
        for source in SOURCES:
            rows += _block(takes, raters, embedder, cameras, source, pairs=pairs, seed=seed)
    count = max(1, pairs // MIRROR_SHARE)
    mirrored = measure_mirrored(takes, embedder=embedder, sources=SOURCES, count=count, seed=seed)
    return MimicryReport(tuple(rows), tuple(mirrored), pairs, seed, embedder.model_id, embedder.sha256, this_machine())


def _block(
    takes: Sequence[MocapSequence],
    raters: Sequence[Rater],
    embedder: Embedder,
    cameras: str,
    source: Noise | None,
    *,
    pairs: int,
    seed: int,
) -> list[MimicryRow]:
    """The rows of one choice of cameras and input, ours first."""
    is_cross_view = cameras == "cross-view"
    triples = list(draw_triples(takes, pairs, is_cross_view=is_cross_view, seed=seed))
    performances = triples[: max(1, pairs // PERFORMANCES_SHARE)]
    everybody = sorted({take.subject for take in takes})
    actors, performers = ([triple.ref.subject for triple in some] for some in (triples, performances))
    same_other = rated_pairs(triples, raters, source, seed=seed)
    worse = rated_degradations(takes, performances, raters, source, seed=seed)
    systems = [*our_systems(embedder), *rival_systems(None, None)]
    taus = list(measure_taus(takes, systems, source=source, is_cross_view=is_cross_view, seed=seed).values())
    figures = []
    for number in range(len(raters)):
        same, other = same_other[:, :, number].T
        own = {"AUC": auc_by_actor(same, other, actors, everybody=everybody)}
        own |= {
            name: mean_by_actor(within(scores[:, number]), performers, everybody=everybody)
            for name, scores in worse.items()
        }
        tau = taus[max(number - 1, 0)]  # tau knows no alignment: the first two are one embedding
        figures.append(
            own | {"tau": mean_by_actor(np.array(tau.values), tau.actors, tau.movements, everybody=everybody)}
        )
    rows = []
    for number, (rater, own) in enumerate(zip(raters, figures, strict=True)):
        n = len(everybody)
        known = {name: whole(figure, n) for name, figure in own.items()}
        known |= {f"pooled {name}": pooled(scores[:, number]) for name, scores in worse.items()}
        leads = {name: lead(figures[0][name], figure, n, seed=seed) for name, figure in own.items() if number}
        rows.append(MimicryRow(cameras, source or "GT", rater.name, known, leads))
    return rows


def rated_pairs(
    triples: Sequence[Triple], raters: Sequence[Rater], source: Noise | None, *, seed: int
) -> NDArray[np.float64]:
    """(P, 2, R) scores of each reference against the same movement and against another one, by other actors."""
    rated = []
    for number, triple in enumerate(triples):
        cast = ((triple.ref, triple.ref_view), (triple.same, triple.query_view), (triple.other, triple.query_view))
        ref, *queries = (
            filmed(faced(take), take.fps, view, source, seed=seed + 10 * number + 3 * i)
            for i, (take, view) in enumerate(cast)
        )
        rated.append(compare(raters, ref, queries).T)
    return np.array(rated)


def rated_degradations(
    takes: Sequence[MocapSequence],
    triples: Sequence[Triple],
    raters: Sequence[Rater],
    source: Noise | None,
    *,
    seed: int,
) -> dict[str, NDArray[np.float64]]:
    """Degradation -> (P, R, L) scores of each performance against itself made worse, from not at all to most."""
    rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in DEGRADATIONS}
    for number, triple in enumerate(triples):
        take, noise = triple.ref, seed + 10 * number
        ref = filmed(faced(take), take.fps, triple.ref_view, source, seed=noise)
        after = _followers(takes, take, np.random.default_rng(noise))
        for name in DEGRADATIONS:
            queries = []
            for level in range(len(LEVELS)):
                poses, shake = _made_worse(name, level, triple, after)
                queries.append(filmed(poses, take.fps, triple.query_view, source, seed=noise + 5, shake=shake))
            rows[name].append(compare(raters, ref, queries))
    return {name: np.array(scores) for name, scores in rows.items()}


def _made_worse(name: str, level: int, triple: Triple, after: Sequence[NDArray]) -> tuple[NDArray[np.float64], float]:
    """The reference's poses made worse, and the sd of the noise that its keypoints are to get."""
    poses = faced(triple.ref)
    if name == "noise":
        return poses, SHAKES[level]
    if name == "limb held":
        return limb_held(poses, busiest_limb(poses), LEVELS[level]), 0.0
    if name == "shifted":
        return cut_late(poses, triple.ref.fps, after, SHIFTS[level]), 0.0
    return wrong_movement(poses, faced(triple.other), LEVELS[level]), 0.0


def within(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,) Spearman of (P, L) scores with how little worse each is: 1 where every step down is seen."""
    worse = np.arange(scores.shape[1])
    return np.array([spearman(row, -worse) for row in scores])


def pooled(scores: NDArray[np.float64]) -> float:
    """Spearman of all (P, L) scores at once: performances have to be comparable with each other, too."""
    return spearman(scores.ravel(), np.tile(-np.arange(scores.shape[1]), len(scores)))


def _followers(takes: Sequence[MocapSequence], ref: MocapSequence, generator: np.random.Generator) -> list[NDArray]:
    """Other movements of the same actor, as many as the latest cut needs."""
    own = [take for take in takes if take.subject == ref.subject and take.label != ref.label]
    needed, found = max(SHIFTS) * len(ref.poses), 0
    chosen: list[NDArray] = []
    for index in generator.permutation(len(own)):
        if found >= needed:
            break
        chosen.append(own[index].poses)
        found += len(own[index].poses)
    return chosen


def _figure_lines(rows: Sequence[MimicryRow]) -> list[str]:
    heads = " | ".join(DEGRADATIONS)
    lines = [f"| cameras | 2D | system | AUC | {heads} | tau |", "|---" * (5 + len(DEGRADATIONS)) + "|"]
    for row in rows:
        f = row.figures
        cells = " | ".join(f"{f[name]:.2f} / {f[f'pooled {name}']:.2f}" for name in DEGRADATIONS)
        lines.append(f"| {row.cameras} | {row.source} | {row.system} | {f['AUC']:.3f} | {cells} | {f['tau']:.2f} |")
    lines.append("\nDegradations: Spearman, mean within a performance / all performances pooled.")
    return lines


def _lead_lines(rows: Sequence[MimicryRow]) -> list[str]:
    names = ("AUC", *DEGRADATIONS, "tau")
    lines = [f"| {OURS} leads | cameras | 2D | {' | '.join(names)} |", "|---" * (3 + len(names)) + "|"]
    for row in rows:
        if row.leads:
            cells = " | ".join("{:+.2f} ({:+.2f} to {:+.2f})".format(*row.leads[name]) for name in names)
            lines.append(f"| {row.system} | {row.cameras} | {row.source} | {cells} |")
    lines.append("\nIn brackets: 95 % over actors, drawn with replacement.")
    return lines


def _mirror_lines(rows: Sequence[MirrorRow]) -> list[str]:
    lines = ["| movement | 2D | side | pairs | mirrored: found | not mirrored: told | told wrong | null |"]
    lines.append("|---" * 8 + "|")
    for row in rows:
        figures = " | ".join(f"{value:.0f} %" for value in (row.found, row.kept, row.wrong, row.null))
        lines.append(f"| {row.movement} | {row.source} | {'yes' if row.has_side else 'no'} | {row.pairs} | {figures} |")
    return lines
