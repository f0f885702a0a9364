"""Motion capture as sequences of H36M-17 poses, from .npz, BVH and ASF/AMC."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vvipe.errors import FileFormatError

NPZ_ARRAYS = ("poses", "lengths", "names", "labels", "subjects", "fps")


@dataclass(frozen=True)
class MocapSequence:
    """One take of motion capture.

    Attributes:
        name: Id of the take.
        subject: Id of the person.
        label: What the person does; may be empty.
        fps: Frames per second.
        poses: (F, 17, 3) float32 metres, H36M-17 order, world frame with z up; every joint is known.
    """

    name: str
    subject: str
    label: str
    fps: float
    poses: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.poses.ndim != 3 or self.poses.shape[1:] != (17, 3):
            raise ValueError(f"MocapSequence.poses: expected (F, 17, 3), got {self.poses.shape}")
        if not 0 < self.fps < np.inf:
            raise ValueError(f"MocapSequence.fps: expected more than 0, got {self.fps}")
        if not np.isfinite(self.poses).all():
            raise ValueError("MocapSequence.poses: expected finite numbers, got NaN or infinity")


def read_npz(path: Path) -> list[MocapSequence]:
    """The takes of one .npz file with the arrays `poses`, `lengths`, `names`, `labels`, `subjects`, `fps`.

    Raises:
        FileFormatError: The file is no .npz, lacks an array, or its lengths do not add up.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in NPZ_ARRAYS if name not in archive]
            if missing:
                raise FileFormatError(f"{path}: array(s) {', '.join(missing)} missing; needed: {', '.join(NPZ_ARRAYS)}")
            arrays = {name: archive[name] for name in NPZ_ARRAYS}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{path}: cannot be read as an .npz file of motion capture ({error})") from error
    _check_arrays(path, arrays)
    ends = np.cumsum(arrays["lengths"])
    return [
        _take(path, arrays, row, slice(end - length, end))
        for row, (end, length) in enumerate(zip(ends, arrays["lengths"], strict=True))
    ]


def _check_arrays(path: Path, arrays: dict[str, NDArray]) -> None:
    """An error where the arrays do not go together."""
    poses, lengths = arrays["poses"], arrays["lengths"]
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
        raise FileFormatError(f"{path}: lengths: expected one whole number a take, got {lengths.dtype} {lengths.shape}")
    if poses.ndim != 3 or poses.shape[1:] != (17, 3) or lengths.sum() != len(poses) or poses.dtype.kind != "f":
        raise FileFormatError(
            f"{path}: expected poses (sum of lengths = {lengths.sum()}, 17, 3) of floats, got {poses.dtype} "
            f"{poses.shape}"
        )
    for name in ("names", "labels", "subjects", "fps"):
        if arrays[name].shape != lengths.shape:
            raise FileFormatError(f"{path}: {name}: expected one a take, {lengths.shape}, got {arrays[name].shape}")
    if arrays["fps"].dtype.kind not in "iuf":
        raise FileFormatError(f"{path}: fps: expected numbers, got {arrays['fps'].dtype}")


def _take(path: Path, arrays: dict[str, NDArray], row: int, frames: slice) -> MocapSequence:
    """One take of checked arrays; an error that names it where its values are none of a take."""
    name, subject, label = (str(arrays[column][row]) for column in ("names", "subjects", "labels"))
    try:
        return MocapSequence(
            name, subject, label, float(arrays["fps"][row]), arrays["poses"][frames].astype(np.float32)
        )
    except ValueError as error:
        raise FileFormatError(f"{path}: take {name!r}: {error}") from error


def read_mocap(path: Path, *, body_model: Path | None = None) -> list[MocapSequence]:
    """The takes of a .npz, .bvh or .amc file (with its .asf beside it), or of a folder of such files.

    Args:
        path: A .npz is one of `read_npz`, or a take of AMASS.
        body_model: SMPL+H or SMPL model file, or a folder with one for each gender; takes of AMASS need it.

    Raises:
        FileFormatError: The file is missing, of another kind, or damaged.
    """
    from vvipe.datasets.acclaim import read_acclaim
    from vvipe.datasets.bvh import read_bvh
    from vvipe.datasets.folder import read_folder

    if not path.exists():
        raise FileFormatError(f"{path}: no such file or folder")
    if path.is_dir():
        return read_folder(path, body_model=body_model)
    readers = {
        ".npz": lambda file: _read_any_npz(file, body_model),
        ".bvh": lambda file: [read_bvh(file)],
        ".amc": lambda file: [read_acclaim(file)],
    }
    if path.suffix.lower() not in readers:
        raise FileFormatError(f"{path}: motion capture is read from {', '.join(readers)} files, not {path.suffix!r}")
    return readers[path.suffix.lower()](path)


def _read_any_npz(path: Path, body_model: Path | None) -> list[MocapSequence]:
    from vvipe.datasets.amass import is_amass, read_amass

    return [read_amass(path, body_model=body_model)] if is_amass(array_names(path)) else read_npz(path)


def array_names(path: Path) -> frozenset[str]:
    """Names of the arrays in an .npz; none where it is no such file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return frozenset(name.removesuffix(".npy") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return frozenset()


def resample(sequence: MocapSequence, fps: float) -> MocapSequence:
    """The take at `fps` or less, by taking the nearest frames; a slower take is returned as it is."""
    if sequence.fps <= fps:
        return sequence
    count = int(np.floor((len(sequence.poses) - 1) * fps / sequence.fps)) + 1
    nearest = np.round(np.arange(count) * sequence.fps / fps).astype(int)
    return replace(sequence, fps=fps, poses=sequence.poses[nearest])
