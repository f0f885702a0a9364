"""SLEAP's analysis files (HDF5)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.hdf5 import open_hdf5
from poseflow.formats.joints import order_by_name, take
from poseflow.formats.protocol import ImportOptions
from poseflow.formats.sightings import Sighting, Sightings
from poseflow.formats.source import KeypointSource

# Order of SLEAP's own export; files of sleap-io state theirs in the attribute `dims`.
_USUAL_DIMS = {
    "tracks": ("track", "xy", "node", "frame"),
    "point_scores": ("track", "node", "frame"),
    "instance_scores": ("track", "frame"),
}
_OUR_DIMS = ("frame", "track", "node", "xy")


class SleapAnalysis:
    """SLEAP's analysis export (``Export Analysis HDF5...``, ``sleap-convert --format analysis``, sleap-io).

    Every track is one person. Where the file names no tracks and several people, they are joined from frame to
    frame. Frames are counted from the first in the file.
    """

    name = "sleap"
    description = "SLEAP's analysis .h5"

    def detects(self, source: KeypointSource) -> bool:
        if not source.is_hdf5:
            return False
        with open_hdf5(source) as file:
            return "tracks" in file and "node_names" in file

    def read(self, source: KeypointSource, options: ImportOptions) -> Sightings:
        with open_hdf5(source) as file:
            missing = [name for name in ("tracks", "node_names") if name not in file]
            if missing:
                raise source.error(f"expected SLEAP's analysis arrays, found no {' and no '.join(missing)}")
            names = _texts(file["node_names"][:])
            points = _array(source, file, "tracks")
            scores = _array(source, file, "point_scores")
            person_scores = _array(source, file, "instance_scores")
            has_names = "track_names" in file and len(file["track_names"]) > 0
        if points is None or points.shape[2:] != (len(names), 2):
            found = None if points is None else points.shape
            raise source.error(f"tracks: expected (frames, tracks, {len(names)} nodes, 2), found {found}")
        frames, tracks = points.shape[:2]
        scores = _checked(source, "point_scores", scores, points.shape[:3])
        person_scores = _checked(source, "instance_scores", person_scores, points.shape[:2])
        order = order_by_name(source, names, options.joint_map)
        people = [
            Sighting(
                frame=frame,
                keypoints=take(points[frame, track], order),
                scores=take(scores[frame, track], order),
                person=track + 1 if has_names or tracks == 1 else None,
                box_score=float(person_scores[frame, track]),
            )
            for track in range(tracks)
            for frame in np.flatnonzero(np.isfinite(points[:, track]).all(-1).any(-1)).tolist()
        ]
        return Sightings(people, range(frames))


def _texts(values: Any) -> list[str]:
    return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values]


def _array(source: KeypointSource, file: Any, name: str) -> NDArray[np.float64] | None:
    """An array with its axes in the order frame, track, node, xy, as far as it has them; None = not in the file."""
    if name not in file:
        return None
    stated = file[name].attrs.get("dims")
    dims = _USUAL_DIMS[name] if stated is None else tuple(json.loads(stated))
    if sorted(dims) != sorted(_USUAL_DIMS[name]) or file[name].ndim != len(dims):
        raise source.error(f"{name}: expected the axes {', '.join(_USUAL_DIMS[name])}, found {file[name].shape} {dims}")
    axes = [dims.index(dim) for dim in _OUR_DIMS if dim in dims]
    return np.asarray(file[name][:], np.float64).transpose(axes)


def _checked(
    source: KeypointSource, name: str, scores: NDArray[np.float64] | None, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    if scores is None:
        return np.full(shape, np.nan)
    if scores.shape != shape:
        raise source.error(f"{name}: expected {shape} as in tracks, found {scores.shape}")
    return scores
