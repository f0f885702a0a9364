"""Whom to look at: the choice among the people of a clip."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from poseflow.errors import NoSuchPersonError, NothingToScoreError
from poseflow.records import PoseTrack

PERSON_CHOICES = {
    "auto": "the person with the largest product of time seen and size (longest x largest)",
    "all": "everybody",
    "largest": "the person with the largest box, by the median over time",
    "central": "the person nearest to the middle of the picture, by the mean over time",
    "longest": "the person seen for the longest time",
    "id:N": "the person with id N",
}


def check_person(person: str, choices: Collection[str] = PERSON_CHOICES) -> str:
    """`person`, if it is one of `choices`; ValueError otherwise. To be called before the long work."""
    is_id = person.startswith("id:") and person.removeprefix("id:").isdecimal()
    if "id:N" in choices if is_id else person in choices and person != "id:N":
        return person
    raise ValueError(f"person: expected one of {', '.join(choices)}, got {person!r}")


def choose_people(
    tracks: Sequence[PoseTrack], *, person: str = "auto", frame_size: tuple[int, int] | None
) -> list[PoseTrack]:
    """The tracks that `person` names, in the order of `tracks`: one, or all of them; of equals the lowest id.

    Args:
        tracks: Everybody in the clip.
        person: One of PERSON_CHOICES, which says what each means.
        frame_size: Width and height of the upright picture in pixels; None = not known, as of somebody's keypoints.

    Raises:
        ValueError: `person` is none of the choices.
        NoSuchPersonError: Nobody has that id, or ``central`` of a picture of unknown size (a ValueError too).
        NothingToScoreError: There are no tracks.
    """
    best: dict[str, Callable[[PoseTrack], float]] = {
        "auto": lambda track: _seen_s(track) * _median_area(track),
        "largest": _median_area,
        "central": partial(_centrality, frame_size=frame_size),
        "longest": _seen_s,
    }
    check_person(person)
    if person == "central" and frame_size is None:
        raise NoSuchPersonError("person: central needs the size of the picture, which these keypoints do not tell")
    if not tracks:
        raise NothingToScoreError(
            "no person was found; check that somebody is in the picture, whole and upright, "
            "or try the other detector (--detector mmpose or --detector blazepose)"
        )
    if person == "all":
        return list(tracks)
    if person in best:
        return [min(tracks, key=lambda track: (-best[person](track), -_median_area(track), track.person_id))]
    chosen = [track for track in tracks if track.person_id == int(person.removeprefix("id:"))]
    if not chosen:
        ids = ", ".join(str(track.person_id) for track in tracks)
        raise NoSuchPersonError(f"person: nobody has the id {person.removeprefix('id:')}; the ids are {ids}")
    return chosen


def _seen_s(track: PoseTrack) -> float:
    """Time in which the person was seen; half of each step between frames belongs to the frame before it."""
    half_steps_s = np.diff(track.time_s) / 2
    is_seen = track.is_seen
    return float(half_steps_s[is_seen[:-1]].sum() + half_steps_s[is_seen[1:]].sum())


def _median_area(track: PoseTrack) -> float:
    """Median area of the boxes in square pixels, over the frames in which the person was seen."""
    boxes = _seen_boxes(track)
    return float(np.median((boxes[:, 2:] - boxes[:, :2]).prod(-1))) if len(boxes) else 0.0


def _centrality(track: PoseTrack, *, frame_size: tuple[int, int] | None) -> float:
    """Minus the mean distance of the boxes' centres from the middle of the picture, in pixels."""
    boxes = _seen_boxes(track)
    offsets = (boxes[:, :2] + boxes[:, 2:]) / 2 - np.array(frame_size) / 2
    return -float(np.linalg.norm(offsets, axis=-1).mean()) if len(boxes) else -np.inf


def _seen_boxes(track: PoseTrack) -> NDArray[np.float64]:
    """(S, 4) the finite boxes."""
    return track.boxes[np.isfinite(track.boxes).all(-1)].astype(np.float64)
