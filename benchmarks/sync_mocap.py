"""Synchronisation with a known answer: HDM05 recordings seen by two cameras, one cut and played at other speeds.

A recording is a few clips of one actor, joined. The query is an excerpt of it, at a constant or a changing speed of 0.5
to 2, seen by another camera (cross-view) or by the same one (same-view); the reference is the whole recording. Every
system runs through the same alignment; the error of a step of the path is the time between the reference moment that
it names and the true one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.machine import Machine, this_machine
from poseflow_benchmarks.mocap_clips import Noise, View, film, joined, random_view, warped
from poseflow_benchmarks.sync import angle_distance, angle_series, keypoint_distance, keypoint_series
from poseflow_benchmarks.system_series import details_series, procrustes_distance, sampled_distance

from poseflow.costs import PairDistance
from poseflow.embed import embed_tracks, steady_track
from poseflow.embedding_cost import embedding_cost, series_of
from poseflow.records import PoseTrack
from poseflow.time_alignment import PathSettings, align_in_time
from poseflow.time_series import TimeSeries
from vvipe.datasets.mocap import MocapSequence, read_npz
from vvipe.embedder import Embedder
from vvipe.systems.retrieval import LifterSystem, ProbabilisticSystem

RATE_HZ = 30.0
SPEEDS = (0.5, 0.75, 1.0, 4 / 3, 2.0)
CLIPS = 3
WITHIN_MS = (33, 100, 250)
SOURCES: tuple[Noise | None, ...] = (None, "D0", "D1")


@dataclass(frozen=True)
class Trial:
    """One recording and how its query was made.

    Attributes:
        actor: The unit of the bootstrap.
        poses: (T, 17, 3) the recording at `fps`.
        warp: Query time -> reference time, seconds.
        duration_s: Of the query.
        ref_view, query_view: The two cameras.
    """

    actor: str
    poses: NDArray[np.float64]
    fps: float
    warp: Callable[[NDArray], NDArray]
    duration_s: float
    ref_view: View
    query_view: View


@dataclass(frozen=True)
class SyncMocapRow:
    """Errors of one system over all steps of all trials, ms; `lead_ms` = how much nearer ours is, with its interval.

    Attributes:
        within: Milliseconds -> share of the steps in percent.
        lead_ms: Mean error of this system minus that of ours, and a 95 % interval over actors; None for ours.
    """

    cameras: str
    source: str
    system: str
    trials: int
    mean_ms: float
    median_ms: float
    within: dict[int, float]
    lead_ms: tuple[float, float, float] | None


@dataclass(frozen=True)
class SyncMocapReport:
    """The rows and what made them."""

    rows: tuple[SyncMocapRow, ...]
    model: str
    seed: int
    machine: Machine

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        heads = " | ".join(f"within {ms} ms" for ms in WITHIN_MS)
        lines = [f"| cameras | 2D | system | mean, ms | median | {heads} | ours nearer by, ms (95 %) |"]
        lines.append("|---" * (6 + len(WITHIN_MS)) + "|")
        for row in self.rows:
            shares = " | ".join(f"{row.within[ms]:.0f} %" for ms in WITHIN_MS)
            lead = "" if row.lead_ms is None else "{:.0f} ({:.0f} to {:.0f})".format(*row.lead_ms)
            lines.append(
                f"| {row.cameras} | {row.source} | {row.system} | {row.mean_ms:.0f} | {row.median_ms:.0f} | "
                f"{shares} | {lead} |"
            )
        lines.append(f"\n{self.rows[0].trials} trials a block; model {self.model}; seed {self.seed}.")
        return "\n".join(lines)


@dataclass(frozen=True)
class SeriesSystem:
    """One way of looking at keypoints: a series of features, and how far two of them are apart."""

    name: str
    series: Callable[[PoseTrack], TimeSeries]
    distance: PairDistance


def run_sync_mocap(
    mocap: Path,
    *,
    embedder: Embedder,
    prvipe: ProbabilisticSystem | None = None,
    lifter: LifterSystem | None = None,
    n_trials: int = 50,
    seed: int = 0,
) -> SyncMocapReport:
    """The report on hdm05.npz of the folder `mocap`.

    Args:
        prvipe, lifter: Systems of the open table to stand beside ours.
        n_trials: For each choice of cameras and input.
    """
    takes = read_npz(mocap / "hdm05.npz")
    systems = [*our_systems(embedder), *rival_systems(prvipe, lifter)]
    rows: list[SyncMocapRow] = []
    for cameras in ("cross-view", "same-view"):
        for source in SOURCES:
            trials = list(draw_trials(takes, n_trials, is_cross_view=cameras == "cross-view", seed=seed))
            rows += _block(cameras, source, trials, systems, seed=seed)
    return SyncMocapReport(tuple(rows), embedder.model_id, seed, this_machine())


def our_systems(embedder: Embedder) -> list[SeriesSystem]:
    """The embedding, as `match` aligns it."""

    def embedded(track: PoseTrack) -> TimeSeries:
        return series_of(embed_tracks([track], embedder, smooth=False)[0])

    return [SeriesSystem("embedding (ours)", embedded, embedding_cost(embedder))]


def rival_systems(prvipe: ProbabilisticSystem | None, lifter: LifterSystem | None) -> list[SeriesSystem]:
    """2D keypoints, 2D joint angles, and the trained systems that are given."""
    rivals = [
        SeriesSystem("raw 2D keypoints", keypoint_series, keypoint_distance),
        SeriesSystem("2D joint angles", angle_series, angle_distance),
    ]
    if prvipe is not None:
        rivals.append(SeriesSystem("Pr-VIPE", partial(details_series, prvipe), sampled_distance(prvipe)))
    if lifter is not None:
        rivals.append(SeriesSystem("3D lifting + Procrustes", partial(details_series, lifter), procrustes_distance))
    return rivals


def draw_trials(takes: Sequence[MocapSequence], count: int, *, is_cross_view: bool, seed: int) -> Iterator[Trial]:
    """Trials of all actors by turns; the same seed draws the same recordings, warps and reference cameras."""
    generator = np.random.default_rng(seed)
    actors = sorted({take.subject for take in takes})
    for number in range(count):
        own = [take for take in takes if take.subject == actors[number % len(actors)]]
        chosen = [own[i] for i in generator.choice(len(own), min(CLIPS, len(own)), replace=False)]
        poses, _ = joined([take.poses for take in chosen], chosen[0].fps)
        length_s = (len(poses) - 1) / chosen[0].fps
        start_s, end_s = np.sort(generator.uniform(0, 0.3, 2) * [1, -1] + [0, 1]) * length_s
        speeds = generator.choice(SPEEDS, 2)
        warp, duration_s = changing_speed(start_s, end_s, *(speeds if generator.random() < 0.5 else speeds[[0, 0]]))
        ref_view, other_view = random_view(generator), random_view(generator)
        query_view = other_view if is_cross_view else ref_view
        yield Trial(chosen[0].subject, poses, chosen[0].fps, warp, duration_s, ref_view, query_view)


def changing_speed(
    start_s: float, end_s: float, first: float, last: float
) -> tuple[Callable[[NDArray], NDArray], float]:
    """A warp from `start_s` to `end_s` whose speed goes evenly from `first` to `last`, and how long that takes."""
    duration_s = 2 * (end_s - start_s) / (first + last)
    return lambda t: start_s + first * t + (last - first) * t**2 / (2 * duration_s), duration_s


def _block(
    cameras: str, source: Noise | None, trials: Sequence[Trial], systems: Sequence[SeriesSystem], *, seed: int
) -> list[SyncMocapRow]:
    errors: dict[str, list[NDArray[np.float64]]] = {system.name: [] for system in systems}
    errors |= {"always the middle": [], "random placement": []}
    generator = np.random.default_rng(seed)
    for number, trial in enumerate(trials):
        ref, query = filmed(trial, source, seed=2 * number)
        for system in systems:
            errors[system.name].append(path_errors(system, ref, query, trial.warp))
        for name, share in (("always the middle", 0.5), ("random placement", generator.random())):
            errors[name].append(_placed(ref, query, trial.warp, share))
    actors = [trial.actor for trial in trials]
    ours = next(iter(errors))
    rows = []
    for name, found in errors.items():
        lead = None if name == ours else _lead(found, errors[ours], actors, seed=seed)
        steps = 1000 * np.concatenate(found)
        within = {ms: float(100 * (steps <= ms).mean()) for ms in WITHIN_MS}
        rows.append(
            SyncMocapRow(
                cameras, source or "GT", name, len(trials), float(steps.mean()), float(np.median(steps)), within, lead
            )
        )
    return rows


def filmed(trial: Trial, source: Noise | None, *, seed: int) -> tuple[PoseTrack, PoseTrack]:
    """Reference and query as their cameras see them, steadied as `poseflow embed` steadies keypoints."""
    length_s = (len(trial.poses) - 1) / trial.fps
    whole = warped(trial.poses, trial.fps, lambda t: t, length_s, rate=RATE_HZ)
    excerpt = warped(trial.poses, trial.fps, trial.warp, trial.duration_s, rate=RATE_HZ)
    tracks = []
    for (poses, time_s), view, own_seed in ((whole, trial.ref_view, seed), (excerpt, trial.query_view, seed + 1)):
        noise_seed = None if source is None else own_seed
        tracks.append(steady_track(film(poses, time_s, view, noise_seed=noise_seed, noise=source or "D0")))
    return tracks[0], tracks[1]


def path_errors(
    system: SeriesSystem, ref: PoseTrack, query: PoseTrack, warp: Callable[[NDArray], NDArray]
) -> NDArray[np.float64]:
    """(L,) seconds between the reference moment of each step of the path and the true one."""
    settings = PathSettings(open_clip="ref")
    found = align_in_time(system.series(ref), system.series(query), distance=system.distance, settings=settings)
    return np.abs(found.ref_s - warp(found.query_s))


def _placed(ref: PoseTrack, query: PoseTrack, warp: Callable[[NDArray], NDArray], share: float) -> NDArray[np.float64]:
    """Errors of a placement that looks at nothing: unit tempo, at a share of the room that there is."""
    room_s = ref.time_s[-1] - query.time_s[-1]
    return np.abs(share * room_s + query.time_s - warp(query.time_s))


def _lead(
    theirs: Sequence[NDArray], ours: Sequence[NDArray], actors: Sequence[str], *, seed: int, draws: int = 10_000
) -> tuple[float, float, float]:
    """Mean over trials of their mean error minus ours, ms, and its 95 % interval over actors."""
    difference = np.array([1000 * (t.mean() - o.mean()) for t, o in zip(theirs, ours, strict=True)])
    groups = [difference[np.array(actors) == actor] for actor in sorted(set(actors))]
    sums, counts = np.array([g.sum() for g in groups]), np.array([len(g) for g in groups])
    drawn = np.random.default_rng(seed).multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=draws)
    low, high = np.percentile((drawn @ sums) / (drawn @ counts), [2.5, 97.5])
    return float(difference.mean()), float(low), float(high)
