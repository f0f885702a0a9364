"""Matches two clips of one or several people: the pair that was asked for, or the best of all, with every score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from poseflow.embed import shipped_embedder
from poseflow.errors import NoPathError, NothingToScoreError
from poseflow.match import UNKNOWN_DETECTOR, MatchSettings, match
from poseflow.match_records import STILL_GAIN, ScoreMatrix
from poseflow.mirror import embed_mirrored
from poseflow.people import PERSON_CHOICES, choose_people
from poseflow.records import EmbeddedClip, EmbeddingTrack, MatchResult

if TYPE_CHECKING:
    from vvipe.embedder import Embedder

MIN_SEEN_SHARE = 0.5
"""Whom `auto` leaves out: people embedded for less than this share of the time of the one embedded longest."""
MATCH_PERSON_CHOICES = PERSON_CHOICES | {
    "auto": "whoever gives the pair that moves most alike, among those seen at least half as long as the longest",
    "all": "likewise among everybody",
}


def match_clips(
    ref: EmbeddedClip,
    query: EmbeddedClip,
    *,
    ref_person: str = "auto",
    query_person: str = "auto",
    embedder: Embedder | None = None,
    settings: MatchSettings = MatchSettings(),  # noqa: B008  (frozen)
) -> MatchResult:
    """`match` of the best pair of the chosen people, with the scores of all pairs and the detectors named.

    The best pair is the one that moves most alike: match probability times motion gain. By the score alone two
    bystanders who merely stand would win: of 150 composed CMU scenes of a performer, a bystander and a passer-by the
    score found the two performers in 33 %, this in 98 %.

    Args:
        ref: The example.
        query: What is compared with it.
        ref_person: One of MATCH_PERSON_CHOICES.
        query_person: Likewise.
        embedder: The model that made both clips; the shipped one by default.
        settings: As `match`.

    Raises:
        ValueError: A choice is none of MATCH_PERSON_CHOICES.
        NoSuchPersonError: A choice means nobody in a clip.
        ModelMismatchError, NoPathError: As `match`.
        NothingToScoreError: Too little was seen of every pair; the message is that of the first.
    """
    embedder = embedder or shipped_embedder()
    refs = _candidates(ref, ref_person)
    queries = [(track, _mirrored(query, track, embedder, settings)) for track in _candidates(query, query_person)]
    detectors = (_detector_of(ref), _detector_of(query))
    results: dict[tuple[int, int], MatchResult] = {}
    refusals: list[NothingToScoreError | NoPathError] = []
    for i, ref_track in enumerate(refs):
        for j, (track, mirrored) in enumerate(queries):
            try:
                results[i, j] = match(
                    ref_track,
                    track,
                    embedder=embedder,
                    query_mirrored=mirrored,
                    ref_detector=detectors[0],
                    query_detector=detectors[1],
                    settings=settings,
                )
            except (NothingToScoreError, NoPathError) as refusal:
                refusals.append(refusal)
    if not results:
        raise refusals[0]
    best = max(results.values(), key=_moves_alike)
    return replace(best, matrix=_matrix(refs, [track for track, _ in queries], results))


def _moves_alike(result: MatchResult) -> float:
    """How surely two people make one movement; among pairs of which one stands still, how surely one pose."""
    return result.match_probability * max(result.motion_gain, STILL_GAIN)


def _matrix(
    refs: Sequence[EmbeddingTrack], queries: Sequence[EmbeddingTrack], results: dict[tuple[int, int], MatchResult]
) -> ScoreMatrix:
    scores, gains = np.full((2, len(refs), len(queries)), np.nan)
    for place, result in results.items():
        scores[place], gains[place] = result.score, result.motion_gain
    return ScoreMatrix(tuple(t.person_id for t in refs), tuple(t.person_id for t in queries), scores, gains)


def _candidates(clip: EmbeddedClip, choice: str) -> list[EmbeddingTrack]:
    """The people that a choice means, one at least."""
    if choice not in ("auto", "all"):
        (person,) = choose_people(clip.tracks, person=choice, frame_size=clip.metadata.size)
        return [clip.person(person.person_id)[1]]
    everybody = choose_people(clip.tracks, person="all", frame_size=clip.metadata.size)
    tracks = [clip.person(person.person_id)[1] for person in everybody]
    seen = [_embedded_s(track) for track in tracks]
    floor = 0.0 if choice == "all" else MIN_SEEN_SHARE * max(seen)
    return [track for track, seen_s in zip(tracks, seen, strict=True) if seen_s >= floor]


def _embedded_s(track: EmbeddingTrack) -> float:
    """Time for which the person was seen well enough to embed."""
    steps_s = np.diff(track.time_s)
    return float(steps_s[track.valid[:-1] & track.valid[1:]].sum())


def _mirrored(
    clip: EmbeddedClip, track: EmbeddingTrack, embedder: Embedder, settings: MatchSettings
) -> EmbeddingTrack | None:
    return None if settings.mirror == "off" else embed_mirrored(clip, track.person_id, embedder)


def _detector_of(clip: EmbeddedClip) -> str:
    return clip.metadata.detector.signature if clip.metadata.detector else UNKNOWN_DETECTOR
