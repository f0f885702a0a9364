"""Opening HDF5 files, for which h5py is an optional package."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from poseflow.errors import PackageError
from poseflow.formats.source import KeypointSource


@contextmanager
def open_hdf5(source: KeypointSource) -> Iterator[Any]:
    """The open h5py.File.

    Raises:
        PackageError: h5py is not installed.
        FileFormatError: The file is damaged, cut off, or no HDF5.
    """
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        raise PackageError(f"{source.path}: reading HDF5 needs the package h5py; run `pip install h5py`") from error
    if not source.is_hdf5:
        raise source.error("expected an HDF5 file, found another kind of file")
    try:
        file = h5py.File(source.path, "r")
    except OSError as error:
        raise source.error(f"the HDF5 file is damaged or cut off ({error})") from error
    with file:
        yield file
