"""What is compared in the mimicry benchmark, and by what: films of performances, and ways of rating two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.degradations import shaken
from poseflow_benchmarks.mocap_clips import Noise, View, film, random_view, warped
from poseflow_benchmarks.sync_mocap import RATE_HZ, SeriesSystem, our_systems, rival_systems

from poseflow.embed import embed_tracks, steady_track
from poseflow.errors import NothingToScoreError
from poseflow.match import MatchSettings, match
from poseflow.mirror import mirror_track
from poseflow.records import EmbeddingTrack, MatchResult, PoseTrack
from poseflow.time_alignment import align_in_time
from poseflow.time_series import TimeSeries
from vvipe.datasets.mocap import MocapSequence
from vvipe.embedder import Embedder
from vvipe.skeleton import H36M17

OURS = "poseflow match (score)"


@dataclass(frozen=True)
class Rater:
    """A way of saying how alike two films are.

    Attributes:
        look: What it reads off one film.
        rate: Higher = more alike, of what it read off the reference and the query.
    """

    name: str
    look: Callable[[PoseTrack], Any]
    rate: Callable[[Any, Any], float]


@dataclass(frozen=True)
class Triple:
    """A performance, somebody else's of the same movement, and somebody else's of another one; and two cameras."""

    ref: MocapSequence
    same: MocapSequence
    other: MocapSequence
    ref_view: View
    query_view: View


def make_raters(embedder: Embedder) -> list[Rater]:
    """The score of `poseflow match` with its defaults; then embeddings, 2D keypoints and 2D angles, aligned alike."""
    systems = [*our_systems(embedder), *rival_systems(None, None)]
    names = ("embedding, alignment alone", *(system.name for system in systems[1:]))
    plain = [_alignment_rater(name, system) for name, system in zip(names, systems, strict=True)]
    return [Rater(OURS, lambda track: both_images(track, embedder), lambda a, b: _score(a, b, embedder)), *plain]


def both_images(track: PoseTrack, embedder: Embedder) -> tuple[EmbeddingTrack, EmbeddingTrack]:
    """The embeddings of a steadied track and of its mirror image."""
    own, mirrored = embed_tracks([track, mirror_track(track)], embedder, smooth=False)
    return own, mirrored


def matched(
    ref: tuple[EmbeddingTrack, EmbeddingTrack], query: tuple[EmbeddingTrack, EmbeddingTrack], embedder: Embedder
) -> MatchResult:
    """What `poseflow match` with mirror auto finds, however little was seen."""
    settings = MatchSettings(min_coverage=0)
    return match(ref[0], query[0], query_mirrored=query[1], embedder=embedder, settings=settings)


def compare(raters: Sequence[Rater], ref: PoseTrack, queries: Sequence[PoseTrack]) -> NDArray[np.float64]:
    """(R, Q) how alike each rater finds the reference and each query."""
    rated = []
    for rater in raters:
        seen = rater.look(ref)
        rated.append([rater.rate(seen, rater.look(query)) for query in queries])
    return np.array(rated, dtype=np.float64)


def filmed(
    poses: NDArray[np.floating],
    fps: float,
    view: View,
    source: Noise | None,
    *,
    seed: int,
    shake: float = 0.0,
) -> PoseTrack:
    """A performance as `poseflow embed` would have its keypoints, steadied, at RATE_HZ.

    Args:
        source: None = exact keypoints.
        seed: Of the noise.
        shake: Sd of more noise on the keypoints (`poseflow_benchmarks.degradations.shaken`).
    """
    played, time_s = warped(poses, fps, lambda t: t, len(poses) / fps, rate=RATE_HZ)
    track = film(played, time_s, view, noise_seed=None if source is None else seed, noise=source or "D0")
    return steady_track(shaken(track, shake, seed=seed + 1) if shake else track)


def draw_triples(takes: Sequence[MocapSequence], count: int, *, is_cross_view: bool, seed: int) -> Iterator[Triple]:
    """Triples of all movements by turns; the same seed draws the same ones for every choice of cameras.

    Takes are turned to face alike at first, so that one view is one view for two of them.
    """
    generator = np.random.default_rng(seed)
    movements = sorted({take.label for take in takes})
    for number in range(count):
        label = movements[number % len(movements)]
        ref = pick([take for take in takes if take.label == label], generator)
        others = [take for take in takes if take.subject != ref.subject]
        same = pick([take for take in others if take.label == label], generator)
        other = pick([take for take in others if take.label != label], generator)
        ref_view, other_view = random_view(generator), random_view(generator)
        yield Triple(ref, same, other, ref_view, other_view if is_cross_view else ref_view)


def pick(takes: Sequence[MocapSequence], generator: np.random.Generator) -> MocapSequence:
    """One of the takes; ValueError where there is none."""
    if not takes:
        raise ValueError("takes: expected every movement from two actors or more, and two movements or more")
    return takes[int(generator.integers(len(takes)))]


def faced(take: MocapSequence) -> NDArray[np.float64]:
    """(F, 17, 3) the poses, turned about z so that the left hip of the first lies on +y of the right one."""
    left, right = H36M17.indices("left_hip", "right_hip")
    across = np.asarray(take.poses[0, left] - take.poses[0, right], np.float64)
    turn = np.pi / 2 - np.arctan2(across[1], across[0])
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return take.poses @ rotation.T


def _alignment_rater(name: str, system: SeriesSystem) -> Rater:
    def rate(ref: TimeSeries, query: TimeSeries) -> float:
        try:
            return -align_in_time(ref, query, distance=system.distance).cost
        except NothingToScoreError:
            return -np.inf

    return Rater(name, system.series, rate)


def _score(ref: Any, query: Any, embedder: Embedder) -> float:
    try:
        return matched(ref, query, embedder).score
    except NothingToScoreError:
        return -np.inf
