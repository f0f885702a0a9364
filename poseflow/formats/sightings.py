"""What a keypoint file says, in COCO-17 order: who was seen in which frame; and its way to tracks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poseflow.errors import FileFormatError
from poseflow.records import FramePoses, PoseTrack
from vvipe.skeleton import COCO17

_LARGEST_FRAME = 2**53  # the largest whole number up to which a float64 knows each one


@dataclass(frozen=True)
class Sighting:
    """One person in one frame.

    Attributes:
        frame: Number of the frame.
        keypoints: (17, 2) pixels in COCO-17 order; NaN = not seen.
        scores: (17,) confidence; NaN = not stated.
        person: Identity in the file, from 1; None = not known. Identities count only where everybody has one.
        box: (4,) x0, y0, x1, y1; None = not stated.
        box_score: Confidence of the person; NaN = not stated.
    """

    frame: int
    keypoints: NDArray[np.float64]
    scores: NDArray[np.float64]
    person: int | None = None
    box: NDArray[np.float64] | None = None
    box_score: float = np.nan


@dataclass(frozen=True)
class Sightings:
    """Everybody in a file.

    Attributes:
        people: Sightings in any order.
        frames: Numbers of all processed frames, also of those with nobody in them.
        time_s: Time of each of `frames`, where the file has them.
        fps: Frame rate, where the file has it.
    """

    people: Sequence[Sighting]
    frames: Sequence[int]
    time_s: Sequence[float] | None = None
    fps: float | None = None


def to_tracks(
    path: Path, sightings: Sightings, *, fps: float | None = None, times: ArrayLike | None = None
) -> list[PoseTrack]:
    """Tracks of everybody; where the file does not say who is who, `poseflow.tracking.track_people` does.

    Args:
        path: For error messages.
        sightings: What the file says; people without a single joint are left out.
        fps: Frame rate, before that of the file.
        times: Seconds of every frame of the video, indexed by frame number; before everything else.

    Raises:
        ValueError: `fps` is not above 0, or `times` ends before the last frame.
        FileFormatError: No time is known, times do not rise, or a person is twice in one frame.
    """
    if any(not 0 <= frame <= _LARGEST_FRAME for frame in sightings.frames):
        found = f"{min(sightings.frames)} to {max(sightings.frames)}"
        raise FileFormatError(f"{path}: expected frame numbers from 0 to {_LARGEST_FRAME}, found {found}")
    order = np.argsort(sightings.frames, kind="stable")
    index = np.asarray(sightings.frames, np.int64)[order]
    if (np.diff(index) == 0).any():
        raise FileFormatError(f"{path}: frame {index[np.flatnonzero(np.diff(index) == 0)[0]]} is in it twice")
    time_s = _frame_times(path, sightings, index, order, fps, times)
    if not np.isfinite(time_s).all() or (np.diff(time_s) <= 0).any():
        raise FileFormatError(f"{path}: the times of its frames do not rise")
    people = [completed for person in sightings.people if (completed := _completed(person)) is not None]
    if any(person.person is None for person in people):
        from poseflow.tracking import track_people

        return track_people(_frame_poses(people, index, time_s), skeleton=COCO17)
    ids = sorted({person.person for person in people if person.person is not None})
    return [_track(path, id_, [p for p in people if p.person == id_], index, time_s) for id_ in ids]


def _frame_times(
    path: Path,
    sightings: Sightings,
    index: NDArray[np.int64],
    order: NDArray[np.int64],
    fps: float | None,
    times: ArrayLike | None,
) -> NDArray[np.float64]:
    if fps is not None and not (fps > 0 and np.isfinite(fps)):
        raise ValueError(f"fps: expected frames a second above 0, got {fps}")
    if times is not None:
        stamps = np.asarray(times, np.float64)
        if stamps.ndim != 1 or (len(index) and index[-1] >= len(stamps)):
            raise ValueError(f"times: expected one a frame up to frame {index[-1]}, got shape {stamps.shape}")
        return stamps[index]
    if fps is None and sightings.time_s is not None:
        return np.asarray(sightings.time_s, np.float64)[order]
    rate = fps or sightings.fps
    if rate is None:
        raise FileFormatError(f"{path}: the file has no times; give the frame rate of its video (fps, or --fps)")
    if not (rate > 0 and np.isfinite(rate)):
        raise FileFormatError(f"{path}: its frame rate is {rate}; give that of its video (fps, or --fps)")
    return index / rate


def _completed(person: Sighting) -> Sighting | None:
    """With NaN and score 0 where a joint was not seen, and a box around the joints; None = no joint was seen."""
    is_seen = np.asarray(np.isfinite(person.keypoints).all(-1))
    if not is_seen.any():
        return None
    keypoints = np.where(is_seen[:, None], person.keypoints, np.nan)
    scores = np.where(np.isfinite(person.scores), np.clip(person.scores, 0, 1), 1.0)
    scores = np.where(is_seen, scores, 0.0)
    box = person.box
    if box is None or not np.isfinite(box).all():
        box = np.concatenate([np.nanmin(keypoints, axis=0), np.nanmax(keypoints, axis=0)])
    box_score = person.box_score if np.isfinite(person.box_score) else float(scores[is_seen].mean())
    return Sighting(person.frame, keypoints, scores, person.person, box, float(np.clip(box_score, 0, 1)))


def _frame_poses(
    people: Sequence[Sighting], index: NDArray[np.int64], time_s: NDArray[np.float64]
) -> Iterable[FramePoses]:
    by_frame: dict[int, list[Sighting]] = {int(frame): [] for frame in index}
    for person in people:
        by_frame[person.frame].append(person)
    for frame, time in zip(index, time_s, strict=True):
        seen = by_frame[int(frame)]
        yield FramePoses(
            index=int(frame),
            time_s=float(time),
            keypoints=np.array([p.keypoints for p in seen], np.float32).reshape(-1, COCO17.n_joints, 2),
            scores=np.array([p.scores for p in seen], np.float32).reshape(-1, COCO17.n_joints),
            boxes=np.array([p.box for p in seen], np.float32).reshape(-1, 4),
            box_scores=np.array([p.box_score for p in seen], np.float32),
        )


def _track(
    path: Path, person_id: int, seen: list[Sighting], index: NDArray[np.int64], time_s: NDArray[np.float64]
) -> PoseTrack:
    """One person from the first to the last sighting."""
    positions = np.searchsorted(index, np.array([person.frame for person in seen]))
    rising = np.sort(positions)
    repeated = rising[1:][np.diff(rising) == 0]
    if len(repeated):
        raise FileFormatError(f"{path}: person {person_id} is twice in frame {index[repeated[0]]}")
    first, last = positions.min(), positions.max() + 1
    frames, joints = last - first, COCO17.n_joints
    keypoints = np.full((frames, joints, 2), np.nan, np.float32)
    scores = np.zeros((frames, joints), np.float32)
    boxes, box_scores = np.full((frames, 4), np.nan, np.float32), np.full(frames, np.nan, np.float32)
    for position, person in zip(positions - first, seen, strict=True):
        keypoints[position], scores[position] = person.keypoints, person.scores
        boxes[position], box_scores[position] = person.box, person.box_score
    return PoseTrack(person_id, COCO17, index[first:last], time_s[first:last], keypoints, scores, boxes, box_scores)
