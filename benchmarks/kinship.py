"""What a score means: scores of one performance in two cameras, of repetitions, other people and other movements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from poseflow_benchmarks.mocap_clips import film, random_view, warped
from poseflow_benchmarks.movement_pairs import (
    KINSHIPS,
    Kinship,
    Pair,
    Performance,
    cmu_performances,
    draw_pairs,
    labelled_performances,
)

from poseflow.embed import embed_tracks
from poseflow.embedding_cost import embedding_cost, series_of
from poseflow.match import MatchSettings, match
from poseflow.mirror import judge_mirror, mirror_track
from poseflow.records import PoseTrack
from poseflow.score import match_defaults
from vvipe.datasets.mocap import MocapSequence, read_npz
from vvipe.datasets.splits import split_of
from vvipe.embedder import Embedder

QUERY_SHARE = 0.7
"""The middle of the query's take that is compared, so that starts and stops of a recording say nothing."""
DataName = Literal["development", "test", "hdm05"]


@dataclass(frozen=True)
class PairMeasure:
    """One pair of performances, each seen by a camera of its own.

    Attributes:
        kinship: What they have in common.
        distance: Mean expected NP-MPJPE along the path, as the score counts it.
        plain_cost, mirrored_cost: Mean distance along the path to the query, and to its mirror image.
        asymmetry: Mean distance of the query to its mirror image.
        timing: Timing score.
    """

    kinship: Kinship
    distance: float
    plain_cost: float
    mirrored_cost: float
    asymmetry: float
    timing: float


@dataclass(frozen=True)
class KinshipReport:
    """Scores by kinship: quartiles over the pairs."""

    data: DataName
    noise: str
    seed: int
    model: str
    model_sha256: str
    anchors: str
    rows: dict[str, dict[str, float]]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        """The figures as a table, and under it what made them."""
        lines = [
            "| pair | pairs | distance | score: median | lower quartile | upper quartile |",
            "|---|---|---|---|---|---|",
        ]
        for kinship, row in self.rows.items():
            figures = f"{row['distance']:.3f} | {row['median']:.0f} | {row['lower']:.0f} | {row['upper']:.0f}"
            lines.append(f"| {kinship} | {row['pairs']:.0f} | {figures} |")
        lines.append(
            f"\nData: {self.data}, keypoints {self.noise}, two random cameras a pair, seed {self.seed}; "
            f"model {self.model}, anchors {self.anchors}."
        )
        return "\n".join(lines)


def run_kinship(
    mocap: str | Path,
    *,
    embedder: Embedder,
    data: DataName = "test",
    count: int = 40,
    noise: bool = False,
    seed: int = 0,
) -> KinshipReport:
    """Scores of `count` pairs of each kinship.

    Args:
        mocap: Folder with the motion capture .npz files.
        embedder: The model.
        data: "development" = CMU takes that are not kept for tests; "test" = pairs whose query is of CMU's test people;
            "hdm05".
        count: Pairs of each kinship.
        noise: Whether keypoints get the noise D0.
        seed: Of pairs, cameras and noise.
    """
    generator = np.random.default_rng(seed)
    pairs = select_pairs(mocap, data=data, count=count, generator=generator)
    measures = measure_pairs(pairs, embedder=embedder, noise=noise, generator=generator)
    defaults = match_defaults(embedder)
    rows = {}
    for kinship in KINSHIPS:
        distances = np.array([measure.distance for measure in measures if measure.kinship == kinship])
        if len(distances):
            scores = [defaults.score(distance) for distance in distances]
            lower, median, upper = np.percentile(scores, [25, 50, 75])
            figures = {"distance": float(np.median(distances)), "median": median, "lower": lower, "upper": upper}
            rows[kinship] = {"pairs": float(len(distances)), **{name: float(x) for name, x in figures.items()}}
    return KinshipReport(
        data=data,
        noise="with noise D0" if noise else "exact",
        seed=seed,
        model=embedder.model_id,
        model_sha256=embedder.sha256,
        anchors=defaults.signature,
        rows=rows,
    )


def select_pairs(mocap: str | Path, *, data: DataName, count: int, generator: np.random.Generator) -> list[Pair]:
    """`count` pairs of each kinship out of one set of performances."""
    folder = Path(mocap)
    if data == "hdm05":
        return draw_pairs(labelled_performances(read_npz(folder / "hdm05.npz")), count, generator=generator)
    takes = [take for name in ("cmu.npz", "cmu_more.npz") for take in read_npz(folder / name)]
    if data == "development":
        return draw_pairs(cmu_performances(development_takes(takes)), count, generator=generator)
    everybody = cmu_performances(takes)

    def is_test(performance: Performance) -> bool:
        return split_of(performance.take) == "test"

    return draw_pairs(everybody, count, generator=generator, keep=lambda pair: is_test(pair.query))


def development_takes(takes: Sequence[MocapSequence]) -> list[MocapSequence]:
    """The takes that settings may be chosen on: those of the training and of the carve-out people."""
    return [take for take in takes if split_of(take) != "test"]


def measure_pairs(
    pairs: Sequence[Pair],
    *,
    embedder: Embedder,
    noise: bool,
    generator: np.random.Generator,
    evidence: float | None = None,
) -> list[PairMeasure]:
    """The measures of each pair, as `poseflow.match.match` with mirror auto would take them.

    Args:
        pairs: Performances.
        embedder: The model.
        noise: Whether keypoints get the noise D0.
        generator: Of cameras and noise.
        evidence: Mirror evidence; None = that of the model's learnt defaults.
    """
    evidence = match_defaults(embedder).mirror_evidence if evidence is None else evidence
    measures = []
    for pair in pairs:
        ref = film_take(pair.ref.take, generator, noise=noise)
        query = film_take(pair.query.take, generator, noise=noise, share=QUERY_SHARE)
        measures.append(_measure(pair.kinship, ref, query, embedder, evidence))
    return measures


def film_take(take: MocapSequence, generator: np.random.Generator, *, noise: bool, share: float = 1.0) -> PoseTrack:
    """The middle `share` of a take as a random camera sees it."""
    whole_s = (len(take.poses) - 1) / take.fps
    start_s = whole_s * (1 - share) / 2
    poses, time_s = warped(take.poses, take.fps, lambda t: start_s + t, whole_s * share)
    noise_seed = int(generator.integers(2**31)) if noise else None
    return film(poses, time_s, random_view(generator), noise_seed=noise_seed)


def _measure(kinship: Kinship, ref: PoseTrack, query: PoseTrack, embedder: Embedder, evidence: float) -> PairMeasure:
    tracks = embed_tracks([ref, query, mirror_track(query)], embedder)
    both = [
        match(tracks[0], tracks[1], embedder=embedder, settings=MatchSettings(mirror="off", min_coverage=0)),
        match(
            tracks[0],
            tracks[1],
            embedder=embedder,
            query_mirrored=tracks[2],
            settings=MatchSettings(mirror="on", min_coverage=0),
        ),
    ]
    cost = embedding_cost(embedder)
    asymmetry = float(np.mean(cost(series_of(tracks[1]).values, series_of(tracks[2]).values)))
    plain, mirrored = (float(np.nanmean(result.distance)) for result in both)
    verdict = judge_mirror(plain, mirrored, asymmetry=asymmetry, evidence=evidence)
    chosen = both[1] if verdict.is_mirrored else both[0]
    return PairMeasure(kinship, chosen.path_distance, plain, mirrored, asymmetry, chosen.timing_score)
