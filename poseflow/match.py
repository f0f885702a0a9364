"""Compares the movements of two people, whatever cameras filmed them: alignment in time, score, JSON."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.dtw import MAX_TEMPO
from poseflow.embedding_cost import PairScorer, embedding_cost, series_of
from poseflow.errors import ModelMismatchError, NothingToScoreError
from poseflow.people import choose_people
from poseflow.records import EmbeddedClip, EmbeddingTrack, MatchResult
from poseflow.time_alignment import TEMPO_CHARGE, TimeAlignment, align_in_time

MIN_COVERAGE = 0.5
"""Below half of the clip that must be matched whole, a score would speak of the minority of what happened."""
LOCAL_TEMPO_S = 0.5
"""Stretch of the path over which a local tempo is read: 15 steps of 1/30 s, so that one step is 7 % of it."""
UNKNOWN_DETECTOR = "unknown"


def match(
    ref: EmbeddingTrack,
    query: EmbeddingTrack,
    *,
    embedder: PairScorer | None = None,
    ref_detector: str = UNKNOWN_DETECTOR,
    query_detector: str = UNKNOWN_DETECTOR,
    min_coverage: float = MIN_COVERAGE,
) -> MatchResult:
    """How alike two movements are: the shorter track whole against the best part of the longer one.

    Args:
        ref: The example, e.g. the teacher.
        query: The person who is compared with it.
        embedder: The model that made both tracks; the shipped one by default.
        ref_detector: What found the keypoints of `ref`, for the signature.
        query_detector: What found those of `query`.
        min_coverage: Least share in [0, 1] of the shorter track that must be seen on both sides.

    Raises:
        ModelMismatchError: The tracks, or a track and the embedder, are of different models.
        NothingToScoreError: A track has no valid frame, or less than `min_coverage` could be compared.
    """
    scorer = _scorer_of(ref, query, embedder)
    alignment = align_in_time(series_of(ref), series_of(query), distance=embedding_cost(scorer))
    _check_coverage(alignment, min_coverage)
    distance, probability = _figures(scorer, alignment.ref_values, alignment.query_values)
    tempo = overall_tempo(alignment.ref_s, alignment.query_s)
    pose_score = anchored_score(float(np.nanmean(distance)), scorer.score_anchors)
    return MatchResult(
        score=pose_score,
        pose_score=pose_score,
        timing_score=evenness(alignment.ref_s, alignment.query_s, step_s=alignment.step_s, tempo=tempo),
        coverage_score=100 * alignment.consumed_coverage,
        match_probability=float(np.nanmean(probability)),
        offset_s=float(np.median(alignment.query_s - alignment.ref_s)),
        tempo=tempo,
        ref_coverage=alignment.ref_coverage,
        query_coverage=alignment.query_coverage,
        ref_person=ref.person_id,
        query_person=query.person_id,
        ref_s=alignment.ref_s,
        query_s=alignment.query_s,
        distance=distance,
        probability=probability,
        model=ref.model,
        ref_detector=ref_detector,
        query_detector=query_detector,
        signature=_signature(ref.model, ref_detector, query_detector),
    )


def match_clips(
    ref: EmbeddedClip,
    query: EmbeddedClip,
    *,
    ref_person: str = "auto",
    query_person: str = "auto",
    embedder: PairScorer | None = None,
    min_coverage: float = MIN_COVERAGE,
) -> MatchResult:
    """`match` of one person of each clip, chosen as `poseflow.people.choose_people` does, with the detectors named.

    Raises:
        ValueError: A choice is `all`, or means nobody.
        ModelMismatchError, NothingToScoreError: As `match`.
    """
    _, ref_track = ref.person(_only_person(ref, ref_person, "ref"))
    _, query_track = query.person(_only_person(query, query_person, "query"))
    return match(
        ref_track,
        query_track,
        embedder=embedder,
        ref_detector=_detector_of(ref),
        query_detector=_detector_of(query),
        min_coverage=min_coverage,
    )


def _figures(scorer: PairScorer, a: NDArray, b: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expected errors and match probabilities (L,) of features (L, D + 1); NaN where a side was not seen.

    The frames' uncertainties count, unless one of a seen frame is not known.
    """
    is_seen: NDArray[np.bool_] = np.isfinite(a[:, :-1]).all(1) & np.isfinite(b[:, :-1]).all(1)
    a, b = a[is_seen], b[is_seen]
    is_certainty_known = bool(np.isfinite(a[:, -1]).all() and np.isfinite(b[:, -1]).all())
    uncertainty = (a[:, -1], b[:, -1]) if is_certainty_known else (None, None)
    figures = np.full((2, len(is_seen)), np.nan)
    for row, measure in zip(figures, (scorer.expected_error, scorer.match_probability), strict=True):
        row[is_seen] = measure(a[:, :-1], b[:, :-1], *uncertainty)
    return figures[0], figures[1]


def anchored_score(distance: float, anchors: tuple[float, float]) -> float:
    """Score 0 to 100, linear in a mean expected NP-MPJPE: 100 up to the near anchor, 0 from the far one on."""
    near, far = anchors
    return float(np.clip(100 * (far - distance) / (far - near), 0, 100))


def overall_tempo(ref_s: NDArray[np.float64], query_s: NDArray[np.float64]) -> float:
    """Speed of the query / speed of the reference; NaN on a path of fewer than eight steps.

    The median slope between steps half a path apart (Theil's incomplete method): half of the path may be off.
    """
    half = len(ref_s) // 2
    if half < MAX_TEMPO + 1:  # nearer steps may share a frame, and have no slope
        return math.nan
    return float(np.median((ref_s[half:] - ref_s[:-half]) / (query_s[half:] - query_s[:-half])))


def evenness(ref_s: NDArray[np.float64], query_s: NDArray[np.float64], *, step_s: float, tempo: float) -> float:
    """Score 0 to 100 of how near the local tempo stays to `tempo`, in the mean, on a log scale; NaN where too short."""
    window = max(MAX_TEMPO + 1, round(LOCAL_TEMPO_S / step_s))
    if len(ref_s) <= window or math.isnan(tempo):
        return math.nan
    local = (ref_s[window:] - ref_s[:-window]) / (query_s[window:] - query_s[:-window])
    return float(np.clip(100 * (1 - np.abs(np.log(local / tempo)).mean() / np.log(MAX_TEMPO)), 0, 100))


def match_json(result: MatchResult) -> dict[str, Any]:
    """The object that `poseflow match --json` prints; NaN is None, parts that are not built yet are empty."""
    steps = zip(result.ref_s, result.query_s, result.distance, result.probability, strict=True)
    return {
        "score": _number(result.score),
        "subscores": {
            "pose": _number(result.pose_score),
            "timing": _number(result.timing_score),
            "coverage": _number(result.coverage_score),
        },
        "match_probability": _number(result.match_probability),
        "offset_s": _number(result.offset_s),
        "tempo": _number(result.tempo),
        "coverage": {"ref": _number(result.ref_coverage), "query": _number(result.query_coverage)},
        "ref_person": result.ref_person,
        "query_person": result.query_person,
        "path": [
            {"ref_s": _number(a), "query_s": _number(b), "distance": _number(d), "match_probability": _number(p)}
            for a, b, d, p in steps
        ],
        "occurrences": [],
        "feedback": [],
        "joints": [],
        "signature": result.signature,
    }


def _scorer_of(ref: EmbeddingTrack, query: EmbeddingTrack, embedder: PairScorer | None) -> PairScorer:
    if ref.model != query.model:
        raise ModelMismatchError(
            f"the reference was embedded by {ref.model}, the query by {query.model}: their embeddings cannot be "
            "compared; embed one of them again with the model of the other"
        )
    if embedder is None:
        from vvipe import Embedder

        embedder = Embedder.from_pretrained()
    if embedder.model_id != ref.model:
        raise ModelMismatchError(
            f"the clips were embedded by {ref.model}, and {embedder.model_id} was to compare them; "
            f"embed the clips again with {embedder.model_id}, or compare with {ref.model}"
        )
    return embedder


def _check_coverage(alignment: TimeAlignment, min_coverage: float) -> None:
    if not 0 <= min_coverage <= 1:
        raise ValueError(f"min_coverage: expected 0 to 1, got {min_coverage}")
    coverage = alignment.consumed_coverage
    if coverage == 0 or coverage < min_coverage:
        raise NothingToScoreError(
            f"only {coverage:.0%} of the shorter clip could be compared, and a score needs {min_coverage:.0%}: "
            "a person was out of sight for the rest; choose another person, or cut the clip to where both are seen"
        )


def _only_person(clip: EmbeddedClip, choice: str, side: str) -> int:
    if choice == "all":
        raise ValueError(f"{side}_person: one person is compared, not 'all'; choose one, e.g. auto or id:1")
    (person,) = choose_people(clip.tracks, person=choice, frame_size=clip.metadata.size)
    return person.person_id


def _detector_of(clip: EmbeddedClip) -> str:
    return clip.metadata.detector.signature if clip.metadata.detector else UNKNOWN_DETECTOR


def _signature(model: str, ref_detector: str, query_detector: str) -> str:
    detector = ref_detector if ref_detector == query_detector else f"{ref_detector}/{query_detector}"
    return f"poseflow|emb:{model}|det:{detector}|dtw:slope{MAX_TEMPO}+charge{TEMPO_CHARGE}|v{version('poseflow')}"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
