"""Aligned key frames: which moments, and the pictures of both people at them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from poseflow.records import PoseTrack
from poseflow.report.clips import extent, shown_keypoints

N_STILLS = 6
_ASPECT = 3 / 4  # width / height
_HEIGHT = 400
_JPEG_QUALITY = 80
_MAX_HOLD_S = 0.1  # a pose is drawn on a still this near to its own time


def key_moments(duration_s: float, wanted_s: Sequence[float], *, count: int = N_STILLS) -> list[float]:
    """Rising positions of at most `count` stills: half of them from `wanted_s`, first come first served, then spread.

    Args:
        duration_s: Positions run from 0 to here.
        wanted_s: Positions that should be among them, e.g. of feedback, the most important first.
        count: How many.
    """
    apart_s = duration_s / (2 * count)
    moments: list[float] = []
    for position_s in wanted_s:
        if len(moments) < count // 2 and all(abs(position_s - other) > apart_s for other in moments):
            moments.append(float(position_s))
    candidates = np.linspace(0, duration_s, 4 * count + 1)[1:-1]
    while len(moments) < count and duration_s > 0:
        others = np.array([*moments, -apart_s, duration_s + apart_s])
        moments.append(float(candidates[np.argmax(np.abs(candidates[:, None] - others).min(1))]))
    return sorted(moments) or [0.0]


def still_data(
    track: PoseTrack, time_s: float, image: NDArray[np.uint8] | None, *, frame_size: tuple[int, int] | None
) -> dict[str, Any]:
    """The person at a moment: where to look, and the picture there as a data address (None = skeleton alone).

    Args:
        track: The person.
        time_s: The moment.
        image: (H, W, 3) BGR, the whole picture; None = there is none.
        frame_size: (width, height) that the crop stays within; None = anywhere.
    """
    view = _upright_view(extent(_points_near(track, time_s)), frame_size)
    return {"time": round(time_s, 3), "view": view, "image": None if image is None else _jpeg(image, view)}


def _points_near(track: PoseTrack, time_s: float) -> NDArray[np.floating]:
    near = np.abs(track.time_s - time_s) <= _MAX_HOLD_S
    points = shown_keypoints(track)[near]
    return points if np.isfinite(points).all(-1).any() else shown_keypoints(track)


def _upright_view(box: list[float], frame_size: tuple[int, int] | None) -> list[float]:
    """The box made 3:4, moved into the picture, and no larger than the picture allows."""
    x0, y0, x1, y1 = box
    height = max(y1 - y0, (x1 - x0) / _ASPECT)
    if frame_size:
        height = min(height, frame_size[1], frame_size[0] / _ASPECT)
    width = height * _ASPECT
    x, y = (x0 + x1 - width) / 2, (y0 + y1 - height) / 2
    if frame_size:
        x, y = float(np.clip(x, 0, frame_size[0] - width)), float(np.clip(y, 0, frame_size[1] - height))
    return [round(value, 1) for value in (x, y, x + width, y + height)]


def _jpeg(image: NDArray[np.uint8], view: list[float]) -> str:
    x0, y0, x1, y1 = (round(value) for value in view)
    crop = image[max(y0, 0) : max(y1, 1), max(x0, 0) : max(x1, 1)]
    factor = min(1.0, _HEIGHT / crop.shape[0])
    if factor < 1:
        size = max(1, round(crop.shape[1] * factor)), max(1, round(crop.shape[0] * factor))
        crop = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    content = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(content).decode("ascii")
