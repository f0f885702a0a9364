"""How well repetitions are counted: sequences with 0 to 20 of them, beside counts by one period.

The sequences are of HDM05 clips (`counting_sequences`): every repetition another clip where there are enough, played at
another speed, all on one body, with idling and other movements between. CMU takes that are not kept for tests make
the sequences that settings were chosen on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.bootstrap import mean_interval
from poseflow_benchmarks.composition_plan import COUNTED, SEED, Data, sources_of
from poseflow_benchmarks.counting_baselines import BASELINES
from poseflow_benchmarks.counting_sequences import CountedSequence, draw_counted
from poseflow_benchmarks.machine import Machine, this_machine
from poseflow_benchmarks.mocap_clips import Noise
from poseflow_benchmarks.movement_clips import clips_of
from poseflow_benchmarks.sync import keypoint_series

from poseflow.embed import embed_tracks, steady_track
from poseflow.embedding_cost import series_of
from poseflow.repetitions import count_repetitions
from vvipe.embedder import Embedder

OURS, OURS_WITH_REF = "poseflow count", "poseflow count --ref"


@dataclass(frozen=True)
class Figure:
    """A mean over sequences, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class CountRow:
    """One system on one kind of keypoints.

    Attributes:
        source: GT, D0 or D1.
        system: Its name.
        mae: Mean absolute error of the count.
        off_by_one: Percent of the sequences whose count is at most one off.
        exact: Percent of the sequences whose count is right.
        lead: Points of off-by-one by which the first system leads this one, on the same sequences; None for the first.
        counts: (true, found) of each sequence.
    """

    source: str
    system: str
    mae: Figure
    off_by_one: Figure
    exact: float
    lead: Figure | None
    counts: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class CountReport:
    """The rows and what made them."""

    rows: tuple[CountRow, ...]
    data: str
    movements: tuple[str, ...]
    sequences: int
    minutes: float
    seed: int
    model: str
    model_sha256: str
    machine: Machine

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        """A table, and under it what made it."""
        lines = ["| 2D | system | MAE (95 %) | off by one at most (95 %) | exact | ours leads by (95 %) |"]
        lines.append("|---" * 6 + "|")
        for row in self.rows:
            mae = f"{row.mae.value:.2f} ({row.mae.low:.2f} to {row.mae.high:.2f})"
            near = f"{row.off_by_one.value:.0f} % ({row.off_by_one.low:.0f} to {row.off_by_one.high:.0f})"
            lead = "" if row.lead is None else f"{row.lead.value:+.0f} ({row.lead.low:+.0f} to {row.lead.high:+.0f})"
            lines.append(f"| {row.source} | {row.system} | {mae} | {near} | {row.exact:.0f} % | {lead} |")
        lines.append(
            f"\n{self.sequences} sequences of {self.data}, {self.minutes:.0f} min in all, counts 0 to 20 of "
            f"{len(self.movements)} movements; intervals over sequences; model {self.model}; seed {self.seed}."
        )
        return "\n".join(lines)


def run_counting(
    mocap: Path,
    *,
    embedder: Embedder,
    data: Data = "hdm05",
    count: int = COUNTED,
    sources: Sequence[Noise | None] = sources_of(),  # noqa: B008  (a constant)
    seed: int = SEED,
) -> CountReport:
    """The report on the motion capture in the folder `mocap`.

    Args:
        data: Whose clips the sequences are of.
        count: How many sequences.
        sources: Kinds of keypoints; None = exact.
        seed: Of sequences, cameras and noise.
    """
    clips = clips_of(mocap, data)
    sequences = [draw_counted(clips, number, seed=seed) for number in range(count)]
    rows = [row for source in sources for row in _rows(sequences, source, embedder, seed=seed)]
    return CountReport(
        rows=tuple(rows),
        data=data,
        movements=tuple(sorted(clips)),
        sequences=count,
        minutes=sum(float(s.time_s[-1]) for s in sequences) / 60,
        seed=seed,
        model=embedder.model_id,
        model_sha256=embedder.sha256,
        machine=this_machine(),
    )


def _rows(
    sequences: Sequence[CountedSequence], source: Noise | None, embedder: Embedder, *, seed: int
) -> Iterator[CountRow]:
    """The rows of one kind of keypoints, ours first."""
    found = [counts_of(sequence, source, embedder) for sequence in sequences]
    truth = np.array([sequence.count for sequence in sequences])
    is_near = {name: np.abs(np.array([f[name] for f in found]) - truth) <= 1 for name in found[0]}
    for name in found[0]:
        error = np.abs(np.array([f[name] for f in found]) - truth)
        lead = None if name == OURS else mean_figure(100.0 * is_near[OURS] - 100.0 * is_near[name], seed=seed)
        counts = tuple((int(t), f[name]) for t, f in zip(truth, found, strict=True))
        near = mean_figure(100.0 * is_near[name], seed=seed)
        exact = float(100 * (error == 0).mean())
        yield CountRow(source or "GT", name, mean_figure(error, seed=seed), near, exact, lead, counts)


def counts_of(sequence: CountedSequence, source: Noise | None, embedder: Embedder) -> dict[str, int]:
    """System -> its count of one sequence."""
    track, ref = sequence.filmed(source)
    embedded, example = embed_tracks([track, ref], embedder)
    counts = {
        OURS: len(count_repetitions(embedded, embedder=embedder)),
        OURS_WITH_REF: len(count_repetitions(embedded, embedder=embedder, ref=example)),
    }
    series = {"embedding": series_of(embedded), "2D keypoints": keypoint_series(steady_track(track))}
    for features, own in series.items():
        counts |= {f"{name} of the {features}": counted(own) for name, counted in BASELINES.items()}
    return counts


def mean_figure(values: NDArray, *, seed: int) -> Figure:
    """The mean of (N,) values, and its percentile interval over draws of them with replacement."""
    return Figure(*mean_interval(values, seed=seed))
