"""The people of one picture, and the geometry that follows them from one detection to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poseflow.boxes import box_overlaps

# COCO's keypoints end at the eyes and the ankles: the body goes on by about a tenth of its extent on each side.
_BOX_GROWTH = 1.2
_MIN_JOINT_SCORE = 0.2  # surer joints alone say where a person is
_JOINT_TOLERANCE = 0.15  # of the person's size: about the mean over COCO's joints


@dataclass(frozen=True)
class People:
    """P people of one picture, K joints.

    Attributes:
        keypoints: (P, K, 2) float32 pixels; NaN = not seen.
        scores: (P, K) float32 in [0, 1].
        boxes: (P, 4) float32 x0, y0, x1, y1.
        box_scores: (P,) float32 in [0, 1].
    """

    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    box_scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, positions: NDArray) -> People:
        """The people at those positions, in that order."""
        return People(
            self.keypoints[positions], self.scores[positions], self.boxes[positions], self.box_scores[positions]
        )

    def joined(self, other: People) -> People:
        """These people followed by those of `other`."""
        return People(
            np.concatenate([self.keypoints, other.keypoints]),
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.boxes, other.boxes]),
            np.concatenate([self.box_scores, other.box_scores]),
        )


def match_boxes(a: NDArray, b: NDArray, *, min_overlap: float) -> list[tuple[int, int]]:
    """Pairs (position in `a`, position in `b`) of the boxes that overlap most in sum; none below `min_overlap`."""
    from scipy.optimize import linear_sum_assignment

    overlaps = box_overlaps(a, b)
    rows, columns = linear_sum_assignment(np.where(overlaps >= min_overlap, overlaps, 0), maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if overlaps[i, j] >= min_overlap]


def pose_boxes(people: People) -> NDArray[np.float32]:
    """(P, 4) a box around each person's certain keypoints, grown to hold the body; their own box where too few."""
    boxes = people.boxes.copy()
    for person in range(len(people)):
        points = people.keypoints[person]
        points = points[np.isfinite(points).all(axis=1) & (people.scores[person] >= _MIN_JOINT_SCORE)]
        if len(points) < 3:
            continue
        low, high = points.min(axis=0), points.max(axis=0)
        growth = (high - low) * (_BOX_GROWTH - 1) / 2
        boxes[person] = np.concatenate([low - growth, high + growth])
    return boxes


def pose_scores(people: People) -> NDArray[np.float32]:
    """(P,) mean score over the joints: how sure the pose network is that somebody is there."""
    return people.scores.mean(axis=1) if len(people) else np.zeros(0, np.float32)


def pose_likeness(people: People) -> NDArray[np.float64]:
    """(P, P) object keypoint similarity with one tolerance for all joints, over joints certain in both; 0 for none."""
    sides = np.clip(pose_boxes(people)[:, 2:] - pose_boxes(people)[:, :2], 1, None)
    area = np.maximum.outer(sides.prod(1), sides.prod(1))
    distance2 = ((people.keypoints[:, None] - people.keypoints[None]) ** 2).sum(-1)
    likeness = np.exp(-distance2 / (2 * area[..., None] * _JOINT_TOLERANCE**2))
    is_certain = people.scores >= _MIN_JOINT_SCORE
    is_common = np.isfinite(likeness) & is_certain[:, None] & is_certain[None]
    return np.where(is_common, likeness, 0).sum(-1) / np.maximum(is_common.sum(-1), 1)


def without_doubles(people: People, *, max_likeness: float) -> NDArray[np.int64]:
    """Positions of the people that remain when the worse box of two nearly equal poses is dropped."""
    likeness = pose_likeness(people)
    kept: list[int] = []
    for person in np.argsort(-people.box_scores, kind="stable"):
        if all(likeness[person, other] <= max_likeness for other in kept):
            kept.append(int(person))
    return np.array(sorted(kept), dtype=np.int64)
