"""Lifted poses as .npz and .parquet: all frames at their true times, each marked with where its pose comes from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from poseflow.formats.lifted_note import lifted_metadata
from poseflow.lifted import FrameState, LiftedTrack
from poseflow.output import atomic_path
from vvipe.skeleton import H36M17

_METADATA_KEY = b"poseflow_lift"


def write_lifted_npz(path: str | Path, track: LiftedTrack) -> None:
    """Writes a track as arrays.

    They are poses (T, 17, 3), time_s, frame, state, root_rotation (T, 4; w first) and uncertainty; bone_lengths (16,),
    joints, bones; and the JSON text `metadata`.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            poses=track.poses.astype(np.float32),
            time_s=track.time_s,
            frame=track.index,
            state=track.state,
            root_rotation=track.root_rotation.astype(np.float32),
            uncertainty=track.uncertainty,
            bone_lengths=track.bone_lengths * (1.0 if track.height_m is None else track.metres_per_torso),
            joints=np.array(H36M17.joints),
            bones=np.array(H36M17.bones),
            metadata=np.array(json.dumps(lifted_metadata(track))),
        )


def write_lifted_parquet(path: str | Path, track: LiftedTrack) -> None:
    """Writes one row a frame; how it was made stands under the metadata key `poseflow_lift`.

    Columns: frame, time_s, person_id, pose (51 numbers, joint by joint), state (its name), root_rotation (w first) and
    uncertainty (null where not seen).

    Raises:
        OutputError: The file cannot be written.
    """
    frames = len(track.time_s)
    names = [FrameState(value).name.lower() for value in track.state.tolist()]
    columns = {
        "frame": pa.array(track.index, pa.int64()),
        "time_s": pa.array(track.time_s, pa.float64()),
        "person_id": pa.array(np.full(frames, track.person_id), pa.int32()),
        "pose": _lists(track.poses.reshape(frames, -1)),
        "state": pa.array(names, pa.string()),
        "root_rotation": _lists(track.root_rotation),
        "uncertainty": pa.array(track.uncertainty, pa.float32(), mask=np.isnan(track.uncertainty)),
    }
    metadata = {_METADATA_KEY: json.dumps(lifted_metadata(track))}
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), temporary, compression="zstd")


def _lists(rows: NDArray) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(rows, np.float32).reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])
