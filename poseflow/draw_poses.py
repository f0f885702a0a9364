"""Skeletons on one picture, readable at any size, in colours that colour-blind people tell apart (Okabe and Ito)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from poseflow.records import PoseTrack
from vvipe.skeleton import Skeleton

MIN_DRAWN_SCORE = 0.3
"""Joints of a lower score are not drawn."""
_MAX_HOLD_S = 0.1  # a pose is drawn on frames this near to its own, where only some frames were looked at
_SPAN_SLACK_S = 1e-3  # a video written anew rounds its times to milliseconds
_LEFT, _RIGHT, _MIDDLE = (178, 114, 0), (0, 94, 213), (240, 240, 240)  # BGR: blue, vermilion, near white
_PEOPLE = ((115, 158, 0), (66, 228, 240), (167, 121, 204), (233, 180, 86), (0, 159, 230))
_DARK = (20, 20, 20)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Sighting:
    """One person in one frame.

    Attributes:
        person_id: As in the track.
        skeleton: The joints of `keypoints`.
        keypoints: (K, 2) pixels of the picture to be drawn on; NaN = not seen.
        scores: (K,) in [0, 1].
        box: (4,) x0, y0, x1, y1; NaN = none.
    """

    person_id: int
    skeleton: Skeleton
    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    box: NDArray[np.float32]

    def scaled(self, factor: float) -> Sighting:
        """The same in a picture `factor` times as large (pixel centres lie at whole numbers)."""
        shift = (factor - 1) / 2
        return replace(self, keypoints=self.keypoints * factor + shift, box=self.box * factor + shift)


def sightings_at(tracks: Sequence[PoseTrack], time_s: float) -> list[Sighting]:
    """The people whom `tracks` see at `time_s`: the nearest pose within 0.1 s, none outside a track's span."""
    found = []
    for track in tracks:
        row = _nearest_row(track.time_s, time_s)
        if row is not None and np.isfinite(track.keypoints[row]).any():
            arrays = track.keypoints[row], track.scores[row], track.boxes[row]
            found.append(Sighting(track.person_id, track.skeleton, *arrays))
    return found


def _nearest_row(times_s: NDArray[np.float64], time_s: float) -> int | None:
    if not len(times_s) or not times_s[0] - _SPAN_SLACK_S <= time_s <= times_s[-1] + _SPAN_SLACK_S:
        return None
    after = int(np.searchsorted(times_s, time_s))
    rows = [row for row in (after - 1, after) if 0 <= row < len(times_s)]
    row = min(rows, key=lambda row: abs(times_s[row] - time_s))
    return row if abs(times_s[row] - time_s) <= _MAX_HOLD_S else None


def draw_poses(
    image: NDArray[np.uint8], people: Sequence[Sighting], *, min_score: float = MIN_DRAWN_SCORE
) -> NDArray[np.uint8]:
    """A new picture with each person's skeleton, box and id: left limbs blue, right ones vermilion.

    Args:
        image: (H, W, 3) BGR.
        people: In pixels of `image`; joints that are NaN are left out.
        min_score: Joints that score less are left out.
    """
    drawn = np.ascontiguousarray(image.copy())
    for person in people:
        _draw_box(drawn, person)
        _draw_skeleton(drawn, person, min_score)
    return drawn


def draw_caption(image: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """A new picture with `text` (ASCII) in its lower left corner, white on dark."""
    drawn = np.ascontiguousarray(image.copy())
    margin = round(4 * _unit(image))
    _draw_text(drawn, text, (margin, image.shape[0] - margin), background=_DARK, colour=_MIDDLE)
    return drawn


def person_colour(person_id: int) -> tuple[int, int, int]:
    """BGR colour of a person's box and label."""
    return _PEOPLE[person_id % len(_PEOPLE)]


def _unit(image: NDArray[np.uint8]) -> float:
    """A thin but visible line in pixels: 4 in full HD."""
    return float(np.sqrt(image.shape[0] * image.shape[1])) / 400


def _side_colour(skeleton: Skeleton, *joints: int) -> tuple[int, int, int]:
    sides = {skeleton.joints[joint].split("_")[0] for joint in joints}
    if "left" in sides and "right" not in sides:
        return _LEFT
    return _RIGHT if "right" in sides and "left" not in sides else _MIDDLE


def _pixels(points: NDArray[np.float32], image: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Whole pixels, no further outside the picture than its own size; NaN becomes (0, 0)."""
    size = np.array([image.shape[1], image.shape[0]])
    near = np.clip(np.nan_to_num(points), -size, 2 * size)
    return [(int(x), int(y)) for x, y in np.rint(near)]


def _draw_skeleton(image: NDArray[np.uint8], person: Sighting, min_score: float) -> None:
    shown = np.isfinite(person.keypoints).all(-1) & (person.scores >= min_score)
    pixels = _pixels(person.keypoints, image)
    width, rim = max(1, round(1.6 * _unit(image))), max(1, round(0.6 * _unit(image)))
    bones = [bone for bone in person.skeleton.bones if shown[list(bone)].all()]
    for parent, child in bones:
        cv2.line(image, pixels[parent], pixels[child], _DARK, width + 2 * rim, cv2.LINE_AA)
    for parent, child in bones:
        colour = _side_colour(person.skeleton, parent, child)
        cv2.line(image, pixels[parent], pixels[child], colour, width, cv2.LINE_AA)
    for joint in map(int, np.flatnonzero(shown)):
        colour = _side_colour(person.skeleton, joint)
        cv2.circle(image, pixels[joint], width + 2 * rim, _DARK, -1, cv2.LINE_AA)
        cv2.circle(image, pixels[joint], width + rim, colour, -1, cv2.LINE_AA)


def _draw_box(image: NDArray[np.uint8], person: Sighting) -> None:
    if not np.isfinite(person.box).all():
        return
    colour = person_colour(person.person_id)
    corner, opposite = _pixels(person.box.reshape(2, 2), image)
    cv2.rectangle(image, corner, opposite, colour, max(1, round(0.7 * _unit(image))), cv2.LINE_AA)
    _draw_text(image, f"id {person.person_id}", corner, background=colour, colour=_DARK)


def _draw_text(
    image: NDArray[np.uint8],
    text: str,
    corner: tuple[int, int],
    *,
    background: tuple[int, int, int],
    colour: tuple[int, int, int],
) -> None:
    """Text on a filled ground whose lower left corner is `corner`, moved so that it lies in the picture."""
    scale, width = max(0.35, 0.25 * _unit(image)), max(1, round(0.5 * _unit(image)))
    (text_width, text_height), below = cv2.getTextSize(text, _FONT, scale, width)
    pad = below // 2 + 1
    x = min(max(corner[0], 0), max(image.shape[1] - text_width - 2 * pad, 0))
    y = min(max(corner[1], text_height + below + 2 * pad), image.shape[0])
    ground = (x, y - text_height - below - 2 * pad), (x + text_width + 2 * pad, y)
    cv2.rectangle(image, *ground, background, -1)
    cv2.putText(image, text, (x + pad, y - below - pad), _FONT, scale, colour, width, cv2.LINE_AA)
