"""Timelines of known actions: ours beside what others cluster, over compositions of HDM05 and the exercises of mocap6.

Blocks: K given or not, exact keypoints (GT) or with noise (D0, D1). Clusters are matched with actions for each video by
itself, or once for a whole data set that is segmented together; the two are tables of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from poseflow_benchmarks.composition_plan import PARTS, SEED, SEGMENTED, Data, Part, sources_of
from poseflow_benchmarks.machine import Machine, this_machine
from poseflow_benchmarks.mocap_clips import Noise
from poseflow_benchmarks.segmentation_data import (
    RATE_HZ,
    LabelledSequence,
    composed_sequences,
    mocap6_sequences,
)
from poseflow_benchmarks.segmentation_features import OURS, Described, Describer
from poseflow_benchmarks.segmentation_hour import HourFigure, measure_hour
from poseflow_benchmarks.segmentation_rows import OURS_METHOD, Segmenter, segmenters
from poseflow_benchmarks.segmentation_scores import (
    Lead,
    SegmentationRow,
    leads,
    score_data_set,
    score_video,
)
from poseflow_benchmarks.segmentation_stability import (
    CameraFigure,
    StabilityFigure,
    measure_cameras,
    measure_stability,
)
from poseflow_benchmarks.segmentation_tables import report_lines

from poseflow.segmentation.settings import SegmentSettings
from vvipe.embedder import Embedder
from vvipe.systems.retrieval import ProbabilisticSystem

MOCAP6_CAMERAS = 4
"""Times that each of its three sequences is filmed."""


@dataclass(frozen=True)
class SegmentationBlock:
    """All rows on one set of films.

    Attributes:
        data: "HDM05", "CMU" (compositions) or "mocap6".
        matching: "each video" or "data set".
        source: GT, D0 or D1.
        knows_k: Whether every way is told how many actions there are.
        rows: Ours last.
        leads: Of ours over the best other row.
    """

    data: str
    matching: str
    source: str
    knows_k: bool
    rows: tuple[SegmentationRow, ...]
    leads: tuple[Lead, ...]


@dataclass(frozen=True)
class SegmentationReport:
    """The figures and what made them; parts that were not asked for are empty."""

    blocks: tuple[SegmentationBlock, ...]
    stability: tuple[StabilityFigure, ...]
    cameras: tuple[CameraFigure, ...]
    hour: HourFigure | None
    settings: SegmentSettings
    sequences: int
    minutes: float
    seed: int
    model: str
    model_sha256: str
    machine: Machine

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        told = (
            f"{self.sequences} compositions, {self.minutes:.0f} minutes in all; `{self.settings.method}`; "
            f"model {self.model}; seed {self.seed}."
        )
        return "\n".join([*report_lines(self.blocks, self.stability, self.cameras, self.hour), "", told])


@dataclass(frozen=True)
class FilmedSet:
    """Sequences as one input shows them.

    Attributes:
        described: One a sequence: features by name.
    """

    data: str
    source: str
    sequences: Sequence[LabelledSequence]
    described: Sequence[dict[str, Described]]

    def rows(self, kind: str, name: str, segmenter: Segmenter, *, knows_k: bool, together: bool) -> SegmentationRow:
        """The row of one way on one kind of features."""
        films = [own[kind] for own in self.described]
        truth = [sequence.truth for sequence in self.sequences]
        if together:
            k = len(np.unique(np.concatenate(truth))) if knows_k else None
            grids = segmenter(films, k)
        else:
            grids = [
                segmenter([film], len(np.unique(own)) if knows_k else None)[0]
                for film, own in zip(films, truth, strict=True)
            ]
        found = [
            film.at(sequence.time_s, labels)
            for film, sequence, labels in zip(films, self.sequences, grids, strict=True)
        ]
        score = score_data_set if together else score_video
        count = len(set(np.concatenate(found)) - {-1}) if together else _mean_labels(found)
        return SegmentationRow(name, kind, score(truth, found, 1 / RATE_HZ), float(count))


def run_segmentation(
    mocap: Path,
    *,
    embedder: Embedder,
    prvipe: ProbabilisticSystem | None = None,
    data: Data = "hdm05",
    sources: Sequence[Noise | None] = sources_of(),  # noqa: B008  (a constant)
    parts: Sequence[Part] = PARTS,
    count: int = SEGMENTED,
    seed: int = SEED,
    settings: SegmentSettings = SegmentSettings(),  # noqa: B008  (frozen)
    report: Callable[[str], None] = lambda text: None,
) -> SegmentationReport:
    """The report on compositions of hdm05.npz, or of CMU, in the folder `mocap`; with hdm05, on mocap6.npz too.

    Args:
        prvipe: Pr-VIPE of the open table, to stand beside ours.
        data: What is composed.
        sources: None = exact keypoints.
        count: Compositions.
        seed: Of compositions, cameras and noise.
        settings: Of ours.
        report: Told what is being done.
    """
    sequences = composed_sequences(mocap, count, data=data, seed=seed)
    name = "HDM05" if data == "hdm05" else "CMU"
    describer = Describer(embedder, prvipe, settings.grid)
    blocks: list[SegmentationBlock] = []
    if "videos" in parts or "data-set" in parts:
        sets = [(name, sequences)]
        if data == "hdm05" and "videos" in parts:
            sets.append(("mocap6", mocap6_sequences(mocap, cameras=MOCAP6_CAMERAS, seed=seed)))
        for label, own in sets:
            for source in sources:
                report(f"{label} {source or 'GT'}")
                filmed = film_set(label, own, source, describer)
                blocks += _blocks(filmed, settings, parts if label != "mocap6" else ("videos",), seed=seed)
    return SegmentationReport(
        blocks=tuple(blocks),
        stability=tuple(measure_stability(sequences, sources, embedder=embedder)) if "stability" in parts else (),
        cameras=tuple(measure_cameras(sequences, sources, describer, settings, seed=seed))
        if "cameras" in parts
        else (),
        hour=measure_hour(sequences, embedder=embedder, settings=settings) if "hour" in parts else None,
        settings=settings,
        sequences=len(sequences),
        minutes=sum(len(sequence.time_s) for sequence in sequences) / RATE_HZ / 60,
        seed=seed,
        model=embedder.model_id,
        model_sha256=embedder.sha256,
        machine=this_machine(),
    )


def film_set(data: str, sequences: Sequence[LabelledSequence], source: Noise | None, describer: Describer) -> FilmedSet:
    """The sequences filmed by their first cameras, and described."""
    described = [describer.describe(sequence.filmed(source)) for sequence in sequences]
    return FilmedSet(data, source or "GT", sequences, described)


def _blocks(
    filmed: FilmedSet, settings: SegmentSettings, parts: Sequence[Part], *, seed: int
) -> Iterator[SegmentationBlock]:
    """K given and not, each video by itself and the data set as one, as far as asked for."""
    ways = segmenters(settings)
    for together in [part == "data-set" for part in ("videos", "data-set") if part in parts]:
        for knows_k in (True, False):
            pairs = list(_pairs(filmed.described[0], ways, knows_k=knows_k, together=together))
            rows = [filmed.rows(kind, name, ways[name], knows_k=knows_k, together=together) for name, kind in pairs]
            matching = "data set" if together else "each video"
            lead = leads(rows, rows[-1], seed=seed)
            yield SegmentationBlock(filmed.data, matching, filmed.source, knows_k, tuple(rows), lead)


def _pairs(
    kinds: dict[str, Described], ways: dict[str, Segmenter], *, knows_k: bool, together: bool
) -> Iterator[tuple[str, str]]:
    """(way, features) of a block's rows, ours on our features last.

    An equal split looks at nothing, and HDBSCAN cannot be told K. Over a whole data set the other ways stand on our
    features alone.
    """
    for name in ways:
        if name == OURS_METHOD or (knows_k and name == "HDBSCAN"):
            continue
        for kind in [OURS] if name == "equal split" or together else kinds:
            yield name, kind
    yield from ((OURS_METHOD, kind) for kind in reversed(kinds))


def _mean_labels(found: Sequence[np.ndarray]) -> float:
    return float(np.mean([len(set(labels) - {-1}) for labels in found]))
