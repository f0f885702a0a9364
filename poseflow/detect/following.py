"""Follows people through a video with a person detector that sees only some of the frames.

Frames that the detector sees are key frames. The poses of two neighbouring key frames tell who is who; in the frames
between them each person's box moves on a straight line from one to the other, and somebody seen at one end alone keeps
that end's box. So all crops of a batch of frames go through the pose network together. A pose that has left its box
moves the box, and is estimated once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from poseflow.boxes import box_overlaps
from poseflow.detect.people import (
    People,
    match_boxes,
    pose_boxes,
    pose_scores,
    without_doubles,
)
from poseflow.detect.person import PersonDetector
from poseflow.detect.topdown import Crop, TopDownNetwork
from poseflow.records import Frame, FramePoses

_MAX_KEY_GAP_S = 0.25
_MAX_CARRY_S = 0.5  # people whom the detector misses are not looked for after a longer gap
_SAME_PERSON_OVERLAP = 0.3  # of the boxes of two neighbouring key frames
_SAME_POSE_LIKENESS = 0.8  # of two poses in one frame: above it they are one person
_LOST_BOX_OVERLAP = 0.5  # of a carried box and the box of the pose found in it: below it the box has lost the person


@dataclass(frozen=True)
class _KeyFrame:
    frame: Frame
    people: People


def as_frame_poses(frame: Frame, people: People) -> FramePoses:
    """The record of a frame and its people."""
    return FramePoses(frame.index, frame.time_s, people.keypoints, people.scores, people.boxes, people.box_scores)


class Follower:
    """Boxes by the detector on key frames, poses on every frame.

    Args:
        detector: Finds boxes.
        poses: Finds the pose in each box.
        detect_every: Every Nth frame is a key frame; so is a frame that comes 0.25 s or more after the last one.
        batch_size: Frames worked on at once.
        max_people: People kept in a frame, best boxes first.
        min_pose_score: People whose mean joint score is lower are dropped.
    """

    def __init__(
        self,
        detector: PersonDetector,
        poses: TopDownNetwork,
        *,
        detect_every: int,
        batch_size: int,
        max_people: int,
        min_pose_score: float,
    ) -> None:
        self._detector = detector
        self._poses = poses
        self._detect_every = detect_every
        self._batch_size = max(batch_size, detect_every)
        self._max_people = max_people
        self._min_pose_score = min_pose_score

    def follow(self, frames: Iterable[Frame]) -> Iterator[FramePoses]:
        """Yields the people of each frame, in order; holds at most one batch of frames."""
        last: _KeyFrame | None = None
        waiting: list[Frame] = []
        for frame in frames:
            waiting.append(frame)
            if len(waiting) == self._batch_size:
                keys = self._key_positions(waiting, last)
                done, waiting = waiting[: keys[-1] + 1], waiting[keys[-1] + 1 :]
                last, found = self._work(done, keys, last)
                yield from found
        if waiting:
            keys = self._key_positions(waiting, last)
            if not keys or keys[-1] != len(waiting) - 1:
                keys.append(len(waiting) - 1)
            yield from self._work(waiting, keys, last)[1]

    def _key_positions(self, frames: Sequence[Frame], last: _KeyFrame | None) -> list[int]:
        keys: list[int] = []
        since = -1 if last is not None else -self._detect_every
        time_s = last.frame.time_s if last is not None else -np.inf
        for position, frame in enumerate(frames):
            if position - since >= self._detect_every or frame.time_s - time_s >= _MAX_KEY_GAP_S:
                keys.append(position)
                since, time_s = position, frame.time_s
        return keys

    def _work(
        self, frames: Sequence[Frame], keys: Sequence[int], last: _KeyFrame | None
    ) -> tuple[_KeyFrame, list[FramePoses]]:
        """The last key frame and the people of every frame, of which the last is a key frame."""
        key_frames = self._find_key_people([frames[position] for position in keys], last)
        plans: list[tuple[int, People]] = []
        neighbours = dict(zip(keys, key_frames, strict=True))
        left = last
        for position, frame in enumerate(frames):
            if position in neighbours:
                left = neighbours[position]
                continue
            right = neighbours[next(key for key in keys if key > position)]
            assert left is not None  # the first frame of all is a key frame
            plans.append((position, _carried(left, right, frame.time_s)))
        between = self._estimate([frames[position] for position, _ in plans], [plan for _, plan in plans])
        people = {position: found for (position, _), found in zip(plans, between, strict=True)}
        people.update({position: key.people for position, key in neighbours.items()})
        return key_frames[-1], [as_frame_poses(frame, people[i]) for i, frame in enumerate(frames)]

    def _find_key_people(self, frames: Sequence[Frame], last: _KeyFrame | None) -> list[_KeyFrame]:
        images = [frame.image for frame in frames]
        detected = self._pose_in(images, [_unposed(boxes, scores) for boxes, scores in self._detector.detect(images)])
        found: list[_KeyFrame] = []
        for frame, people in zip(frames, detected, strict=True):
            if last is not None and frame.time_s - last.frame.time_s <= _MAX_CARRY_S:
                people = people.joined(self._overlooked(frame, people, last))
            last = _KeyFrame(frame, self._kept(people))
            found.append(last)
        return found

    def _overlooked(self, frame: Frame, detected: People, last: _KeyFrame) -> People:
        """People of the last key frame whom the detector misses in this one, looked for where they were."""
        matched = {i for i, _ in match_boxes(last.people.boxes, detected.boxes, min_overlap=_SAME_PERSON_OVERLAP)}
        missed = last.people.take(np.array([i for i in range(len(last.people)) if i not in matched], dtype=np.int64))
        (found,) = self._estimate([frame], [replace(missed, boxes=pose_boxes(missed))])
        return replace(found, boxes=pose_boxes(found), box_scores=found.box_scores * pose_scores(found))

    def _estimate(self, frames: Sequence[Frame], plans: Sequence[People]) -> list[People]:
        """Poses in planned boxes; where a pose has left its box, once more in its own box."""
        images = [frame.image for frame in frames]
        first = self._pose_in(images, plans)
        moved = [_has_left(plan, people) for plan, people in zip(plans, first, strict=True)]
        again = [
            replace(people.take(np.flatnonzero(is_moved)), boxes=pose_boxes(people)[is_moved])
            for people, is_moved in zip(first, moved, strict=True)
        ]
        second = self._pose_in(images, again)
        return [
            self._kept(people.take(np.flatnonzero(~is_moved)).joined(repeated))
            for people, is_moved, repeated in zip(first, moved, second, strict=True)
        ]

    def _pose_in(self, images: Sequence[NDArray[np.uint8]], plans: Sequence[People]) -> list[People]:
        """The plans with the poses found in their boxes: all of them through the network together."""
        crops = [Crop(image, box) for image, plan in zip(images, plans, strict=True) for box in plan.boxes]
        keypoints, scores = self._poses.predict(crops)
        ends = np.cumsum([len(plan) for plan in plans])
        return [
            replace(plan, keypoints=keypoints[end - len(plan) : end], scores=scores[end - len(plan) : end])
            for plan, end in zip(plans, ends, strict=True)
        ]

    def _kept(self, people: People) -> People:
        """The certain ones, each once, at most `max_people` of them."""
        certain = people.take(np.flatnonzero(pose_scores(people) >= self._min_pose_score))
        single = certain.take(without_doubles(certain, max_likeness=_SAME_POSE_LIKENESS))
        return single.take(np.argsort(-single.box_scores, kind="stable")[: self._max_people])


def _unposed(boxes: NDArray[np.float32], box_scores: NDArray[np.float32]) -> People:
    count = len(boxes)
    return People(np.full((count, 17, 2), np.nan, np.float32), np.zeros((count, 17), np.float32), boxes, box_scores)


def _carried(left: _KeyFrame, right: _KeyFrame, time_s: float) -> People:
    """The boxes expected at `time_s` between two key frames: of people seen in both, and of those seen in one."""
    a, b = left.people, right.people
    share = (time_s - left.frame.time_s) / (right.frame.time_s - left.frame.time_s)
    pairs = match_boxes(a.boxes, b.boxes, min_overlap=_SAME_PERSON_OVERLAP)
    rows, columns = [i for i, _ in pairs], [j for _, j in pairs]
    both = _unposed(
        ((1 - share) * a.boxes[rows] + share * b.boxes[columns]).astype(np.float32),
        ((1 - share) * a.box_scores[rows] + share * b.box_scores[columns]).astype(np.float32),
    )
    left_only = a.take(np.setdiff1d(np.arange(len(a)), rows))
    right_only = b.take(np.setdiff1d(np.arange(len(b)), columns))
    return both.joined(left_only).joined(right_only)


def _has_left(plan: People, found: People) -> NDArray[np.bool_]:
    """(P,) whether the pose found in a planned box is largely elsewhere."""
    return np.diagonal(box_overlaps(plan.boxes, pose_boxes(found))) < _LOST_BOX_OVERLAP
