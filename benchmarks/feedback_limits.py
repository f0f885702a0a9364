"""What differences of joint angles are not worth a word: from one performance in two views, and from other people's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.feedback import Viewed, draw_excerpts, view_pair
from poseflow_benchmarks.mocap_clips import Noise, warped
from poseflow_benchmarks.movement_pairs import Pair, cmu_performances, draw_pairs

from poseflow.angle_differences import ALL_ANGLES, AngleDifferences, angle_differences
from poseflow.feedback import FeedbackSettings, find_lines, judge, median_offset
from poseflow.joint_angles import ROOT_ANGLES
from poseflow.tolerances import Tolerances
from vvipe.datasets.mocap import MocapSequence
from vvipe.datasets.splits import select
from vvipe.embedder import Embedder

NOISE_QUANTILE = 0.99
"""Of the differences between two views of one performance: where a limit starts from, before it is widened."""
PEOPLE_QUANTILE = 0.75
"""Of those between two people's performances of one movement: most competent people differ by less."""
FALSE_PER_MINUTE = {"joints": 0.35, "root": 0.15}
"""Of the joints' angles, and of lean and facing; half of what may be, since other cameras and movements will come."""
FACTORS = np.arange(0.5, 4.0, 0.05)
_MOST_S = 12.0


@dataclass(frozen=True)
class MeasuredPairs:
    """Differences of pairs: `same` = one performance in two views, `people` = one movement by two people."""

    same: tuple[AngleDifferences, ...]
    people: tuple[AngleDifferences, ...]


def measure_differences(
    takes: Sequence[MocapSequence], count: int, *, embedder: Embedder, seed: int, noise: Noise = "D0"
) -> dict[str, MeasuredPairs]:
    """Pairs with keypoints ("keypoints") and without ("decoded").

    Args:
        takes: CMU takes that are not kept for tests; those of carve-out people are seen by two cameras.
        count: Pairs of each kind.
        embedder: The model.
        seed: Of excerpts, pairs, cameras and noise.
        noise: Of the keypoints.
    """
    generator = np.random.default_rng(seed)
    unseen = select(takes, "carve-out")
    same = [
        view_pair(excerpt, excerpt, noise, embedder=embedder, generator=generator)
        for excerpt in draw_excerpts(unseen, count, generator=generator)
    ]
    pairs = draw_pairs(cmu_performances(takes, max_duration_s=_MOST_S), count, generator=generator)
    people = [
        view_pair(_whole(pair, "ref"), _whole(pair, "query"), noise, embedder=embedder, generator=generator)
        for pair in pairs
        if pair.kinship == "other person"
    ]
    return {
        kind: MeasuredPairs(
            tuple(_differences(viewed, embedder, kind) for viewed in same),
            tuple(_differences(viewed, embedder, kind) for viewed in people),
        )
        for kind in ("keypoints", "decoded")
    }


def learn_limits(pairs: MeasuredPairs, *, origin: str) -> tuple[Tolerances, float]:
    """The limits, and the false lines a minute that they leave on `pairs.same`; both sides of the body have the same.

    A limit is what two views of one performance differ by, widened for all angles alike until hardly a line is false;
    and no less than what half of all people differ by.
    """
    settings = FeedbackSettings()
    uncertainty = np.concatenate([found.uncertainty[np.isfinite(found.uncertainty)] for found in pairs.same])
    noise, people = (np.array([median_offset(_known(found)) for found in some]) for some in (pairs.same, pairs.people))
    offset = np.maximum(_quantile(noise, NOISE_QUANTILE), _quantile(people, PEOPLE_QUANTILE))
    limits = Tolerances(
        offset_deg=offset,
        change_deg=np.ones(len(ALL_ANGLES)),
        typical_uncertainty=float(np.median(uncertainty)),
        max_uncertainty=float(1.25 * np.quantile(uncertainty, 0.99)),
        origin=origin,
    )
    changes = [
        np.concatenate([judge(found, limits, settings).delta_deg for found in some])
        for some in (pairs.same, pairs.people)
    ]
    floor, base = _quantile(changes[1], PEOPLE_QUANTILE), _quantile(changes[0], NOISE_QUANTILE)
    is_root = np.array([angle in ROOT_ANGLES for angle in ALL_ANGLES])
    limits = replace(limits, change_deg=np.maximum(floor, base))
    for own, allowed in ((~is_root, FALSE_PER_MINUTE["joints"]), (is_root, FALSE_PER_MINUTE["root"])):
        limits = _widened(pairs.same, limits, own, base, floor, allowed, settings)
    return limits, false_rate(pairs.same, limits, settings)


def _widened(
    same: Sequence[AngleDifferences],
    limits: Tolerances,
    own: NDArray[np.bool_],
    base: NDArray[np.float64],
    floor: NDArray[np.float64],
    allowed: float,
    settings: FeedbackSettings,
) -> Tolerances:
    """The limits of some angles multiplied until no more false lines a minute are told of them than allowed."""
    for factor in FACTORS:
        change = np.where(own, np.maximum(floor, factor * base), np.inf)
        if false_rate(same, replace(limits, change_deg=change), settings) <= allowed:
            break
    return replace(limits, change_deg=np.where(own, np.maximum(floor, factor * base), limits.change_deg))


def false_rate(same: Sequence[AngleDifferences], limits: Tolerances, settings: FeedbackSettings) -> float:
    """Lines a minute about performances that differ in nothing."""
    lines = sum(len(find_lines(judge(found, limits, settings), settings, is_mirrored=False)) for found in same)
    return 60 * lines / sum(float(np.ptp(found.time_s)) for found in same)


def _whole(pair: Pair, side: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    take = getattr(pair, side).take
    return warped(take.poses, take.fps, lambda t: t, (len(take.poses) - 1) / take.fps)


def _differences(viewed: Viewed, embedder: Embedder, kind: str) -> AngleDifferences:
    ref_track, query_track = viewed.tracks if kind == "keypoints" else (None, None)
    ref, query = viewed.embeddings
    return angle_differences(ref, query, viewed.result, decoder=embedder, ref_track=ref_track, query_track=query_track)


def _known(found: AngleDifferences) -> NDArray[np.float64]:
    return np.where(found.is_seen, found.delta_deg, np.nan)


def _quantile(values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """(A,) quantiles of |values| (N, A), left and right together; at least 1 degree."""
    names = [angle.name.removeprefix("left_").removeprefix("right_") for angle in ALL_ANGLES]
    result = np.empty(len(names))
    for column, name in enumerate(names):
        both = np.abs(values[:, [n == name for n in names]])
        result[column] = np.quantile(both[np.isfinite(both)], share)
    return np.maximum(result, 1.0)
