"""Off-line smoothing of a track: zero phase, at its true times, nothing made up across long gaps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from poseflow.records import PoseTrack

_BRIDGED_SCORE = 0.5  # a bridged joint has this share of the scores on the two sides of the gap
_MIN_WEIGHT = 1e-3  # a joint that was seen counts, however low its score
_TOLERANCE_S = 1e-9


def smooth_track(track: PoseTrack, *, cutoff_hz: float = 6.0, max_gap_s: float = 0.2) -> PoseTrack:
    """The track with each joint's path low-passed and its short gaps filled; times and boxes are those of `track`.

    A path z(t) minimises ∫ score (z - seen)² dt + (2π cutoff)⁻⁴ ∫ z''² dt, a smoothing spline. At even times and full
    scores its gain is 1 / (1 + (f / cutoff)⁴), that of the zero-lag 4th-order Butterworth filter of biomechanics
    (a 2nd-order one run forwards and backwards); unlike that filter it takes uneven times, weights and short pieces.
    Straight motion at constant speed is left alone. Less certain joints are smoothed more.

    A joint unseen between two sightings at most `max_gap_s` apart lies on the spline and gets half the score that
    lies between theirs; a longer gap stays NaN, and the path before it knows nothing of the path after it.

    Args:
        track: One person; not changed.
        cutoff_hz: Frequency whose amplitude is halved.
        max_gap_s: Longest time from a sighting of a joint to the next that is bridged; 0 bridges nothing.

    Raises:
        ValueError: A setting is out of range.
    """
    if not cutoff_hz > 0:
        raise ValueError(f"cutoff_hz: expected a number above 0, got {cutoff_hz}")
    if not max_gap_s >= 0:
        raise ValueError(f"max_gap_s: expected a number of at least 0, got {max_gap_s}")
    keypoints, scores = track.keypoints.copy(), track.scores.copy()
    is_seen = np.asarray(np.isfinite(keypoints).all(-1))
    for joint in np.flatnonzero(is_seen.any(0)):
        seen = np.flatnonzero(is_seen[:, joint])
        is_joined = _is_joined(track.time_s, seen, max_gap_s)
        weights = np.clip(track.scores[seen, joint], _MIN_WEIGHT, 1).astype(np.float64)
        path = keypoints[seen, joint].astype(np.float64)
        spline = _smoothing_spline(track.time_s[seen], path, weights, is_joined, cutoff_hz)
        bridged = _bridged_frames(seen, is_joined)
        keypoints[seen, joint] = spline.path
        keypoints[bridged, joint] = spline.at(track.time_s[bridged])
        between = np.interp(track.time_s[bridged], track.time_s[seen], track.scores[seen, joint])
        scores[bridged, joint] = _BRIDGED_SCORE * between
    return replace(track, keypoints=keypoints, scores=scores)


def _is_joined(time_s: NDArray[np.float64], seen: NDArray[np.int64], max_gap_s: float) -> NDArray[np.bool_]:
    """(S - 1,) whether a sighting and the next belong to one path: neighbouring frames, or a gap that is bridged."""
    return np.asarray((np.diff(seen) == 1) | (np.diff(time_s[seen]) <= max_gap_s + _TOLERANCE_S))


def _bridged_frames(seen: NDArray[np.int64], is_joined: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The unseen frames between sightings of one path."""
    unseen = np.setdiff1d(np.arange(seen[0], seen[-1] + 1), seen, assume_unique=True)
    return unseen[is_joined[np.searchsorted(seen, unseen) - 1]]


@dataclass(frozen=True)
class _Spline:
    """Natural cubic splines by their values (S, D) and second derivatives (S, D) at the knots."""

    time_s: NDArray[np.float64]
    path: NDArray[np.float64]
    curvature: NDArray[np.float64]

    def at(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, D) the values at times between the knots."""
        after = np.searchsorted(self.time_s, time_s)
        step_s = (self.time_s[after] - self.time_s[after - 1])[:, None]
        to_next = (self.time_s[after] - time_s)[:, None] / step_s
        since_last = 1 - to_next
        bend = (to_next**3 - to_next) * self.curvature[after - 1] + (since_last**3 - since_last) * self.curvature[after]
        straight = to_next * self.path[after - 1] + since_last * self.path[after]
        return np.asarray(straight + step_s**2 / 6 * bend)


def _smoothing_spline(
    time_s: NDArray[np.float64],
    path: NDArray[np.float64],
    weights: NDArray[np.float64],
    is_joined: NDArray[np.bool_],
    cutoff_hz: float,
) -> _Spline:
    """The spline of each stretch of joined knots, all in one system (Green and Silverman 1994, section 2.3).

    With Q the second differences and R their Gram matrix: (R + Qᵀ V Q) curvature = Qᵀ path, V the knots' variances.
    """
    from scipy.linalg import solveh_banded

    steps_s = np.diff(time_s)
    variance = 1 / (weights * _durations_s(steps_s, is_joined) * (2 * np.pi * cutoff_hz) ** 4)
    left, middle, right = _second_differences(steps_s, is_joined)
    bands = _gram_bands(steps_s, is_joined)
    bands[2] += middle**2 * variance
    bands[2, 1:] += left[1:] ** 2 * variance[:-1]
    bands[2, :-1] += right[:-1] ** 2 * variance[1:]
    bands[1, 1:] += middle[:-1] * left[1:] * variance[:-1] + right[:-1] * middle[1:] * variance[1:]
    bands[0, 2:] += right[:-2] * left[2:] * variance[1:-1]
    bend = middle[:, None] * path
    bend[1:] += left[1:, None] * path[:-1]
    bend[:-1] += right[:-1, None] * path[1:]
    curvature = np.asarray(solveh_banded(bands, bend, check_finite=False))
    pull = middle[:, None] * curvature
    pull[:-1] += left[1:, None] * curvature[1:]
    pull[1:] += right[:-1, None] * curvature[:-1]
    return _Spline(time_s, path - variance[:, None] * pull, curvature)


def _durations_s(steps_s: NDArray[np.float64], is_joined: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(S,) the time that each knot stands for; 1 for a lone one, which stays where it is anyway."""
    half_s = np.where(is_joined, steps_s, 0) / 2
    durations_s = np.append(half_s, 0) + np.insert(half_s, 0, 0)
    return np.where(durations_s > 0, durations_s, 1)


def _is_inner(is_joined: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(S,) whether a knot is joined on both sides; the curvature of the others is 0."""
    return np.append(is_joined, False) & np.insert(is_joined, 0, False)


def _second_differences(
    steps_s: NDArray[np.float64], is_joined: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(S,) each: what the knot before, the knot itself and the knot after count for in the change of slope at it."""
    inner = _is_inner(is_joined)
    left = np.where(inner, np.insert(1 / steps_s, 0, 0), 0)
    right = np.where(inner, np.append(1 / steps_s, 0), 0)
    return left, -(left + right), right


def _gram_bands(steps_s: NDArray[np.float64], is_joined: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(3, S) upper bands of R; the knots that are not inner have a row of their own."""
    inner = _is_inner(is_joined)
    bands = np.zeros((3, len(steps_s) + 1))
    bands[2] = np.where(inner, (np.append(steps_s, 0) + np.insert(steps_s, 0, 0)) / 3, 1)
    bands[1, 1:] = np.where(inner[1:] & inner[:-1], steps_s / 6, 0)
    return bands
