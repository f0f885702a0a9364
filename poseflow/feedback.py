"""Feedback in words: which joint differs from the reference, when, which way, and by how much."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from poseflow.angle_differences import ALL_ANGLES, GRID_S, AngleDifferences, PoseDecoder, angle_differences
from poseflow.feedback_records import (
    Feedback,
    FeedbackLine,
    FeedbackSettings,
    JointDifference,
    NotJudged,
    SegmentDifference,
)
from poseflow.feedback_text import CAMERA_NOTE, line_text, not_judged_text
from poseflow.joint_angles import wrap_deg
from poseflow.records import EmbeddingTrack, MatchResult, PoseTrack
from poseflow.time_series import true_runs
from poseflow.tolerances import Tolerances, tolerances_of

_MAX_NOT_JUDGED = 3


@dataclass(frozen=True)
class Judged:
    """Differences against what is tolerated.

    Attributes:
        time_s: (T,) the query's time.
        delta_deg: (T, A) differences to be told: smoothed, small constant ones taken off; NaN where not judged.
        limit_deg: (T, A) tolerances.
        sd_deg: (T, A) how surely each difference is known; NaN where the views do not say it.
        is_seen: (T, A) whether the joints were seen, however surely the pose is known.
    """

    time_s: NDArray[np.float64]
    delta_deg: NDArray[np.float64]
    limit_deg: NDArray[np.float64]
    sd_deg: NDArray[np.float64]
    is_seen: NDArray[np.bool_]

    @property
    def is_judged(self) -> NDArray[np.bool_]:
        return np.isfinite(self.delta_deg)

    @property
    def is_out(self) -> NDArray[np.bool_]:
        return np.asarray(np.abs(np.nan_to_num(self.delta_deg)) > self.limit_deg)


def feedback(
    ref: EmbeddingTrack,
    query: EmbeddingTrack,
    result: MatchResult,
    *,
    embedder: PoseDecoder,
    ref_track: PoseTrack | None = None,
    query_track: PoseTrack | None = None,
    tolerances: Tolerances | None = None,
    settings: FeedbackSettings = FeedbackSettings(),  # noqa: B008  (frozen)
) -> Feedback:
    """What to tell the person of the query, from the 3D poses at aligned times.

    Args:
        ref: The example.
        query: As it was compared: of the mirror image where `result.is_mirrored` (`poseflow.mirror.compared_query`).
        result: Their match.
        embedder: The model that made both tracks.
        ref_track: The steadied keypoints behind `ref` (`poseflow.embed.steady_track`). With those of both, the two
            views are explained together (`poseflow.pair_fit`), which tells far smaller differences, and joints that
            were not seen are not judged.
        query_track: Likewise behind `query`, mirrored where it is.
        tolerances: Default: the learnt ones of the model.
        settings: How differences become sentences.

    Raises:
        ModelMismatchError: The embedder is not the tracks' model.
    """
    found = angle_differences(ref, query, result, decoder=embedder, ref_track=ref_track, query_track=query_track)
    limits = tolerances or tolerances_of(embedder.model_id, has_keypoints=found.has_keypoints)
    judged = judge(found, limits, settings)
    is_mirrored = result.is_mirrored is True
    lines = find_lines(judged, settings, is_mirrored=is_mirrored, min_sureness=limits.min_sureness)
    return Feedback(
        lines=tuple(lines[: settings.max_lines]),
        more_lines=max(0, len(lines) - settings.max_lines),
        not_judged=tuple(_not_judged(judged, settings, is_mirrored=is_mirrored)),
        joints=_joint_table(judged, limits),
        segments=_segment_table(judged, settings),
        notes=(CAMERA_NOTE,),
    )


def judge(found: AngleDifferences, limits: Tolerances, settings: FeedbackSettings) -> Judged:
    """The differences that can be told; how surely they are known, or else their limits, go by the uncertainty."""
    is_seen = found.is_seen
    known = is_seen & (found.uncertainty <= limits.max_uncertainty)[:, None]
    found = replace(found, is_seen=known)
    offset, change = changes_of(found, settings)
    is_told = (np.abs(offset) > limits.offset_deg) & ~np.array([angle.is_relative for angle in ALL_ANGLES])
    delta = wrap_deg(change + np.where(is_told, offset, 0.0))
    relative = np.nan_to_num(found.uncertainty)[:, None] / limits.typical_uncertainty
    widening = np.where(np.isnan(found.sd_deg), np.clip(relative, 1.0, settings.max_widening), 1.0)
    return Judged(found.time_s, delta, widening * limits.change_deg, relative * found.sd_deg, is_seen)


def changes_of(
    found: AngleDifferences,
    settings: FeedbackSettings = FeedbackSettings(),  # noqa: B008  (frozen)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Medians (A,) of the differences, and what is left without them (T, A), smoothed; NaN where not seen."""
    delta = np.where(found.is_seen, found.delta_deg, np.nan)
    offset = median_offset(delta)
    return offset, smoothed(wrap_deg(delta - offset), found.time_s, settings.smooth_s)


def median_offset(delta_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """(A,) medians over time of angles (T, A) that may wrap; 0 where nothing is known."""
    offset = np.zeros(delta_deg.shape[1])
    for column in np.flatnonzero(np.isfinite(delta_deg).any(0)):
        known = delta_deg[np.isfinite(delta_deg[:, column]), column]
        radians = np.deg2rad(known)
        middle = np.rad2deg(np.arctan2(np.sin(radians).mean(), np.cos(radians).mean()))
        offset[column] = wrap_deg(middle + np.median(wrap_deg(known - middle)))
    return offset


def smoothed(values: NDArray[np.float64], time_s: NDArray[np.float64], over_s: float) -> NDArray[np.float64]:
    """(T, A) weighted means over about `over_s`; NaN stays NaN and counts for nothing; not across gaps in time."""
    reach = round(over_s / GRID_S)
    if reach < 2 or not len(values):
        return values
    kernel = np.hanning(2 * reach + 1)[1:-1]
    result = np.full(values.shape, np.nan)
    for piece in np.split(np.arange(len(values)), np.flatnonzero(np.diff(time_s) > 1.5 * GRID_S) + 1):
        known = np.isfinite(values[piece])
        total = convolve1d(np.where(known, values[piece], 0.0), kernel, axis=0, mode="constant")
        weight = convolve1d(known.astype(float), kernel, axis=0, mode="constant")
        result[piece] = np.where(known, total / np.maximum(weight, 1e-9), np.nan)
    return result


def find_lines(
    judged: Judged, settings: FeedbackSettings, *, is_mirrored: bool, min_sureness: float = 0.0
) -> list[FeedbackLine]:
    """All differences worth a word and sure enough, worst first; of one joint at one time only the worst."""
    lines = []
    for column, angle in enumerate(ALL_ANGLES):
        delta, limit = judged.delta_deg[:, column], judged.limit_deg[:, column]
        for sign in (1.0, -1.0):
            for start, end in _spans(sign * delta, limit, judged.time_s, settings):
                start_s, end_s = float(judged.time_s[start]), float(judged.time_s[end]) + GRID_S
                mean = float(np.nanmean(delta[start : end + 1]))
                excess = float(np.nanmean(np.abs(delta[start : end + 1]) / limit[start : end + 1]))
                text = line_text(angle, mean, start_s, end_s, is_mirrored=is_mirrored)
                severity = excess * min(1.0, end_s - start_s) ** 0.5
                sureness = _sureness(mean, judged.sd_deg[start : end + 1, column], end_s - start_s)
                if not sureness < min_sureness:
                    lines.append(FeedbackLine(start_s, end_s, angle.joint, text, mean, angle.name, severity, sureness))
    return _worst_of_each_time(sorted(lines, key=lambda line: -line.severity), settings.min_share)


def _sureness(mean_deg: float, sd_deg: NDArray[np.float64], duration_s: float) -> float:
    """Of a difference over that time, in its standard deviations over one second; NaN where these are not known."""
    known = sd_deg[np.isfinite(sd_deg)]
    return abs(mean_deg) / max(float(np.median(known)), 1e-9) * duration_s**0.5 if len(known) else float("nan")


def _spans(
    rise: NDArray[np.float64], limit: NDArray[np.float64], time_s: NDArray[np.float64], settings: FeedbackSettings
) -> list[tuple[int, int]]:
    """First and last frames in which `rise` stays above `keep` of the limit and is beyond it somewhere."""
    above = np.nan_to_num(rise, nan=-np.inf) > settings.keep * limit
    joined: list[tuple[int, int]] = []
    for start, stop in true_runs(above):
        end = stop - 1
        if joined and time_s[start] - time_s[joined[-1][1]] <= settings.max_gap_s:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [
        (start, end)
        for start, end in joined
        if time_s[end] - time_s[start] + GRID_S >= settings.min_duration_s - 1e-9
        and (rise[start : end + 1] > limit[start : end + 1]).any()
    ]


def _worst_of_each_time(lines: list[FeedbackLine], min_share: float) -> list[FeedbackLine]:
    """Without lines that are told by a worse one of their joint and time, or are likely to be its doing."""
    kept: list[FeedbackLine] = []
    for line in lines:
        worse = [other for other in kept if _overlap_share(other, line) > 0.5]
        if not any(other.joint == line.joint or line.severity < min_share * other.severity for other in worse):
            kept.append(line)
    return kept


def _overlap_share(a: FeedbackLine, b: FeedbackLine) -> float:
    """Of the shorter one."""
    common = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    return common / min(a.end_s - a.start_s, b.end_s - b.start_s)


def _not_judged(judged: Judged, settings: FeedbackSettings, *, is_mirrored: bool) -> list[NotJudged]:
    """The longest times in which nothing, or a joint, could not be judged."""
    nothing = np.asarray(~judged.is_judged.any(1))
    spans = []
    for joint_name in (None, *dict.fromkeys(angle.joint for angle in ALL_ANGLES)):
        own = [column for column, angle in enumerate(ALL_ANGLES) if joint_name in (None, angle.joint)]
        missing = nothing if joint_name is None else np.asarray(~judged.is_judged[:, own].any(1) & ~nothing)
        seen = np.asarray(judged.is_seen[:, own].any(1))
        for start, stop in true_runs(missing):
            start_s, end_s = float(judged.time_s[start]), float(judged.time_s[stop - 1]) + GRID_S
            if end_s - start_s >= settings.min_duration_s:
                is_seen = bool(seen[start:stop].mean() > 0.5)
                text = not_judged_text(start_s, end_s, joint_name, is_seen=is_seen, is_mirrored=is_mirrored)
                spans.append(NotJudged(start_s, end_s, joint_name, text))
    spans.sort(key=lambda span: (span.joint is not None, span.start_s - span.end_s))
    return spans[:_MAX_NOT_JUDGED]


def _joint_table(judged: Judged, limits: Tolerances) -> tuple[JointDifference, ...]:
    rows = []
    for column, angle in enumerate(ALL_ANGLES):
        known = judged.is_judged[:, column]
        delta = judged.delta_deg[known, column]
        figures = (np.nan, np.nan, np.nan)
        if len(delta):
            figures = (float(delta.mean()), float(np.median(delta)), float(delta[np.abs(delta).argmax()]))
        out = float(judged.is_out[known, column].mean()) if len(delta) else float("nan")
        share = float(known.mean()) if len(known) else 0.0
        tolerance = float(limits.change_deg[column])
        rows.append(JointDifference(angle.joint, angle.name, *figures, tolerance, out, share))
    return tuple(rows)


def _segment_table(judged: Judged, settings: FeedbackSettings) -> tuple[SegmentDifference, ...]:
    if not len(judged.time_s):
        return ()
    first, last = float(judged.time_s[0]), float(judged.time_s[-1]) + GRID_S
    count = max(1, round((last - first) / settings.segment_s))
    borders = np.linspace(first, last, count + 1)
    rows = []
    for start_s, end_s in zip(borders[:-1], borders[1:], strict=True):
        inside = (judged.time_s >= start_s - 1e-9) & (judged.time_s < end_s - 1e-9)
        rows.append(_segment(judged, inside, float(start_s), float(end_s)))
    return tuple(rows)


def _segment(judged: Judged, inside: NDArray[np.bool_], start_s: float, end_s: float) -> SegmentDifference:
    known, delta = judged.is_judged[inside], judged.delta_deg[inside]
    if not known.any():
        return SegmentDifference(start_s, end_s, None, None, float("nan"), float("nan"), 0.0)
    counts = np.maximum(known.sum(0), 1)
    mean = np.where(known, delta, 0.0).sum(0) / counts
    worst = int(np.abs(np.where(known, delta / judged.limit_deg[inside], 0.0).sum(0) / counts).argmax())
    angle = ALL_ANGLES[worst]
    out = float(judged.is_out[inside][known].mean())
    return SegmentDifference(start_s, end_s, angle.joint, angle.name, float(mean[worst]), out, float(known.mean()))
