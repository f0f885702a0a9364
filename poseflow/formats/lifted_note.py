"""What a file of lifted poses says of itself, the same words in every format."""

from __future__ import annotations

from typing import Any

from poseflow.lifted import ASSUMED_HEIGHT_M, FrameState, LiftedTrack
from poseflow.metadata import package_versions
from vvipe.skeleton import H36M17

LIFTED_VERSION = 1
"""Version of the .npz and .parquet files of lifted poses."""
BONES = "constant: median over the clip of each decoded bone, left and right averaged, torso 1"
TWIST = "zero about every bone: a pose of joints does not tell it"
ROOT_PATH = "none: the pelvis stays at the origin"
_AXES = {
    "canonical": "the body's: it faces -x, left is -y, z runs along the torso; no lean and no facing",
    "camera": "the camera's: x right, y down, z forward",
}


def lifted_metadata(track: LiftedTrack) -> dict[str, Any]:
    """The JSON content that .npz and .parquet carry."""
    return {
        "format_version": LIFTED_VERSION,
        "person_id": track.person_id,
        "joints": list(H36M17.joints),
        "unit": track.unit,
        "height_m": track.height_m,
        "frame": track.frame,
        "axes": _AXES[track.frame],
        "root_rotation": track.rotation,
        "bone_lengths": BONES,
        "root_path": ROOT_PATH,
        "smoothed": track.is_smoothed,
        "states": {state.name.lower(): state.value for state in FrameState},
        "model": track.model,
        "versions": package_versions(),
    }


def height_words(track: LiftedTrack) -> str:
    """How metres were found, for formats that need them."""
    return f"height {track.height_m or ASSUMED_HEIGHT_M:g} m" + (" (assumed)" if track.height_m is None else "")
