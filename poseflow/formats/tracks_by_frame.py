"""Several people's tracks on the frames of their clip, as the files of other programs want them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poseflow.errors import FileFormatError, NothingToScoreError
from poseflow.records import PoseTrack
from vvipe.skeleton import COCO17

_FPS_SLACK_S = 1e-3
"""Timestamps of a constant rate are off by this much where a container rounds them to milliseconds."""


@dataclass(frozen=True)
class TracksByFrame:
    """Tracks in COCO-17 order, and the frames that at least one of them spans.

    Attributes:
        tracks: One a person.
        index: (T,) int64 frame numbers, rising.
        time_s: (T,) float64 times of those frames, rising.
    """

    tracks: tuple[PoseTrack, ...]
    index: NDArray[np.int64]
    time_s: NDArray[np.float64]

    def rows(self, track: PoseTrack) -> NDArray[np.int64]:
        """(T_track,) where the frames of `track` are in `index`."""
        return np.searchsorted(self.index, track.index)

    def seen(self) -> Iterator[tuple[int, float, list[tuple[PoseTrack, int]]]]:
        """For each frame its number, its time, and who was seen in it: (track, row of the track)."""
        people: list[list[tuple[PoseTrack, int]]] = [[] for _ in self.index]
        for track in self.tracks:
            is_seen = track.is_seen
            for row, position in enumerate(self.rows(track)):
                if is_seen[row]:
                    people[position].append((track, row))
        yield from zip(self.index.tolist(), self.time_s.tolist(), people, strict=True)

    @property
    def fps(self) -> float | None:
        """Frames a second of the video, by which frames are numbered; None where the rate is not constant to 1 ms."""
        return _rate(self.index, self.time_s)

    @property
    def row_fps(self) -> float | None:
        """Rows a second, where they are evenly spaced to 1 ms: half of `fps` where every second frame was looked at."""
        return _rate(np.arange(len(self.index)), self.time_s)


def _rate(number: NDArray[np.int64], time_s: NDArray[np.float64]) -> float | None:
    """The slope of the straight line through the times, where none is off it."""
    if len(number) < 2:
        return None
    numbers, times = number - number.mean(), time_s - time_s.mean()
    step_s = float((numbers * times).sum() / (numbers * numbers).sum())
    return 1 / step_s if np.abs(times - step_s * numbers).max() <= _FPS_SLACK_S else None


def by_frame(tracks: Sequence[PoseTrack]) -> TracksByFrame:
    """The tracks on their common frames.

    Raises:
        ValueError: A track is not COCO-17, or two have the same id.
        NothingToScoreError: There is nobody, or nobody was ever seen.
        FileFormatError: The tracks give one frame two times, or an id is below 1.
    """
    if any(track.skeleton != COCO17 for track in tracks):
        raise ValueError("tracks: expected coco17 keypoints")
    ids = [track.person_id for track in tracks]
    if len(set(ids)) != len(ids):
        raise ValueError(f"tracks: expected each person once, got the ids {ids}")
    if not any(track.is_seen.any() for track in tracks):
        raise NothingToScoreError("nothing to export: no joint of anybody was seen; choose another person or clip")
    if min(ids) < 1:
        raise FileFormatError(f"person_id {min(ids)}: ids start at 1; number the people anew")
    frames = np.concatenate([track.index for track in tracks])
    times = np.concatenate([track.time_s for track in tracks])
    index, first = np.unique(frames, return_index=True)
    time_s = times[first]
    clash = np.flatnonzero(np.abs(time_s[np.searchsorted(index, frames)] - times) > _FPS_SLACK_S)
    if len(clash) or (np.diff(time_s) <= 0).any():
        where = f" (frame {frames[clash[0]]})" if len(clash) else ""
        raise FileFormatError(f"the people's frames do not have the same times{where}; export them one by one (person)")
    return TracksByFrame(tuple(tracks), index, time_s)


def plain_numbers(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The float64 with the shortest decimals that are these float32 again (0.1 stays 0.1 in text); NaN stays NaN."""
    return values.astype(np.float32).astype("U32").astype(np.float64)
