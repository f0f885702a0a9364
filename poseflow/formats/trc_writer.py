"""Lifted poses as TRC, the marker file of OpenSim: millimetres, y up, x forward; empty cells where nothing was seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.lifted_note import BONES, ROOT_PATH, height_words
from poseflow.lifted import FrameState, LiftedTrack
from poseflow.output import atomic_path

MARKERS = (
    *("Pelvis", "RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "Spine", "Thorax", "Neck", "Head"),
    *("LShoulder", "LElbow", "LWrist", "RShoulder", "RElbow", "RWrist"),
)
"""Names of the H36M-17 joints in their order."""
_TO_OPENSIM = {
    "canonical": np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
    "camera": np.diag([1.0, -1.0, -1.0]),
}
_MM_PER_METRE = 1000.0
_FIELDS = (
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
    *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
)


def write_trc(path: str | Path, track: LiftedTrack) -> None:
    """Writes the joints as markers at even times (resampled where the clip's are not); times stay the source's.

    The cells of held frames are empty, as OpenSim writes a marker that was not seen. Canonical poses face x with the
    right hand at z, as OpenSim's models do. The first line ends with how the file was made.

    Raises:
        OutputError: The file cannot be written.
    """
    even = track.at_even_times()
    points = even.in_metres().poses @ _TO_OPENSIM[even.frame].T * _MM_PER_METRE
    rate = f"{1 / even.step_s:.6g}"
    values = (rate, rate, str(len(points)), str(len(MARKERS)), "mm", rate, "1", str(len(points)))
    # X1, Y1, Z1 ... stand under their marker's name, which is followed by two empty cells.
    names = ["Frame#", "Time", *(cell for name in MARKERS for cell in (name, "", ""))]
    axes = ["", "", *(f"{axis}{number}" for number in range(1, len(MARKERS) + 1) for axis in "XYZ")]
    note = f"poseflow: {even.frame} frame; bones {BONES}; root path {ROOT_PATH}; {height_words(track)}"
    head = [["PathFileType", "4", "(X/Y/Z)", Path(path).name, note], list(_FIELDS), list(values), names, axes, []]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\r\n") as file:
        file.writelines("\t".join(cells) + "\n" for cells in head)
        for number, (time_s, pose, state) in enumerate(zip(even.time_s, points, even.state, strict=True), start=1):
            file.write("\t".join([str(number), f"{time_s:.6f}", *_cells(pose, state)]) + "\n")


def _cells(pose: NDArray[np.float64], state: int) -> list[str]:
    return [""] * pose.size if state == FrameState.HELD else [f"{value:.4f}" for value in pose.reshape(-1)]
