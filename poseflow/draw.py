"""Results to look at: overlay videos, two matched clips side by side, and a sheet of the people in a clip."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from poseflow.draw_poses import MIN_DRAWN_SCORE, draw_caption, draw_poses, person_colour, sightings_at
from poseflow.errors import NothingToScoreError, OutputError
from poseflow.output import atomic_path
from poseflow.progress import time_progress
from poseflow.records import Frame, PoseTrack
from poseflow.video import probe, read_frames
from poseflow.video_writer import VideoWriter

FilePath = str | os.PathLike[str]
_SLACK_S = 1e-6
_LEAD_S = 1.0  # the frame on screen at a moment began before it
_TILE_WIDTH, _TILE_HEIGHT, _TEXT_HEIGHT = 240, 320, 66
_GROUND, _INK = 235, (30, 30, 30)
_SHEET_SUFFIXES = (".png", ".jpg", ".jpeg")


def draw_overlay(
    path: FilePath,
    tracks: Sequence[PoseTrack],
    out_path: FilePath,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    stride_s: float | None = None,
    max_height: int | None = None,
    min_score: float = MIN_DRAWN_SCORE,
    show_progress: bool = False,
) -> None:
    """Writes an .mp4 of the clip with everybody's skeleton, id and box, and the source's time in a corner.

    Args:
        path: The video that `tracks` were found in.
        tracks: Found by time, so any stride will do.
        out_path: Must not be `path`; its first frame is at 0, and the gaps between frames are the source's.
        start_s, end_s, stride_s: Which frames, as for `read_frames`.
        max_height: Pixels; a larger picture is made smaller. None = as it is.
        min_score: Joints that score less are left out.
        show_progress: Whether to show progress on stderr where that is a terminal.

    Raises:
        VideoError: The video cannot be read.
        OutputError: `out_path` cannot be written.
    """
    check_not_source(out_path, path)
    frames: Iterator[Frame] = read_frames(path, start_s=start_s, end_s=end_s, stride_s=stride_s)
    if show_progress:
        last_s = probe(path).duration_s if end_s is None else end_s
        frames = time_progress(frames, label=f"drawing {Path(out_path).name}", start_s=start_s or 0.0, end_s=last_s)
    with VideoWriter(out_path) as writer:
        for frame in frames:
            height = min(frame.image.shape[0], max_height or frame.image.shape[0])
            image = _draw_frame(frame, tracks, height=height, min_score=min_score)
            writer.write(draw_caption(image, f"{frame.time_s:.2f} s"), frame.time_s)


def draw_side_by_side(
    ref_path: FilePath,
    ref_track: PoseTrack,
    query_path: FilePath,
    query_track: PoseTrack,
    pairs: ArrayLike,
    out_path: FilePath,
    *,
    max_height: int = 720,
) -> None:
    """Writes an .mp4 in the query's time: left the reference at the matched moment, right the query.

    Args:
        ref_path, query_path: The two videos.
        ref_track, query_track: The matched people.
        pairs: (P, 2) matched times (ref_s, query_s), neither ever falling; of several references for one query time
            the middle one is shown.
        out_path: Must be neither of the videos.
        max_height: Pixels; both pictures get the same height, that of the larger or this.

    Raises:
        ValueError: `pairs` is empty, not finite, or falls.
        VideoError: A video cannot be read.
        OutputError: `out_path` cannot be written.
    """
    moments = _query_moments(pairs)
    check_not_source(out_path, ref_path, query_path)
    with ExitStack() as stack:
        writer = stack.enter_context(VideoWriter(out_path))
        ref = stack.enter_context(closing(_frames_on_screen(ref_path, moments[:, 0])))
        query = stack.enter_context(closing(_frames_on_screen(query_path, moments[:, 1])))
        for (ref_s, query_s), ref_frame, query_frame in zip(moments, ref, query, strict=True):
            height = min(max(ref_frame.image.shape[0], query_frame.image.shape[0]), max_height)
            left = draw_caption(_draw_frame(ref_frame, [ref_track], height=height), f"reference {ref_s:.2f} s")
            right = draw_caption(_draw_frame(query_frame, [query_track], height=height), f"query {query_s:.2f} s")
            writer.write(np.concatenate([left, right], axis=1), query_s)


def draw_contact_sheet(path: FilePath, tracks: Sequence[PoseTrack], out_path: FilePath) -> None:
    """Writes a picture (.png or .jpg) of everybody in a clip, each at the best-scored sighting, to choose from.

    Below each stand the id, for ``--person id:N``, the time from the first to the last sighting, and how many frames
    saw the person.

    Raises:
        ValueError: `out_path` is not named .png or .jpg.
        NothingToScoreError: There is nobody.
        VideoError: The video cannot be read.
        OutputError: `out_path` cannot be written.
    """
    check_picture_path(out_path)
    check_not_source(out_path, path)
    seen = [track for track in tracks if track.is_seen.any()]
    if not seen:
        raise NothingToScoreError(f"nobody was seen in {path}, so there is no contact sheet")
    with atomic_path(out_path) as temporary:
        tiles = _tiles(path, seen)
        sheet = _grid([tiles[track.person_id] for track in sorted(seen, key=lambda track: track.person_id)])
        # cv2.imwrite cannot write to every path on Windows.
        temporary.write_bytes(cv2.imencode(temporary.suffix, sheet)[1].tobytes())


def check_picture_path(path: FilePath) -> None:
    """Raises ValueError where the name of `path` does not end as that of a picture that can be written here."""
    if Path(path).suffix.lower() not in _SHEET_SUFFIXES:
        raise ValueError(f"cannot write a picture to {path}; end its name in .png")


def check_not_source(out_path: FilePath, *sources: FilePath) -> None:
    """Raises OutputError where writing to `out_path` would replace one of `sources`."""
    for source in sources:
        if Path(out_path).exists() and Path(source).exists() and Path(out_path).samefile(source):
            raise OutputError(f"{out_path} is the input itself and will not be replaced; write somewhere else")


def _draw_frame(
    frame: Frame, tracks: Sequence[PoseTrack], *, height: int, min_score: float = MIN_DRAWN_SCORE
) -> NDArray[np.uint8]:
    """The frame at that height, with the people of its moment."""
    people = sightings_at(tracks, frame.time_s)
    image, factor = frame.image, height / frame.image.shape[0]
    if factor != 1:
        people = [person.scaled(factor) for person in people]
        image = _resized(image, max(1, round(image.shape[1] * factor)), height)
    return draw_poses(image, people, min_score=min_score)


def _resized(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    is_smaller = height < image.shape[0]
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def _query_moments(pairs: ArrayLike) -> NDArray[np.float64]:
    """(Q, 2) one (ref_s, query_s) for each distinct query time."""
    path = np.asarray(pairs, dtype=np.float64)
    if path.ndim != 2 or path.shape[1] != 2 or not len(path):
        raise ValueError(f"draw_side_by_side: expected pairs of shape (P, 2), P >= 1, got {path.shape}")
    if not np.isfinite(path).all() or (np.diff(path, axis=0) < 0).any():
        raise ValueError("draw_side_by_side: expected finite pairs of which neither time ever falls")
    query_s, first, count = np.unique(path[:, 1], return_index=True, return_counts=True)
    return np.stack([path[first + (count - 1) // 2, 0], query_s], axis=1)


def _frames_on_screen(path: FilePath, times_s: NDArray[np.float64]) -> Generator[Frame]:
    """For each of the rising `times_s` the frame shown then (the first one before it begins); decodes once, forward."""
    with closing(read_frames(path, start_s=max(0.0, float(times_s[0]) - _LEAD_S))) as frames:
        current = next(frames)
        following = next(frames, None)
        for time_s in times_s:
            while following is not None and following.time_s <= time_s + _SLACK_S:
                current, following = following, next(frames, None)
            yield current


def _tiles(path: FilePath, tracks: Sequence[PoseTrack]) -> dict[int, NDArray[np.uint8]]:
    """Person id -> tile; one crop a person is held, never the frames."""
    best_rows = [int(np.argmax(np.where(track.is_seen, track.scores.mean(1), -1.0))) for track in tracks]
    order = sorted(range(len(tracks)), key=lambda i: tracks[i].time_s[best_rows[i]])
    times_s = np.array([tracks[i].time_s[best_rows[i]] for i in order])
    tiles = {}
    with closing(_frames_on_screen(path, times_s)) as frames:
        for i, frame in zip(order, frames, strict=True):
            tiles[tracks[i].person_id] = _tile(crop_person(frame.image, tracks[i], best_rows[i]), tracks[i])
    return tiles


def crop_person(image: NDArray[np.uint8], track: PoseTrack, row: int) -> NDArray[np.uint8]:
    """The person of a row with a tenth of room around; the whole picture where the box lies outside it."""
    box = track.boxes[row].astype(np.float64)
    if not np.isfinite(box).all():
        points = track.keypoints[row]
        box = np.concatenate([np.nanmin(points, axis=0), np.nanmax(points, axis=0)])
    room = 0.1 * max(box[2] - box[0], box[3] - box[1])
    limits = np.array([image.shape[1], image.shape[0]] * 2)
    x0, y0, x1, y1 = np.clip(np.rint(box + [-room, -room, room, room]), 0, limits).astype(int)
    return image[y0:y1, x0:x1] if x1 - x0 > 1 and y1 - y0 > 1 else image


def _tile(crop: NDArray[np.uint8], track: PoseTrack) -> NDArray[np.uint8]:
    tile = np.full((_TILE_HEIGHT + _TEXT_HEIGHT, _TILE_WIDTH, 3), _GROUND, np.uint8)
    factor = min((_TILE_WIDTH - 12) / crop.shape[1], (_TILE_HEIGHT - 12) / crop.shape[0])
    picture = _resized(crop, max(1, round(crop.shape[1] * factor)), max(1, round(crop.shape[0] * factor)))
    y, x = (_TILE_HEIGHT - picture.shape[0]) // 2, (_TILE_WIDTH - picture.shape[1]) // 2
    tile[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    seen_s = track.time_s[track.is_seen]
    cv2.rectangle(tile, (6, _TILE_HEIGHT + 2), (18, _TILE_HEIGHT + 18), person_colour(track.person_id), -1)
    _write_line(tile, f"id:{track.person_id}", x=24, y=_TILE_HEIGHT + 18, scale=0.65, width=2)
    _write_line(tile, f"{seen_s[0]:.2f} - {seen_s[-1]:.2f} s", x=6, y=_TILE_HEIGHT + 39, scale=0.45, width=1)
    _write_line(tile, f"seen in {len(seen_s)} frames", x=6, y=_TILE_HEIGHT + 57, scale=0.45, width=1)
    return tile


def _write_line(image: NDArray[np.uint8], text: str, *, x: int, y: int, scale: float, width: int) -> None:
    cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, width, cv2.LINE_AA)


def _grid(tiles: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The tiles in rows, about as many across as down."""
    columns = int(np.ceil(np.sqrt(len(tiles))))
    rows = -(-len(tiles) // columns)
    blank = np.full_like(tiles[0], _GROUND)
    padded = [*tiles, *[blank] * (rows * columns - len(tiles))]
    return np.concatenate([np.concatenate(padded[r * columns : (r + 1) * columns], axis=1) for r in range(rows)])
