"""The official files of MPI-INF-3DHP's training split: annot.mat and camera.calibration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vvipe.datasets.kinematics import turn_z_up
from vvipe.datasets.text_lines import TextLines, read_text
from vvipe.errors import FileFormatError

_JOINTS = 28
_DIMENSIONS = {"annot2": 2, "annot3": 3, "univ_annot3": 3}
_HDF5 = b"\x89HDF\r\n\x1a\n"

AnnotationName = Literal["annot2", "annot3", "univ_annot3"]


@dataclass(frozen=True)
class Extrinsics:
    """World to camera: ``camera = rotation @ world + translation``, metres; the world's y is up."""

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]

    def to_world(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 3) points of the camera's frame in the z-up world frame."""
        return turn_z_up((points - self.translation) @ self.rotation)


def read_annotations(
    path: Path, names: Iterable[AnnotationName], *, cameras: Sequence[int]
) -> dict[str, list[NDArray[np.float64]]]:
    """For each name and camera, (T, 28, 2) pixels or (T, 28, 3) millimetres in the camera's frame.

    Args:
        path: An ``annot.mat``, MATLAB 5 or 7.3 (HDF5).
        names: ``annot2``, ``annot3`` (own proportions), ``univ_annot3`` (universal skeleton).

    Raises:
        FileFormatError: The file is damaged, lacks an array or a camera, or its arrays differ in length.
    """
    names = list(names)
    cells = _read_cells(path, names)
    arrays: dict[str, list[NDArray[np.float64]]] = {}
    for name in names:
        if len(cells[name]) <= max(cameras):
            raise FileFormatError(f"{path}: {name}: {len(cells[name])} cameras, expected at least {max(cameras) + 1}")
        arrays[name] = [_joints(path, name, cells[name][camera]) for camera in cameras]
    lengths = {len(array) for name in names for array in arrays[name]}
    if len(lengths) != 1:
        raise FileFormatError(f"{path}: cameras or arrays of different lengths: {sorted(lengths)} frames")
    return arrays


def _joints(path: Path, name: str, values: NDArray) -> NDArray[np.float64]:
    width = _JOINTS * _DIMENSIONS[name]
    if values.ndim != 2 or values.shape[1] != width:
        raise FileFormatError(f"{path}: {name}: expected (frames, {width}) for each camera, got {values.shape}")
    return values.reshape(-1, _JOINTS, _DIMENSIONS[name]).astype(float)


def _read_cells(path: Path, names: Sequence[str]) -> dict[str, list[NDArray]]:
    """The cell arrays by name: one matrix (frames, values) a camera."""
    try:
        with path.open("rb") as file:
            is_hdf5 = _HDF5 in file.read(1024)
        return _read_hdf5(path, names) if is_hdf5 else _read_matlab5(path, names)
    except (OSError, ValueError, TypeError, KeyError, EOFError, IndexError) as error:
        raise FileFormatError(f"{path}: cannot be read as annotations of MPI-INF-3DHP ({error})") from error


def _read_matlab5(path: Path, names: Sequence[str]) -> dict[str, list[NDArray]]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, variable_names=names)
    except (MatReadError, NotImplementedError) as error:
        raise FileFormatError(f"{path}: cannot be read as a MATLAB file ({error})") from error
    _check_names(path, names, content)
    return {name: [np.asarray(cell) for cell in np.ravel(content[name])] for name in names}


def _read_hdf5(path: Path, names: Sequence[str]) -> dict[str, list[NDArray]]:
    import h5py

    with h5py.File(path) as file:
        _check_names(path, names, file)
        # MATLAB writes columns first, so that every matrix comes transposed.
        return {name: [np.asarray(file[cell]).T for cell in np.ravel(file[name])] for name in names}


def _check_names(path: Path, names: Sequence[str], content: Iterable[str]) -> None:
    missing = [name for name in names if name not in content]
    if missing:
        raise FileFormatError(f"{path}: array(s) {', '.join(missing)} missing; is it the training split's annot.mat?")


def read_calibration(path: Path) -> dict[int, Extrinsics]:
    """World-to-camera transforms by camera number, from the lines ``name`` and ``extrinsic`` (4 x 4, millimetres).

    Raises:
        FileFormatError: The file cannot be read, a matrix is damaged, or there is no camera.
    """
    cameras: dict[int, Extrinsics] = {}
    number: int | None = None
    lines = TextLines(path, read_text(path))
    for key, *values in lines:
        if key == "name":
            number = int(values[0]) if values and values[0].isdecimal() else None
        elif key == "extrinsic":
            if number is None or len(values) != 16:
                raise lines.error(f"expected 16 numbers after a camera's name, found {len(values)}")
            matrix = np.array(lines.numbers(values)).reshape(4, 4)
            if not np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-3):
                raise lines.error(f"camera {number}: its rotation is none")
            cameras[number] = Extrinsics(matrix[:3, :3], matrix[:3, 3] / 1000)
    if not cameras:
        raise FileFormatError(f"{path}: no camera found; expected lines 'name 0' and 'extrinsic' with 16 numbers")
    return cameras
