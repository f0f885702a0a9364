"""All motion capture below a folder."""

from __future__ import annotations

from pathlib import Path

from vvipe.datasets.mocap import MocapSequence, read_mocap
from vvipe.errors import FileFormatError

_SUFFIXES = (".npz", ".bvh", ".amc")


def read_folder(path: Path) -> list[MocapSequence]:
    """The takes of all .npz, .bvh and .amc files in a folder and those below it, in the order of their paths.

    An .amc file needs its skeleton beside it: ``02.asf`` with ``02_01.amc``, ``HDM_bd.asf`` with ``HDM_bd_*.amc``.

    Raises:
        FileFormatError: There is no such file, or one of them is damaged.
    """
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in _SUFFIXES)
    if not files:
        raise FileFormatError(f"{path}: no motion capture there; expected files that end in {', '.join(_SUFFIXES)}")
    return [sequence for file in files for sequence in read_mocap(file)]
