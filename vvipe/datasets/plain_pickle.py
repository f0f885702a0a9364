"""Pickles of plain numbers, arrays, dicts and lists, read without running anything that stands in them.

Several data sets ship as pickles. Here every class that is no plain value is refused; a few containers of arrays
(SciPy's sparse matrices, chumpy's) come back as `Shell`, their bare state.
"""

from __future__ import annotations

import codecs
import pickle
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy._core import multiarray, numeric

from vvipe.errors import FileFormatError


class Shell:
    """The state of an object whose class was not loaded: `state` as the pickle has it, usually a dict.

    Attributes:
        kind: Name of the class: ``csc_matrix``, ``csr_matrix`` or ``Ch``.
    """

    kind = ""

    def __init__(self, *arguments: Any) -> None:
        self.state: Any = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _reconstructor(kind: type, base: type, state: Any) -> Any:
    """What Python 2 pickles call to make an object without arguments; only shells are made here."""
    if not issubclass(kind, Shell):
        raise pickle.UnpicklingError(f"{kind.__name__} is no plain value")
    return kind()


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes in the encoding {encoding!r}")
    return codecs.encode(text, "latin1")


_PLAIN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
    ("copy_reg", "_reconstructor"): _reconstructor,
    ("copyreg", "_reconstructor"): _reconstructor,
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
}
for _core in ("numpy.core", "numpy._core"):
    _PLAIN[f"{_core}.multiarray", "_reconstruct"] = multiarray._reconstruct  # type: ignore[attr-defined]
    _PLAIN[f"{_core}.multiarray", "scalar"] = multiarray.scalar  # type: ignore[attr-defined]
    _PLAIN[f"{_core}.numeric", "_frombuffer"] = numeric._frombuffer  # type: ignore[attr-defined]
_KINDS = {kind: type(kind, (Shell,), {"kind": kind}) for kind in ("csc_matrix", "csr_matrix", "Ch")}
_SHELLS = {
    **{(f"scipy.sparse.{module}", "csc_matrix"): _KINDS["csc_matrix"] for module in ("csc", "_csc")},
    **{(f"scipy.sparse.{module}", "csr_matrix"): _KINDS["csr_matrix"] for module in ("csr", "_csr")},
    ("chumpy.ch", "Ch"): _KINDS["Ch"],
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN:
            return _PLAIN[module, name]
        if (module, name) in _SHELLS:
            return _SHELLS[module, name]
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no plain value")


def read_plain_pickle(path: Path) -> Any:
    """The content of a .pkl file of plain values and arrays; bytes of Python 2 are read as Latin-1.

    Raises:
        FileFormatError: The file cannot be read, is no pickle, or holds anything else.
    """
    try:
        with path.open("rb") as file:
            return _load(file)
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read ({error.strerror or error})") from error
    except _DAMAGES as error:
        raise _refusal(path, error) from error


def read_object_npz(path: Path) -> dict[str, Any]:
    """The arrays of an .npz by name; an array of one object (a pickled dict) comes back as that object.

    Raises:
        FileFormatError: The file cannot be read, is no .npz, or holds anything but plain values.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy"): _read_member(archive, name) for name in archive.namelist()}
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read ({error.strerror or error})") from error
    except _DAMAGES as error:
        raise _refusal(path, error) from error


_DAMAGES = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ImportError,
)


def _refusal(path: Path, error: Exception) -> FileFormatError:
    return FileFormatError(f"{path}: cannot be read as plain arrays ({error}); is it the file that its name says?")


def _load(file: IO[bytes]) -> Any:
    return _PlainUnpickler(file, encoding="latin1").load()


def _read_member(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        if dtype.hasobject:
            objects = _load(file)
            return objects.item() if shape == () and isinstance(objects, np.ndarray) else objects
    with archive.open(name) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
