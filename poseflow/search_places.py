"""The places of one track that are most like a query, by exact alignment with the whole query."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from poseflow.costs import PairDistance, cost_matrix
from poseflow.dtw import MAX_TEMPO, mean_known
from poseflow.embedding_cost import embedding_cost, series_of
from poseflow.errors import NothingToScoreError
from poseflow.library import LibraryTrack
from poseflow.match import (
    MIN_COVERAGE,
    MIN_OCCURRENCE_SCORE,
    UNKNOWN_DETECTOR,
    MatchSettings,
    match_signature,
    path_figures,
)
from poseflow.occurrences import find_occurrences
from poseflow.records import EmbeddingTrack
from poseflow.score import match_defaults, path_distance
from poseflow.search_result import Hit
from poseflow.tempo import moving_times, overall_tempo
from poseflow.time_alignment import EXACT_CELLS, PathSettings, TimeAlignment
from poseflow.time_series import TimeSeries, common_step

if TYPE_CHECKING:
    from vvipe.embedder import Embedder

TOP = 10
PAUSE_ROOM_S = 2.0
"""Parts of a long track overlap by the longest place of the query and pauses of so many seconds in it."""
_TYPICAL_FRAMES = 1000  # enough for the mean distance, whatever the length of the clip


@dataclass(frozen=True)
class SearchSettings:
    """What counts as found.

    Attributes:
        top: Most places that are told, of the whole library.
        min_score: Least score of a place, 0 to 100.
        min_coverage: Least share in [0, 1] of the query that must be seen on both sides.
    """

    top: int = TOP
    min_score: float = MIN_OCCURRENCE_SCORE
    min_coverage: float = MIN_COVERAGE

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"top: expected 1 or more, got {self.top}")
        if not 0 <= self.min_score <= 100:
            raise ValueError(f"min_score: expected 0 to 100, got {self.min_score}")
        if not 0 <= self.min_coverage <= 1:
            raise ValueError(f"min_coverage: expected 0 to 1, got {self.min_coverage}")


class PlaceFinder:
    """A query, made ready to be found in one track after the other.

    Raises:
        NothingToScoreError: Nobody was seen in the query.
    """

    def __init__(
        self,
        query: EmbeddingTrack,
        embedder: Embedder,
        *,
        settings: SearchSettings = SearchSettings(),  # noqa: B008  (frozen)
        query_detector: str = UNKNOWN_DETECTOR,
    ) -> None:
        if not query.valid.any():
            raise NothingToScoreError("no usable pose in the query: choose another person or clip")
        self._pattern, self._model, self._detector = series_of(query), query.model, query_detector
        self._embedder, self._settings = embedder, settings
        self._defaults = match_defaults(embedder)

    def hits(self, entry: LibraryTrack) -> list[Hit]:
        """The places in one track, at most `top`, none overlapping another; none in a track that is too short."""
        clip = series_of(entry.track)
        places = find_places(
            self._pattern,
            clip,
            distance=embedding_cost(self._embedder),
            accept=lambda place: self._is_covered(place) and self._hit(entry, place).score >= self._settings.min_score,
            most=self._settings.top,
        )
        return [self._hit(entry, place) for place in places]

    def _is_covered(self, place: TimeAlignment) -> bool:
        return place.consumed_coverage > 0 and place.consumed_coverage >= self._settings.min_coverage

    def _hit(self, entry: LibraryTrack, place: TimeAlignment) -> Hit:
        moving = place.is_moving
        distance, probability = path_figures(self._embedder, place.ref_values[moving], place.query_values[moving])
        is_known = np.isfinite(distance)
        mean, likely = (float(x[is_known].mean()) if is_known.any() else math.nan for x in (distance, probability))
        how = MatchSettings(mirror="off", find_all=True, min_coverage=self._settings.min_coverage)
        return Hit(
            file=entry.file,
            person_id=entry.track.person_id,
            start_s=float(place.query_s[0]),
            end_s=float(place.query_s[-1]) + place.step_s,
            score=self._defaults.score(path_distance(place)),
            match_probability=likely,
            distance=mean,
            tempo=overall_tempo(*moving_times(place)),
            signature=match_signature(self._model, self._detector, entry.detector, how, self._defaults),
        )


def find_places(
    pattern: TimeSeries,
    clip: TimeSeries,
    *,
    distance: PairDistance,
    accept: Callable[[TimeAlignment], bool],
    most: int,
    exact_cells: int = EXACT_CELLS,
) -> list[TimeAlignment]:
    """`poseflow.occurrences.find_occurrences`, which stays exact in clips of any length.

    A clip of more than `exact_cells` pairs of frames with the pattern is searched in parts that overlap, so that every
    place lies whole in one of them; its charges are shares of one typical cost, estimated on frames of the whole clip.
    Patterns so long that no two such places fit in a part (40 s at 30 Hz) are sought coarsely first, as in `match`.

    Args:
        pattern: The movement, consumed whole.
        clip: What is searched.
        distance: Distance of pairs of features.
        accept: Whether a place counts.
        most: Most places.
        exact_cells: Pairs of frames that are searched at once.

    Returns:
        Places by cost, none overlapping another; none where nobody is seen, or the clip is too short for the pattern at
        three times its tempo.
    """
    parts = _parts(pattern, clip, exact_cells)
    settings = PathSettings()
    if len(parts) > 1:
        settings = PathSettings(typical_cost=_typical_cost(pattern, clip, distance))
    found = [place for part in parts for place in _try(pattern, part, distance, accept, most, settings)]
    if len(parts) == 1:
        return found
    chosen: list[TimeAlignment] = []
    for place in sorted(found, key=lambda place: place.cost):
        if not any(_overlap(place, other) for other in chosen):
            chosen.append(place)
    return chosen[:most]


def _try(
    pattern: TimeSeries,
    clip: TimeSeries,
    distance: PairDistance,
    accept: Callable[[TimeAlignment], bool],
    most: int,
    settings: PathSettings,
) -> list[TimeAlignment]:
    accepted = 0

    def accept_most(place: TimeAlignment) -> bool:
        nonlocal accepted
        if accepted == most or not accept(place):
            return False
        accepted += 1
        return True

    try:
        return find_occurrences(pattern, clip, distance=distance, accept=accept_most, settings=settings)
    except (NothingToScoreError, ValueError):  # nobody is seen there, or the query does not fit in
        return []


def _parts(pattern: TimeSeries, clip: TimeSeries, exact_cells: int) -> list[TimeSeries]:
    """The seen stretch of the clip, whole or in overlapping parts; empty where nobody is seen."""
    seen_s = clip.time_s[clip.is_seen]
    if not len(seen_s):
        return []
    pattern_s = pattern.time_s[pattern.is_seen]
    step_s = common_step(pattern, clip)
    rows = max(1, round(float(pattern_s[-1] - pattern_s[0]) / step_s) + 1)
    overlap_s = MAX_TEMPO * rows * step_s + PAUSE_ROOM_S
    part_s = exact_cells // rows * step_s
    if seen_s[-1] - seen_s[0] <= part_s or part_s < 2 * overlap_s:
        return [clip]
    return list(_cut(clip, float(seen_s[0]), float(seen_s[-1]), part_s, overlap_s))


def _cut(clip: TimeSeries, start_s: float, end_s: float, part_s: float, overlap_s: float) -> Iterator[TimeSeries]:
    while True:
        yield clip.between(start_s, start_s + part_s)
        if start_s + part_s > end_s:
            return
        start_s += part_s - overlap_s


def _typical_cost(pattern: TimeSeries, clip: TimeSeries, distance: PairDistance) -> float:
    """Mean distance of the pairs of seen frames, of a clip's frames so many that it is no longer the cost of it."""
    rows = np.flatnonzero(clip.is_seen)
    rows = rows[:: max(1, len(rows) // _TYPICAL_FRAMES)]
    few = TimeSeries(clip.time_s[rows], clip.values[rows], clip.is_seen[rows])
    return mean_known(cost_matrix(pattern, few, distance=distance))


def _overlap(a: TimeAlignment, b: TimeAlignment) -> bool:
    return bool(a.query_s[0] <= b.query_s[-1] and b.query_s[0] <= a.query_s[-1])
