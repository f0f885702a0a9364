"""Tracks as netCDF in the layout of movement (neuroinformatics-unit), for xarray and for movement itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.tracks_by_frame import TracksByFrame
from poseflow.metadata import metadata_to_json
from poseflow.output import atomic_path
from poseflow.records import ClipMetadata
from vvipe.skeleton import COCO17

if TYPE_CHECKING:
    import xarray as xr


def write_movement(path: Path, clip: TracksByFrame, *, metadata: ClipMetadata | None = None) -> None:
    """Writes a "poses" data set of movement.

    Variables: position (time, space, keypoints, individuals) float32 in pixels, NaN = not seen; confidence (time,
    keypoints, individuals) float32, 0 = not seen. Coordinates: the true time of every frame in seconds, its number
    (``frame``), x and y, the joints' names, and ``id_1``, ``id_2``, ... Attributes: source_software, ds_type,
    time_unit, source_file, fps (rows a second) where that is constant, and how the clip was made as JSON
    (``poseflow``).
    """
    with atomic_path(path) as temporary:
        _dataset(clip, metadata).to_netcdf(
            temporary,
            engine="h5netcdf",
            encoding={name: {"zlib": True, "complevel": 4} for name in ("position", "confidence")},
        )


def _dataset(clip: TracksByFrame, metadata: ClipMetadata | None) -> xr.Dataset:
    import xarray as xr

    position, confidence = _arrays(clip)
    return xr.Dataset(
        data_vars={
            "position": (("time", "space", "keypoints", "individuals"), position),
            "confidence": (("time", "keypoints", "individuals"), confidence),
        },
        coords={
            "time": clip.time_s,
            "space": ["x", "y"],
            "keypoints": list(COCO17.joints),
            "individuals": [f"id_{track.person_id}" for track in clip.tracks],
            "frame": ("time", clip.index),
        },
        attrs=_attributes(clip, metadata),
    )


def _arrays(clip: TracksByFrame) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Position (T, 2, 17, N), NaN = not seen, and confidence (T, 17, N) of N people."""
    shape = (len(clip.index), COCO17.n_joints, len(clip.tracks))
    position = np.full((shape[0], 2, *shape[1:]), np.nan, np.float32)
    confidence = np.zeros(shape, np.float32)
    for person, track in enumerate(clip.tracks):
        rows = clip.rows(track)
        position[rows, :, :, person] = track.keypoints.transpose(0, 2, 1)
        confidence[rows, :, person] = track.scores
    return position, confidence


def _attributes(clip: TracksByFrame, metadata: ClipMetadata | None) -> dict[str, str | float]:
    attributes: dict[str, str | float] = {"source_software": "poseflow", "ds_type": "poses", "time_unit": "seconds"}
    if clip.row_fps is not None:
        attributes["fps"] = clip.row_fps
    if metadata is not None:
        attributes |= {"source_file": metadata.source, "poseflow": metadata_to_json(metadata)}
    return attributes
