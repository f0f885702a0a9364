"""Repetitions of a movement: how often, when, how like the best one, and by which joint unlike it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from poseflow.embedding_cost import PairScorer, embedding_cost, series_of
from poseflow.errors import NothingToScoreError
from poseflow.motif import Motif, MotifSettings, find_motif
from poseflow.occurrences import find_occurrences
from poseflow.records import EmbeddingTrack
from poseflow.score import match_defaults
from poseflow.time_alignment import PathSettings, TimeAlignment
from vvipe.skeleton import H36M17


class RepetitionModel(PairScorer, Protocol):
    """What counting needs of `vvipe.Embedder`."""

    def decode(self, vectors: NDArray) -> NDArray: ...


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
    """When a stretch counts as a repetition.

    Attributes:
        motif: How the movement is found where no reference is given.
        max_distance: Largest mean expected NP-MPJPE along the path, as a share of the way from the model's anchor
            for another person doing the movement to that for another movement.
        tempo_charge: Against leaving the reference's tempo, `PathSettings`: else the rest before and after a
            repetition, and the next one, would be drawn into it.
        relative: Without a reference, a repetition that is farther than another person's would be is no farther than
            this many times the typical one's distance beyond the nearest.
    """

    motif: MotifSettings = MotifSettings()
    max_distance: float = 0.5
    tempo_charge: float = 0.3
    relative: float = 2.5


def count_repetitions(
    track: EmbeddingTrack,
    *,
    embedder: RepetitionModel,
    ref: EmbeddingTrack | None = None,
    settings: CountSettings = CountSettings(),  # noqa: B008  (frozen)
) -> tuple[Repetition, ...]:
    """The repetitions in a track, in time order; empty where nothing is done twice.

    Args:
        track: What is searched.
        embedder: The model that made the track.
        ref: One repetition, e.g. a teacher's; without it the stretch that occurs again most often is taken.
        settings: When a stretch counts.

    Raises:
        NothingToScoreError: The track, or `ref`, has no valid frame.
    """
    clip = series_of(track)
    if not clip.is_seen.any():
        raise NothingToScoreError("no usable pose in the clip: too little of the person was seen")
    cost = embedding_cost(embedder)
    if ref is None:
        motif = find_motif(clip, distance=cost, settings=settings.motif)
        if motif is None:
            return ()
        pattern, limit = clip.between(motif.start_s, motif.end_s), _limit(embedder, motif, settings)
    else:
        pattern, limit = series_of(ref), _limit(embedder, None, settings)
    path = PathSettings(tempo_charge=settings.tempo_charge)
    found = find_occurrences(pattern, clip, distance=cost, accept=lambda place: place.cost <= limit, settings=path)
    kept = found if ref is not None else _typical(found, match_defaults(embedder).other_person, settings.relative)
    return _described(sorted(kept, key=lambda place: place.query_s[0]), embedder, has_ref=ref is not None)


def _limit(embedder: PairScorer, motif: Motif | None, settings: CountSettings) -> float:
    """Largest cost of an occurrence."""
    known = match_defaults(embedder)
    limit = known.other_person + settings.max_distance * (known.other_movement - known.other_person)
    return limit if motif is None else min(limit, motif.limit)


def _typical(found: list[TimeAlignment], good: float, relative: float) -> list[TimeAlignment]:
    """Those that are good, or whose cost is not far beyond the typical one; the pattern itself says nothing."""
    if len(found) < 3:
        return found
    costs = np.array([place.cost for place in found])
    floor, typical = costs.min(), float(np.median(np.sort(costs)[1:]))
    return [place for place in found if place.cost <= max(good, floor + relative * (typical - floor))]


def _described(found: list[TimeAlignment], embedder: RepetitionModel, *, has_ref: bool) -> tuple[Repetition, ...]:
    """Repetitions with likeness and worst joint, against the reference or the most central repetition."""
    known = match_defaults(embedder)
    repetitions = []
    for place in found:
        joint, distance = _worst_joint(place, embedder)
        is_itself = not has_ref and place.cost <= min(p.cost for p in found)
        repetitions.append(
            Repetition(
                float(place.query_s[0]),
                float(place.query_s[-1] + place.step_s),
                100.0 if is_itself else known.score(place.cost),
                None if is_itself else joint,
                0.0 if is_itself else distance,
            )
        )
    return _without_overlap(repetitions)


def _without_overlap(repetitions: list[Repetition]) -> tuple[Repetition, ...]:
    """Each ends where the next one starts, at the latest."""
    ends = [*(r.start_s for r in repetitions[1:]), np.inf]
    return tuple(replace(r, end_s=min(r.end_s, float(end))) for r, end in zip(repetitions, ends, strict=True))


def _worst_joint(place: TimeAlignment, embedder: RepetitionModel) -> tuple[str, float]:
    """The joint with the largest mean distance between decoded canonical poses along the path."""
    is_known = np.isfinite(place.distance)
    poses = [
        embedder.decode(values[is_known, :-1].astype(np.float32)) for values in (place.ref_values, place.query_values)
    ]
    apart = np.linalg.norm(poses[0] - poses[1], axis=-1).mean(0)
    return H36M17.joints[int(apart.argmax())], float(apart.max())


def count_json(repetitions: tuple[Repetition, ...]) -> dict[str, Any]:
    """The object that `poseflow count --json` prints."""
    return {"count": len(repetitions), "repetitions": [asdict(repetition) for repetition in repetitions]}


def count_text(repetitions: tuple[Repetition, ...]) -> str:
    """The same for the terminal: a line a repetition, the least alike marked."""
    if not repetitions:
        return "0 repetitions: nothing in the clip is done twice, or like the reference"
    least = min(r.likeness for r in repetitions)
    lines = [f"{len(repetitions)} repetitions", "  no.  start    end    likeness  farthest off"]
    for number, r in enumerate(repetitions, start=1):
        joint = "" if r.worst_joint is None else f"{r.worst_joint.replace('_', ' ')} ({r.joint_distance:.2f} torso)"
        mark = "  <- least alike" if r.likeness == least and least < 100 else ""
        lines.append(f"  {number:3d}  {r.start_s:6.2f}  {r.end_s:6.2f}  {r.likeness:4.0f} / 100  {joint}{mark}")
    return "\n".join(lines)
