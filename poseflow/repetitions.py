"""Repetitions of a movement: how often, when, how like the best one, and by which joint unlike it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from poseflow.costs import PairDistance
from poseflow.embedding_cost import PairScorer, embedding_cost, series_of
from poseflow.errors import ModelMismatchError, NoPathError, NothingToScoreError
from poseflow.motif import Motif, MotifSettings, find_motif, find_place
from poseflow.records import EmbeddingTrack
from poseflow.score import match_defaults, path_distance
from poseflow.time_alignment import PathSettings, TimeAlignment, align_in_time
from poseflow.time_series import TimeSeries
from vvipe.skeleton import H36M17

ROOM_S = 0.2
"""By how much a repetition may begin earlier or end later than the coarse search says."""


class RepetitionModel(PairScorer, Protocol):
    """What counting needs of `vvipe.Embedder`."""

    def decode(self, vectors: NDArray) -> NDArray:
        """(N, 17, 3) canonical poses of embeddings (N, D), torso lengths."""
        ...


@dataclass(frozen=True)
class Repetition:
    """One time that the movement was done.

    Attributes:
        start_s, end_s: Half-open span, presentation time.
        likeness: 0 to 100, the match score against the reference, or against the best repetition (which has 100).
        worst_joint: The joint that is farthest from where the reference has it, after alignment; None for the best.
        joint_distance: How far, torso lengths in the body's own frame, the mean over the repetition.
    """

    start_s: float
    end_s: float
    likeness: float
    worst_joint: str | None
    joint_distance: float


@dataclass(frozen=True)
class CountSettings:
    """When a stretch counts as a repetition; chosen with `poseflow bench count --on development`.

    Attributes:
        motif: What counts as a movement done again.
        reference_likeness: A reference is done in the clip where the frames of both are nearer to each other than this
            share of how far the reference's own frames are apart.
        tempo_charge: Against leaving the pattern's tempo where start and end are sought, `PathSettings`.
    """

    motif: MotifSettings = MotifSettings()
    reference_likeness: float = 0.95
    tempo_charge: float = 0.3


def count_repetitions(
    track: EmbeddingTrack,
    *,
    embedder: RepetitionModel,
    ref: EmbeddingTrack | None = None,
    settings: CountSettings = CountSettings(),  # noqa: B008  (frozen)
) -> tuple[Repetition, ...]:
    """The repetitions in a track, in time order; empty where nothing is done twice, or nothing is like the reference.

    Args:
        track: What is searched.
        embedder: The model that made the track.
        ref: One repetition, e.g. a teacher's; without it the movement that the track itself repeats most is taken.
        settings: When a stretch counts.

    Raises:
        NothingToScoreError: The track, or `ref`, has no valid frame.
        ModelMismatchError: The track, or `ref`, was made by another model.
    """
    for one in (track,) if ref is None else (track, ref):
        if one.model != embedder.model_id:
            raise ModelMismatchError(
                f"a clip was embedded by {one.model}, the model here is {embedder.model_id}: embed the clip again, "
                "or name its model with --model"
            )
    clip = series_of(track)
    if not clip.is_seen.any():
        raise NothingToScoreError("no usable pose in the clip: too little of the person was seen")
    cost = embedding_cost(embedder)
    motif = find_motif(clip, distance=cost, settings=settings.motif)
    if ref is not None:
        pattern = series_of(ref)
        places = _like_reference(pattern, clip, motif, cost, settings)
    elif motif is not None:
        pattern, places = clip.between(motif.start_s, motif.end_s), motif.places
    else:
        return ()
    path = PathSettings(tempo_charge=settings.tempo_charge, open_clip="query")
    windows = [_room(places, number, _length_s(pattern)) for number in range(len(places))]
    aligned = [_aligned(pattern, clip.between(*window), cost, path) for window in windows]
    found = [place for place in aligned if place is not None]
    if ref is not None and min(map(path_distance, found), default=0.0) >= match_defaults(embedder).other_movement:
        return ()  # not even the nearest is more like the reference than another movement
    return _described(found, embedder, has_ref=ref is not None)


def _like_reference(
    ref: TimeSeries, clip: TimeSeries, motif: Motif | None, cost: PairDistance, settings: CountSettings
) -> tuple[tuple[float, float], ...]:
    """Where the reference's movement is done: one place by the reference, the others by that place.

    Another camera and body make the reference less like each repetition than those are like each other.
    """
    one = find_place(ref, clip, distance=cost, likeness=settings.reference_likeness, settings=settings.motif)
    if one is None:
        return ()
    middle_s = (one[0] + one[1]) / 2
    if motif is None or not any(start_s <= middle_s < end_s for start_s, end_s in motif.places):
        motif = find_motif(clip, distance=cost, around=one, settings=settings.motif)
    return (one,) if motif is None else motif.places


def _length_s(series: TimeSeries) -> float:
    seen_s = series.time_s[series.is_seen]
    return float(seen_s[-1] - seen_s[0]) if len(seen_s) else 0.0


def _room(places: Sequence[tuple[float, float]], number: int, pattern_s: float) -> tuple[float, float]:
    """Where a repetition may begin and end: around its place, up to the middle between it and its neighbours."""
    start_s, end_s = places[number]
    spare_s = ROOM_S + max(0.0, pattern_s - (end_s - start_s)) / 2
    low = (places[number - 1][1] + start_s) / 2 if number else -np.inf
    high = (end_s + places[number + 1][0]) / 2 if number + 1 < len(places) else np.inf
    return max(min(low, start_s), start_s - spare_s), min(max(high, end_s), end_s + spare_s)


def _aligned(pattern: TimeSeries, part: TimeSeries, cost: PairDistance, path: PathSettings) -> TimeAlignment | None:
    """The pattern in a part of the clip; None where it cannot be followed, or nothing of it can be scored."""
    try:
        found = align_in_time(pattern, part, distance=cost, settings=path)
    except (NothingToScoreError, NoPathError):
        return None
    return found if np.isfinite(path_distance(found)) else None


def _described(found: list[TimeAlignment], embedder: RepetitionModel, *, has_ref: bool) -> tuple[Repetition, ...]:
    """Repetitions with likeness and worst joint, against the reference or the repetition that the others are like."""
    known = match_defaults(embedder)
    distances = [path_distance(place) for place in found]
    repetitions = []
    for place, apart in zip(found, distances, strict=True):
        joint, joint_distance = _worst_joint(place, embedder)
        is_itself = not has_ref and apart == min(distances)
        repetitions.append(
            Repetition(
                float(place.query_s[0]),
                float(place.query_s[-1] + place.step_s),
                100.0 if is_itself else known.score(apart),
                None if is_itself else joint,
                0.0 if is_itself else joint_distance,
            )
        )
    return _without_overlap(repetitions)


def _without_overlap(repetitions: Sequence[Repetition]) -> tuple[Repetition, ...]:
    """Each ends where the next one starts, at the latest."""
    starts = [r.start_s for r in repetitions[1:]]
    return tuple(replace(r, end_s=min(r.end_s, *starts[i : i + 1], np.inf)) for i, r in enumerate(repetitions))


def _worst_joint(place: TimeAlignment, embedder: RepetitionModel) -> tuple[str, float]:
    """The joint with the largest mean distance between decoded canonical poses along the path."""
    is_known = np.isfinite(place.distance)
    poses = [
        embedder.decode(values[is_known, :-1].astype(np.float32)) for values in (place.ref_values, place.query_values)
    ]
    apart = np.linalg.norm(poses[0] - poses[1], axis=-1).mean(0)
    return H36M17.joints[int(apart.argmax())], float(apart.max())


def least_alike(repetitions: Sequence[Repetition]) -> Repetition | None:
    """The repetition of the lowest likeness, the first of equals; None where there are not two, or all round to 100."""
    lowest = min(repetitions, key=lambda r: r.likeness, default=None)
    return lowest if lowest is not None and len(repetitions) > 1 and round(lowest.likeness) < 100 else None


def count_json(repetitions: tuple[Repetition, ...]) -> dict[str, Any]:
    """The object that `poseflow count --json` prints."""
    return {"count": len(repetitions), "repetitions": [asdict(repetition) for repetition in repetitions]}


def count_text(repetitions: tuple[Repetition, ...]) -> str:
    """The same for the terminal: a line a repetition, the least alike marked."""
    if not repetitions:
        return "0 repetitions: nothing in the clip is done twice, or like the reference"
    least = least_alike(repetitions)
    head = "1 repetition" if len(repetitions) == 1 else f"{len(repetitions)} repetitions"
    lines = [head, "  no.  start    end    likeness  farthest off"]
    for number, r in enumerate(repetitions, start=1):
        joint = "" if r.worst_joint is None else f"{r.worst_joint.replace('_', ' ')} ({r.joint_distance:.2f} torso)"
        mark = "  <- least alike" if r is least else ""
        line = f"  {number:3d}  {r.start_s:6.2f}  {r.end_s:6.2f}  {r.likeness:4.0f} / 100  {joint}{mark}"
        lines.append(line.rstrip())
    return "\n".join(lines)
