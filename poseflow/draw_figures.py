"""Stick figures in a grid of panels: poses without a video, in one scale, left blue and right vermilion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from poseflow.draw import check_picture_path
from poseflow.output import atomic_path
from vvipe.skeleton import Skeleton

VIEW_AZIMUTH_DEG, VIEW_ELEVATION_DEG = 215.0, 12.0
"""From where 3D poses are drawn; the canonical person faces azimuth 180, so this is obliquely from in front."""
CELL = 190
_CAPTION, _MARGIN = 24, 16
_LEFT, _RIGHT, _MIDDLE, _INK = (178, 114, 0), (0, 94, 213), (110, 110, 110), (40, 40, 40)  # BGR, Okabe and Ito
_FRAMES = {"hit": (115, 158, 0), "miss": (167, 121, 204), "start": (40, 40, 40)}


@dataclass(frozen=True)
class Panel:
    """One figure.

    Attributes:
        points: (K, 2) x right, y down, any unit, the same for all panels; NaN = not drawn.
        skeleton: Whose joints they are.
        caption: Written below.
        mark: Colours the panel's frame.
    """

    points: NDArray
    skeleton: Skeleton
    caption: str = ""
    mark: Literal["hit", "miss", "start", ""] = ""


def seen_obliquely(pose: NDArray) -> NDArray[np.float64]:
    """(17, 2) a canonical pose (17, 3) seen from afar, obliquely from in front; y down."""
    azimuth, elevation = np.deg2rad([VIEW_AZIMUTH_DEG, VIEW_ELEVATION_DEG])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    toward = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    return np.stack([pose @ right, -pose @ np.cross(toward, right)], axis=-1)


def draw_panels(rows: Sequence[Sequence[Panel]], *, cell: int = CELL, fit_each: bool = False) -> NDArray[np.uint8]:
    """A BGR picture of the panels, left to right and top to bottom, on white.

    Args:
        rows: May differ in length.
        cell: Side of a panel in pixels.
        fit_each: Every figure as large as its panel, for views whose units differ; else one scale for all.
    """
    columns = max((len(row) for row in rows), default=0)
    canvas = np.full((max(1, len(rows)) * (cell + _CAPTION), max(1, columns) * cell, 3), 255, np.uint8)
    sizes = [_size(panel.points) for row in rows for panel in row]
    common = max(sizes, default=1.0)
    for y, row in enumerate(rows):
        for x, panel in enumerate(row):
            size = _size(panel.points) if fit_each else common
            _draw_panel(canvas, panel, (x * cell, y * (cell + _CAPTION)), cell, size)
    return canvas


def write_picture(path: str | Path, picture: NDArray[np.uint8]) -> None:
    """Writes a picture (.png or .jpg); OutputError where it cannot be written."""
    check_picture_path(path)
    with atomic_path(path) as temporary:
        # cv2.imwrite cannot write to every path on Windows.
        temporary.write_bytes(cv2.imencode(temporary.suffix, picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes())


def _size(points: NDArray) -> float:
    known = points[np.isfinite(points).all(-1)]
    return float(np.ptp(known, axis=0).max()) if len(known) else 0.0


def _draw_panel(canvas: NDArray[np.uint8], panel: Panel, corner: tuple[int, int], cell: int, size: float) -> None:
    left, top = corner
    if panel.mark:
        ends = (left + 3, top + 3), (left + cell - 4, top + cell + _CAPTION - 4)
        cv2.rectangle(canvas, *ends, _FRAMES[panel.mark], 2, cv2.LINE_AA)
    width = cv2.getTextSize(panel.caption, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)[0][0]
    place = (left + (cell - width) // 2, top + cell + _CAPTION - 12)
    cv2.putText(canvas, panel.caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    is_known = np.isfinite(panel.points).all(-1)
    if not is_known.any():
        return
    known = panel.points[is_known]
    middle = (known.max(0) + known.min(0)) / 2
    scale = (cell - 2 * _MARGIN) / max(size, 1e-9)
    fitted = (panel.points - middle) * scale + np.array(corner) + cell / 2
    for parent, child in panel.skeleton.bones:
        if is_known[parent] and is_known[child]:
            colour = _colour(panel.skeleton, parent, child)
            ends = (_pixel(fitted[parent]), _pixel(fitted[child]))
            cv2.line(canvas, *ends, colour, 3, cv2.LINE_AA)
    for point in fitted[is_known]:
        cv2.circle(canvas, _pixel(point), 3, _INK, -1, cv2.LINE_AA)


def _pixel(point: NDArray) -> tuple[int, int]:
    x, y = np.rint(point).astype(int)
    return int(x), int(y)


def _colour(skeleton: Skeleton, parent: int, child: int) -> tuple[int, int, int]:
    """Of a side where the bone belongs to one."""
    sides = {skeleton.joints[joint].partition("_")[0] for joint in (parent, child)}
    if {"left", "right"} <= sides:
        return _MIDDLE
    return _LEFT if "left" in sides else _RIGHT if "right" in sides else _MIDDLE
