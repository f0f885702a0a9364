"""Tracks as the CSV that DeepLabCut writes of an analysed video."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from poseflow.errors import FileFormatError
from poseflow.formats.tracks_by_frame import TracksByFrame, plain_numbers
from poseflow.output import atomic_path
from vvipe.skeleton import COCO17

SCORER = "poseflow"
_COORDS = ("x", "y", "likelihood")
_MOST_EMPTY_ROWS = 10_000_000


def write_deeplabcut(path: Path, clip: TracksByFrame) -> None:
    """Writes one row a frame, from frame 0 on: other programs take the row for the frame, and its rate for the time.

    A joint that was not seen has an empty place and likelihood 0, as all joints have in frames that nobody spans (of
    wholly empty rows pandas takes the first for a header). Several people become the ``individuals`` ``id_1``,
    ``id_2``, ...; one alone has no such header row. The format has no times.

    Raises:
        FileFormatError: The frame numbers are so high that the rows before them would fill the disk.
    """
    last = int(clip.index[-1])
    if last - len(clip.index) > _MOST_EMPTY_ROWS:
        raise FileFormatError(f"frame {last}: DeepLabCut's tables start at frame 0; number the frames from there")
    cells = [_cells(track.keypoints, track.scores) for track in clip.tracks]
    rows_of = [{int(frame): row for row, frame in enumerate(track.index)} for track in clip.tracks]
    empty = ["", "", "0.0"] * COCO17.n_joints
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows(_header([track.person_id for track in clip.tracks]))
        for frame in range(last + 1):
            values: list[str] = []
            for person, rows in enumerate(rows_of):
                values += cells[person][rows[frame]] if frame in rows else empty
            writer.writerow([frame, *values])


def _header(ids: list[int]) -> list[list[str]]:
    columns = [
        (SCORER, f"id_{person}", joint, coordinate)
        for person in ids
        for joint in COCO17.joints
        for coordinate in _COORDS
    ]
    levels = ["scorer", "individuals", "bodyparts", "coords"]
    rows = [[level, *column] for level, column in zip(levels, zip(*columns, strict=True), strict=True)]
    return rows if len(ids) > 1 else [row for row in rows if row[0] != "individuals"]


def _cells(keypoints: np.ndarray, scores: np.ndarray) -> list[list[str]]:
    """One list of 51 texts a frame; places are empty where a joint was not seen."""
    points = np.concatenate([keypoints, scores[..., None]], axis=-1)
    points[~np.isfinite(points).all(-1)] = (np.nan, np.nan, 0)
    numbers = plain_numbers(points).reshape(len(points), -1)
    return [["" if number != number else repr(number) for number in row] for row in numbers.tolist()]
