"""A picture of the most typical moment of each segment: from the film where there is one, else as stick figures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from poseflow.draw import check_picture_path, crop_person
from poseflow.draw_figures import Panel, draw_panels, write_picture
from poseflow.draw_poses import draw_poses, sightings_at
from poseflow.errors import NothingToScoreError
from poseflow.records import PoseTrack
from poseflow.segment import Timeline
from poseflow.video import read_frames

COLUMNS = 6
_CELL, _CAPTION = 220, 26
_INK, _GROUND = (40, 40, 40), 255


def write_key_poses(path: str | Path, timeline: Timeline, track: PoseTrack, *, video: str | Path | None = None) -> None:
    """Writes a picture (.png or .jpg), one panel a segment in order of time, with its label and times.

    Args:
        path: The picture.
        timeline: Of the person.
        track: The person's keypoints.
        video: The film of the clip; None = stick figures, and no picture of anybody.

    Raises:
        NothingToScoreError: There is no segment.
        VideoError: The video cannot be read.
        OutputError: `path` cannot be written.
    """
    check_picture_path(path)
    if not timeline.segments:
        raise NothingToScoreError("no segment was found, so there is no sheet of key poses")
    captions = [f"{s.label}: {s.start_s:.1f} - {s.end_s:.1f} s" for s in timeline.segments]
    rows = [int(np.abs(track.time_s - key_s).argmin()) for key_s in timeline.key_s]
    if video is None:
        panels = [Panel(track.keypoints[row], track.skeleton, text) for row, text in zip(rows, captions, strict=True)]
        write_picture(
            path, draw_panels([panels[i : i + COLUMNS] for i in range(0, len(panels), COLUMNS)], fit_each=True)
        )
        return
    pictures = _crops(video, track, rows)
    write_picture(path, _sheet([_tile(picture, text) for picture, text in zip(pictures, captions, strict=True)]))


def _crops(video: str | Path, track: PoseTrack, rows: Sequence[int]) -> list[NDArray[np.uint8]]:
    """The person at each row, skeleton drawn; the film is read once, forward."""
    wanted = {float(track.time_s[row]): row for row in rows}
    crops: dict[int, NDArray[np.uint8]] = {}
    with closing(read_frames(video)) as frames:
        for frame in frames:
            row = next((row for time_s, row in wanted.items() if abs(time_s - frame.time_s) < 1e-4), None)
            if row is not None:
                picture = draw_poses(frame.image, sightings_at([track], frame.time_s))
                crops[row] = crop_person(picture, track, row)
            if len(crops) == len(wanted):
                break
    blank = np.full((_CELL, _CELL, 3), _GROUND, np.uint8)
    return [crops.get(row, blank) for row in rows]


def _tile(picture: NDArray[np.uint8], caption: str) -> NDArray[np.uint8]:
    tile = np.full((_CELL + _CAPTION, _CELL, 3), _GROUND, np.uint8)
    factor = min((_CELL - 8) / picture.shape[0], (_CELL - 8) / picture.shape[1])
    size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    y, x = (_CELL - size[1]) // 2, (_CELL - size[0]) // 2
    tile[y : y + size[1], x : x + size[0]] = small
    width = cv2.getTextSize(caption, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)[0][0]
    place = ((_CELL - width) // 2, _CELL + 15)
    cv2.putText(tile, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return tile


def _sheet(tiles: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    columns = min(COLUMNS, len(tiles))
    blank = np.full_like(tiles[0], _GROUND)
    padded = [*tiles, *[blank] * (-len(tiles) % columns)]
    lines = [np.concatenate(padded[i : i + columns], axis=1) for i in range(0, len(padded), columns)]
    return np.concatenate(lines)
