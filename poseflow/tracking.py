"""Who is who: the people of single frames joined into tracks, by the overlap of boxes and of poses."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from poseflow.boxes import box_areas, box_overlaps
from poseflow.records import FramePoses, PoseTrack
from poseflow.tracklet import Sighting, Tracklet
from vvipe.skeleton import Skeleton

# Per-joint standard deviations of COCO's annotators, relative to the square root of the person's area; the left and
# the right joint share one. Joints that COCO lacks get the largest of the trunk.
_COCO_SIGMAS = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
}
_OTHER_SIGMA = 0.107  # COCO's largest, the hips', for joints that COCO does not have

_POSE_MEMORY_S = 0.1  # after this time unseen, a joint may be off by the annotators' deviation x sqrt(2) ...
_MAX_WIDENING = 10.0  # ... and never by more than x sqrt(10)
_LATELY_SEEN_FIRST = 0.25  # chosen on simulated people who cross, hide and drop out at 10 to 60 frames a second
_REACH_PER_S = 4.0  # nobody moves further, in square roots of the box's area (about 1 m for a standing person)
_MAX_SIZE_RATIO = 1.8  # nor changes the square root of the box's area more while out of sight


def track_people(
    frame_poses: Iterable[FramePoses],
    *,
    skeleton: Skeleton,
    max_gap_s: float = 1.0,
    min_duration_s: float = 0.2,
    min_similarity: float = 0.3,
) -> list[PoseTrack]:
    """Tracks of everybody who was seen for at least `min_duration_s`, in order of first appearance.

    A sighting continues the track whose pose and box, moved on by its velocity, are most similar: similarity is the
    mean of the boxes' IoU and the poses' OKS, whose tolerance grows with the time unseen, and all pairs of a frame are
    assigned together. At last, a track that ends and one that starts within `max_gap_s` are joined where the way
    between can be gone in that time and no other track could end or start there. Who is gone for longer comes back as
    somebody else. A gap holds NaN; no joint is filled in.

    Args:
        frame_poses: Every processed frame, times rising, also those with nobody in them.
        skeleton: The joints of `frame_poses`.
        max_gap_s: Longest time unseen after which a person keeps the id.
        min_duration_s: People seen for less in total get no id; in a shorter clip, who is in all of it.
        min_similarity: Below it two sightings are two people; in [0, 1].

    Raises:
        ValueError: Frames of another skeleton, or times that do not rise.
    """
    _check_settings(max_gap_s=max_gap_s, min_duration_s=min_duration_s, min_similarity=min_similarity)
    sigmas = _joint_sigmas(skeleton)
    index: list[int] = []
    times_s: list[float] = []
    tracklets: list[Tracklet] = []
    live: list[Tracklet] = []
    for position, poses in enumerate(frame_poses):
        _check_frame(poses, skeleton, times_s)
        index.append(poses.index)
        times_s.append(poses.time_s)
        live = [t for t in live if poses.time_s - t.last.time_s <= max_gap_s]
        sightings = _sightings(poses, position)
        sightings = _continue(live, sightings, sigmas=sigmas, min_similarity=min_similarity)
        started = [Tracklet(sighting) for sighting in sightings]
        live += started
        tracklets += started
    clip_s = times_s[-1] - times_s[0] if times_s else 0.0
    kept = [t for t in tracklets if _seen_s(t) >= min(min_duration_s, clip_s) - 1e-9]
    kept = _rejoined(kept, max_gap_s=max_gap_s)
    arrays = np.array(index, np.int64), np.array(times_s, np.float64)
    return [_pose_track(t, person_id, skeleton, *arrays) for person_id, t in enumerate(kept, start=1)]


def _check_settings(**settings: float) -> None:
    for name, value in settings.items():
        if not value >= 0:
            raise ValueError(f"{name}: expected a number of at least 0, got {value}")
    if settings["min_similarity"] > 1:
        raise ValueError(f"min_similarity: expected a number in [0, 1], got {settings['min_similarity']}")


def _check_frame(poses: FramePoses, skeleton: Skeleton, times_s: list[float]) -> None:
    if poses.keypoints.shape[1] != skeleton.n_joints:
        raise ValueError(
            f"frame {poses.index}: expected {skeleton.n_joints} joints of {skeleton.name}, "
            f"got {poses.keypoints.shape[1]}"
        )
    if times_s and not poses.time_s > times_s[-1]:
        raise ValueError(f"frame {poses.index}: expected a time after {times_s[-1]} s, got {poses.time_s} s")


def _joint_sigmas(skeleton: Skeleton) -> NDArray[np.float64]:
    names = [joint.removeprefix("left_").removeprefix("right_") for joint in skeleton.joints]
    return np.array([_COCO_SIGMAS.get(name, _OTHER_SIGMA) for name in names])


def _sightings(poses: FramePoses, position: int) -> list[Sighting]:
    """Those of the frame's people who have a joint; a box that is NaN becomes the one around the joints."""
    sightings = []
    for person, keypoints in enumerate(poses.keypoints):
        seen = keypoints[np.isfinite(keypoints).all(-1)]
        if len(seen) == 0:
            continue
        box = poses.boxes[person]
        if not np.isfinite(box).all():
            box = np.concatenate([seen.min(0), seen.max(0)])
        box_score = float(poses.box_scores[person])
        sightings.append(Sighting(position, poses.time_s, keypoints, poses.scores[person], box, box_score))
    return sightings


def _continue(
    tracklets: list[Tracklet], sightings: list[Sighting], *, sigmas: NDArray[np.float64], min_similarity: float
) -> list[Sighting]:
    """Appends to each tracklet its sighting, if there is one; returns the sightings that are left."""
    from scipy.optimize import linear_sum_assignment

    if not tracklets or not sightings:
        return sightings
    unseen_s = np.array([sightings[0].time_s - t.last.time_s for t in tracklets])
    widening = np.minimum(1 + (unseen_s / _POSE_MEMORY_S) ** 2, _MAX_WIDENING)
    similarity = _similarity(tracklets, sightings, sigmas, widening)
    similarity[similarity < min_similarity] = 0
    # A wide tolerance makes everybody similar, so who was seen lately goes first.
    preference = similarity / widening[:, None] ** _LATELY_SEEN_FIRST
    left = dict(enumerate(sightings))
    for row, column in zip(*linear_sum_assignment(preference, maximize=True), strict=True):
        if similarity[row, column] > 0:
            tracklets[row].add(left.pop(int(column)))
    return list(left.values())


def _similarity(
    tracklets: list[Tracklet],
    sightings: list[Sighting],
    sigmas: NDArray[np.float64],
    widening: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(tracklets, sightings) mean of IoU and OKS in [0, 1]; IoU alone where two poses share no joint."""
    shifts = np.array([t.predicted_shift_px(sightings[0].time_s) for t in tracklets])
    boxes = np.array([t.last.box for t in tracklets]) + np.tile(shifts, 2)
    iou = box_overlaps(boxes, np.array([s.box for s in sightings]))
    oks = _object_keypoint_similarity(
        np.array([t.last.keypoints for t in tracklets]) + shifts[:, None],
        np.array([s.keypoints for s in sightings]),
        areas=box_areas(boxes),
        sigmas=sigmas,
        widening=widening,
    )
    return np.where(np.isnan(oks), iou, (iou + oks) / 2)


def _object_keypoint_similarity(
    predicted: NDArray[np.float64],
    seen: NDArray[np.float32],
    *,
    areas: NDArray[np.float64],
    sigmas: NDArray[np.float64],
    widening: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(M, N) COCO's OKS of (M, K, 2) with (N, K, 2), the joints' variances times (M,) `widening`; NaN: no joint shared.

    `areas` (M,) are those of the boxes, in square pixels, where COCO has segments.
    """
    square = ((predicted[:, None] - seen[None]) ** 2).sum(-1)
    variance = (areas * widening)[:, None, None] * (2 * sigmas) ** 2
    likeness = np.exp(-square / (2 * np.maximum(variance, 1e-9)))
    is_shared = np.isfinite(likeness)
    n_shared = is_shared.sum(-1)
    oks = np.where(is_shared, likeness, 0).sum(-1) / np.maximum(n_shared, 1)
    return np.where(n_shared > 0, oks, np.nan)


def _seen_s(tracklet: Tracklet) -> float:
    """Time from the first to the last sighting, times the share of frames with a sighting."""
    first, last = tracklet.first, tracklet.last
    return (last.time_s - first.time_s) * tracklet.n_sightings / (last.position - first.position + 1)


def _rejoined(tracklets: list[Tracklet], *, max_gap_s: float) -> list[Tracklet]:
    """The tracklets, each followed by its continuation where exactly one ends and one starts there."""
    starts_s = np.array([t.first.time_s for t in tracklets])
    ends_s = np.array([t.last.time_s for t in tracklets])
    gaps_s = starts_s[None] - ends_s[:, None]
    can_follow = (gaps_s > 0) & (gaps_s <= max_gap_s)
    for a, b in np.argwhere(can_follow):
        can_follow[a, b] = _is_within_reach(tracklets[a].last, tracklets[b].first)
    is_only = can_follow & (can_follow.sum(0) == 1) & (can_follow.sum(1, keepdims=True) == 1)
    continuation = {int(a): int(b) for a, b in np.argwhere(is_only)}
    joined = []
    for start in sorted(set(range(len(tracklets))) - set(continuation.values())):
        person = tracklets[start]
        while start in continuation:
            start = continuation[start]
            person.join(tracklets[start])
        joined.append(person)
    return joined


def _is_within_reach(before: Sighting, after: Sighting) -> bool:
    """Whether one person can have moved, and changed in size, that much in that time."""
    boxes = np.array([before.box, after.box], np.float64)
    sizes = np.sqrt(box_areas(boxes))
    moved_px = np.linalg.norm(np.diff(boxes[:, :2] + boxes[:, 2:], axis=0)) / 2
    is_near = moved_px <= _REACH_PER_S * (after.time_s - before.time_s) * sizes.mean()
    return bool(is_near and sizes.max() <= _MAX_SIZE_RATIO * sizes.min())


def _pose_track(
    tracklet: Tracklet,
    person_id: int,
    skeleton: Skeleton,
    index: NDArray[np.int64],
    times_s: NDArray[np.float64],
) -> PoseTrack:
    span = slice(tracklet.first.position, tracklet.last.position + 1)
    n_frames = span.stop - span.start
    keypoints = np.full((n_frames, skeleton.n_joints, 2), np.nan, np.float32)
    scores = np.zeros((n_frames, skeleton.n_joints), np.float32)
    boxes = np.full((n_frames, 4), np.nan, np.float32)
    box_scores = np.full(n_frames, np.nan, np.float32)
    rows = tracklet.rows
    place = rows["position"] - span.start
    keypoints[place], scores[place] = rows["keypoints"], rows["scores"]
    boxes[place], box_scores[place] = rows["box"], rows["box_score"]
    return PoseTrack(
        person_id, skeleton, index[span].copy(), times_s[span].copy(), keypoints, scores, boxes, box_scores
    )
