"""Every place of a clip in which a movement is found, best first, none overlapping another."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

from poseflow.costs import PairDistance
from poseflow.dtw import MAX_TEMPO
from poseflow.errors import NoPathError, NothingToScoreError
from poseflow.time_alignment import PathSettings, TimeAlignment, align_in_time
from poseflow.time_series import TimeSeries


def find_occurrences(
    pattern: TimeSeries,
    clip: TimeSeries,
    *,
    distance: PairDistance,
    accept: Callable[[TimeAlignment], bool],
    settings: PathSettings = PathSettings(),  # noqa: B008  (frozen)
) -> list[TimeAlignment]:
    """Where `pattern`, consumed whole, is found in `clip`: the cheapest place, then the cheapest in what is left, ...

    Args:
        pattern: The movement; the reference of the alignments.
        clip: What is searched; the query of the alignments.
        distance: Distance of pairs of features.
        accept: Whether a place is an occurrence; the stretch in which the cheapest place is none is not sought further.
        settings: How each place is sought; the open clip is always `clip`, and the charges are shares of the mean
            distance over the whole clip.

    Returns:
        Alignments in the order of their cost; empty if not even the first is accepted.

    Raises:
        NothingToScoreError: A series has no seen frame.
    """
    settings = replace(settings, open_clip="query")
    first = align_in_time(pattern, clip, distance=distance, settings=settings)
    settings = replace(settings, typical_cost=first.typical_cost)
    found: list[TimeAlignment] = []
    order = itertools.count()  # of equals the first; alignments cannot be compared
    queue = [(first.cost, next(order), first, clip)]
    while queue:
        _, _, best, inside = heapq.heappop(queue)
        if not accept(best):
            continue
        found.append(best)
        for part in _beside(inside, best):
            there = _try(pattern, part, distance, settings)
            if there is not None:
                heapq.heappush(queue, (there.cost, next(order), there, part))
    return found


def _beside(clip: TimeSeries, found: TimeAlignment) -> Iterator[TimeSeries]:
    """What is left of the clip before and after a place, where the movement may fit in at its highest tempo."""
    start_s, end_s = found.query_s[0], found.query_s[-1]
    whole_s = found.ref_s[-1] - found.ref_s[0]
    for part in (clip.between(-float("inf"), start_s - 1e-9), clip.between(end_s + 1e-9, float("inf"))):
        if part.is_seen.any() and MAX_TEMPO * (part.time_s[-1] - part.time_s[0] + found.step_s) >= whole_s:
            yield part


def _try(pattern: TimeSeries, part: TimeSeries, distance: PairDistance, settings: PathSettings) -> TimeAlignment | None:
    try:
        found = align_in_time(pattern, part, distance=distance, settings=settings)
    except (NothingToScoreError, NoPathError):  # nobody seen there, or too short after resampling
        return None
    return found if found.cost == found.cost else None
