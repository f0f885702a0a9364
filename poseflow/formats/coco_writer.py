"""Tracks as COCO keypoint annotations, with what COCO leaves out: scores, identities and times."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from poseflow.formats.tracks_by_frame import TracksByFrame, plain_numbers
from poseflow.output import atomic_path
from poseflow.records import ClipMetadata, PoseTrack
from poseflow.store import boxes_around
from vvipe.skeleton import COCO17

_SEEN = 2
"""COCO's visibility of a joint that is in the picture; 0 = not annotated."""


def write_coco(path: Path, clip: TracksByFrame, *, name: str, metadata: ClipMetadata | None = None) -> None:
    """Writes ``{"info", "images", "categories", "annotations"}``, which pycocotools loads.

    One image a frame, also with nobody in it; its id and ``frame_id`` are the frame's number, ``time_s`` its time.
    One annotation a person and frame; beside COCO's own keys ``track_id`` (from 0), ``keypoint_scores`` and ``score``.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    size = metadata.size if metadata is not None else None
    about = {} if size is None else {"width": size[0], "height": size[1]}
    described = {track.person_id: _Described(track) for track in clip.tracks}
    for frame, time_s, seen in clip.seen():
        file_name = f"{name}_{frame:012d}.jpg"
        images.append({"id": frame, "frame_id": frame, "file_name": file_name, "time_s": time_s, **about})
        for track, row in seen:
            shared = {"id": len(annotations) + 1, "image_id": frame, "category_id": 1, "iscrowd": 0}
            annotations.append(shared | described[track.person_id].row(row))
    content = {
        "info": {"description": f"{name}, by poseflow", "version": "1.0"},
        "images": images,
        "categories": [_category()],
        "annotations": annotations,
    }
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(_lines(content))


def _category() -> dict[str, Any]:
    return {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(COCO17.joints),
        "skeleton": [[parent + 1, child + 1] for parent, child in COCO17.bones],
    }


class _Described:
    """One person's annotations, row by row."""

    def __init__(self, track: PoseTrack) -> None:
        is_seen = np.asarray(np.isfinite(track.keypoints).all(-1))
        visible = np.where(is_seen, float(_SEEN), 0.0)
        places = np.where(is_seen[..., None], plain_numbers(track.keypoints), 0.0)
        self._keypoints = np.concatenate([places, visible[..., None]], axis=-1).reshape(len(places), -1)
        self._count = is_seen.sum(1)
        self._scores = plain_numbers(track.scores)
        around, mean_scores = boxes_around(track.keypoints, track.scores)
        has_box = np.asarray(np.isfinite(track.boxes).all(-1))
        # Not rounded: x + width must be the other corner again.
        self._boxes = np.where(has_box[:, None], track.boxes, around).astype(np.float64)
        self._box_scores = plain_numbers(np.where(np.isfinite(track.box_scores), track.box_scores, mean_scores))
        self._track_id = track.person_id - 1

    def row(self, row: int) -> dict[str, Any]:
        x0, y0, x1, y1 = self._boxes[row].tolist()
        return {
            "track_id": self._track_id,
            "num_keypoints": int(self._count[row]),
            # COCO's visibilities are whole numbers.
            "keypoints": [int(v) if v.is_integer() else v for v in self._keypoints[row].tolist()],
            "keypoint_scores": self._scores[row].tolist(),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "score": float(self._box_scores[row]),
        }


def _lines(content: dict[str, Any]) -> Iterator[str]:
    """The JSON text, one image or annotation a line."""
    for number, (key, value) in enumerate(content.items()):
        yield ("{" if number == 0 else ",\n") + json.dumps(key) + ": "
        if not isinstance(value, list):
            yield json.dumps(value, allow_nan=False)
            continue
        yield "[\n" + ",\n".join(json.dumps(entry, allow_nan=False) for entry in value) + "\n]"
    yield "}\n"
