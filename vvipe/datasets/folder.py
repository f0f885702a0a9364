"""All motion capture below a folder."""

from __future__ import annotations

from pathlib import Path

from vvipe.datasets.amass import is_body_shape
from vvipe.datasets.mocap import MocapSequence, array_names, read_mocap
from vvipe.errors import FileFormatError

_SUFFIXES = (".npz", ".bvh", ".amc")


def read_folder(path: Path, *, body_model: Path | None = None) -> list[MocapSequence]:
    """The takes of all .npz, .bvh and .amc files in a folder and those below it, in the order of their paths.

    An .amc file needs its skeleton beside it: ``02.asf`` with ``02_01.amc``, ``HDM_bd.asf`` with ``HDM_bd_*.amc``.
    The shapes of persons that AMASS puts beside its takes (``shape.npz``) are passed over.

    Raises:
        FileFormatError: There is no such file, or one of them is damaged.
    """
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in _SUFFIXES)
    files = [file for file in files if file.suffix.lower() != ".npz" or not is_body_shape(array_names(file))]
    if not files:
        raise FileFormatError(f"{path}: no motion capture there; expected files that end in {', '.join(_SUFFIXES)}")
    return [sequence for file in files for sequence in read_mocap(file, body_model=body_model)]
