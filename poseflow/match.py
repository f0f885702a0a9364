"""Compares the movements of two people, whatever cameras filmed them: alignment in time, mirror, score."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from poseflow.dtw import MAX_TEMPO
from poseflow.embed import shipped_embedder
from poseflow.embedding_cost import PairScorer, embedding_cost, series_of
from poseflow.errors import ModelMismatchError, NothingToScoreError
from poseflow.match_records import Occurrence, Side
from poseflow.mirror import MIRROR_CHOICES, Mirror, MirrorVerdict, judge_mirror
from poseflow.occurrences import find_occurrences
from poseflow.records import EmbeddingTrack, MatchResult
from poseflow.score import MatchDefaults, match_defaults, path_distance
from poseflow.tempo import moving_times, overall_tempo, pauses, tempo_changes, timing_score
from poseflow.time_alignment import PathSettings, TimeAlignment, align_in_time

MIN_COVERAGE = 0.5
"""Below half of the clip that must be matched whole, a score would speak of the minority of what happened."""
MIN_OCCURRENCE_SCORE = 30.0
"""Half way between another movement (0) and another competent person (60)."""
GAIN_MOMENTS = 200
"""About so many moments of a path, evenly spread, say what its motion gain is."""
UNKNOWN_DETECTOR = "unknown"


@dataclass(frozen=True)
class MatchSettings:
    """How two movements are compared.

    Attributes:
        mirror: Whether the query is compared with the reference as it is (off), as its mirror image (on), or as
            whichever is clearly nearer (auto).
        band_s: Most seconds that the query may be ahead of or behind unit tempo since the start; None = any.
        find_all: Whether every occurrence of the shorter clip in the longer one is sought.
        min_coverage: Least share in [0, 1] of the clip that is matched whole that must be seen on both sides.
    """

    mirror: Mirror = "auto"
    band_s: float | None = None
    find_all: bool = False
    min_coverage: float = MIN_COVERAGE

    def __post_init__(self) -> None:
        if self.mirror not in MIRROR_CHOICES:
            raise ValueError(f"mirror: expected one of {', '.join(MIRROR_CHOICES)}, got {self.mirror!r}")
        if not 0 <= self.min_coverage <= 1:
            raise ValueError(f"min_coverage: expected 0 to 1, got {self.min_coverage}")
        PathSettings(band_s=self.band_s)

    @property
    def path(self) -> PathSettings:
        """How the path is sought."""
        return PathSettings(band_s=self.band_s)


def match(
    ref: EmbeddingTrack,
    query: EmbeddingTrack,
    *,
    embedder: PairScorer | None = None,
    query_mirrored: EmbeddingTrack | None = None,
    ref_detector: str = UNKNOWN_DETECTOR,
    query_detector: str = UNKNOWN_DETECTOR,
    settings: MatchSettings = MatchSettings(),  # noqa: B008  (frozen)
) -> MatchResult:
    """How alike two movements are: the shorter track whole against the best part of the longer one.

    Args:
        ref: The example, e.g. the teacher.
        query: The person who is compared with it.
        embedder: The model that made both tracks; the shipped one by default.
        query_mirrored: The embeddings of the query's mirror image (`poseflow.mirror.embed_mirrored`); without them
            mirror auto cannot tell, and compares the person alone.
        ref_detector: What found the keypoints of `ref`, for the signature.
        query_detector: What found those of `query`.
        settings: Mirror, band, occurrences, coverage.

    Raises:
        ModelMismatchError: The tracks, or a track and the embedder, are of different models.
        NothingToScoreError: A track has no valid frame, or less than `min_coverage` could be compared.
        NoPathError: No path keeps to the band.
        ValueError: Mirror on without `query_mirrored`.
    """
    scorer = _scorer_of(ref, query, embedder)
    defaults = match_defaults(scorer)
    alignment, compared, verdict = _align(ref, query, query_mirrored, scorer, defaults, settings)
    _check_coverage(alignment, settings.min_coverage)
    detectors = (ref_detector, query_detector)
    signature = match_signature(ref.model, *detectors, settings, defaults)
    return replace(
        _result(ref, query, alignment, scorer, defaults, detectors, signature),
        is_mirrored=verdict.is_mirrored,
        mirror_margin=verdict.margin,
        occurrences=_occurrences(ref, compared, scorer, defaults, settings) if settings.find_all else (),
    )


def _result(
    ref: EmbeddingTrack,
    query: EmbeddingTrack,
    alignment: TimeAlignment,
    scorer: PairScorer,
    defaults: MatchDefaults,
    detectors: tuple[str, str],
    signature: str,
) -> MatchResult:
    """What the alignment says: all but the mirror's verdict and the occurrences."""
    distance, probability = path_figures(scorer, alignment.ref_values, alignment.query_values)
    tempo = overall_tempo(*moving_times(alignment))
    scored = path_distance(alignment)
    score = defaults.score(scored)
    return MatchResult(
        score=score,
        pose_score=score,
        timing_score=timing_score(alignment, tempo=tempo),
        coverage_score=100 * alignment.consumed_coverage,
        match_probability=float(np.nanmean(probability[alignment.is_moving])),
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
        ref_detector=detectors[0],
        query_detector=detectors[1],
        signature=signature,
        pauses=pauses(alignment),
        tempo_changes=tempo_changes(alignment),
        motion_gain=motion_gain(alignment, scorer),
        path_distance=scored,
    )


def motion_gain(alignment: TimeAlignment, scorer: PairScorer) -> float:
    """Mean distance of all pairs of the path's seen moments, less that of the aligned ones; pauses count nothing."""
    counts = np.isfinite(alignment.distance) & alignment.is_moving
    every = max(1, int(counts.sum()) // GAIN_MOMENTS)
    ref, query = (values[counts][::every] for values in (alignment.ref_values, alignment.query_values))
    if not len(ref):
        return math.nan
    cost = embedding_cost(scorer)
    return float(cost.matrix(ref, query).mean() - cost(ref, query).mean())


def _align(
    ref: EmbeddingTrack,
    query: EmbeddingTrack,
    query_mirrored: EmbeddingTrack | None,
    scorer: PairScorer,
    defaults: MatchDefaults,
    settings: MatchSettings,
) -> tuple[TimeAlignment, EmbeddingTrack, MirrorVerdict]:
    """The alignment with the person or with the mirror image, the embeddings that it is with, and the verdict."""

    def aligned(track: EmbeddingTrack) -> TimeAlignment:
        return align_in_time(series_of(ref), series_of(track), distance=cost, settings=settings.path)

    cost = embedding_cost(scorer)
    if settings.mirror == "off" or (settings.mirror == "auto" and query_mirrored is None):
        is_mirrored = False if settings.mirror == "off" else None
        return aligned(query), query, MirrorVerdict(is_mirrored, math.nan)
    if query_mirrored is None:
        raise ValueError("mirror: 'on' needs query_mirrored, the embeddings of the mirror image of the query")
    if settings.mirror == "on":
        return aligned(query_mirrored), query_mirrored, MirrorVerdict(True, math.nan)
    plain, mirrored = aligned(query), aligned(query_mirrored)
    both = query.valid & query_mirrored.valid
    asymmetry = cost(series_of(query).values[both], series_of(query_mirrored).values[both])
    verdict = judge_mirror(
        plain.cost,
        mirrored.cost,
        asymmetry=float(asymmetry.mean()) if both.any() else math.nan,
        evidence=defaults.mirror_evidence,
    )
    return (mirrored, query_mirrored, verdict) if verdict.is_mirrored else (plain, query, verdict)


def _occurrences(
    ref: EmbeddingTrack, query: EmbeddingTrack, scorer: PairScorer, defaults: MatchDefaults, settings: MatchSettings
) -> tuple[Occurrence, ...]:
    """Every occurrence of the shorter of the two in the longer one with MIN_OCCURRENCE_SCORE or more."""
    lengths = [track.time_s[track.valid][[0, -1]] for track in (ref, query)]
    is_ref_longer = bool(np.ptp(lengths[0]) > np.ptp(lengths[1]))
    pattern, clip = (query, ref) if is_ref_longer else (ref, query)

    def figures(found: TimeAlignment) -> tuple[float, float]:
        moving = found.is_moving
        _, probability = path_figures(scorer, found.ref_values[moving], found.query_values[moving])
        return defaults.score(path_distance(found)), float(np.nanmean(probability))

    def accept(found: TimeAlignment) -> bool:
        is_seen = found.consumed_coverage > 0 and found.consumed_coverage >= settings.min_coverage
        return is_seen and figures(found)[0] >= MIN_OCCURRENCE_SCORE

    places = find_occurrences(
        series_of(pattern), series_of(clip), distance=embedding_cost(scorer), accept=accept, settings=settings.path
    )
    side: Side = "ref" if is_ref_longer else "query"
    occurrences = []
    for place in places:
        score, probability = figures(place)
        pattern_s, clip_s = moving_times(place)
        tempo = overall_tempo(*((clip_s, pattern_s) if is_ref_longer else (pattern_s, clip_s)))
        end_s = float(place.query_s[-1]) + place.step_s
        occurrences.append(Occurrence(side, float(place.query_s[0]), end_s, score, probability, tempo))
    return tuple(occurrences)


def path_figures(scorer: PairScorer, a: NDArray, b: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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


def _scorer_of(ref: EmbeddingTrack, query: EmbeddingTrack, embedder: PairScorer | None) -> PairScorer:
    if ref.model != query.model:
        raise ModelMismatchError(
            f"the reference was embedded by {ref.model}, the query by {query.model}: their embeddings cannot be "
            "compared; embed one of them again with the model of the other"
        )
    embedder = embedder or shipped_embedder()
    if embedder.model_id != ref.model:
        raise ModelMismatchError(
            f"the clips were embedded by {ref.model}, and {embedder.model_id} was to compare them; "
            f"embed the clips again with {embedder.model_id}, or compare with {ref.model}"
        )
    return embedder


def _check_coverage(alignment: TimeAlignment, min_coverage: float) -> None:
    coverage = alignment.consumed_coverage
    if coverage == 0 or coverage < min_coverage:
        raise NothingToScoreError(
            f"only {coverage:.0%} of the shorter clip could be compared, and a score needs {min_coverage:.0%}: "
            "a person was out of sight for the rest; choose another person, or cut the clip to where both are seen"
        )


def match_signature(
    model: str, ref_detector: str, query_detector: str, settings: MatchSettings, defaults: MatchDefaults
) -> str:
    """How a score was made; scores with unequal signatures are not comparable."""
    detector = ref_detector if ref_detector == query_detector else f"{ref_detector}/{query_detector}"
    path = settings.path
    dtw = f"slope{MAX_TEMPO}+charge{path.tempo_charge}+pause{path.pause_start:g}/{path.pause_frame}"
    dtw += f"+context{path.context_s}s" + ("" if path.band_s is None else f"+band{path.band_s:g}s")
    return (
        f"poseflow|emb:{model}|det:{detector}|dtw:{dtw}|mirror:{settings.mirror}|score:{defaults.signature}"
        f"|v{version('poseflow')}"
    )
