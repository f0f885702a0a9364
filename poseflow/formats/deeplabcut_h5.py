"""Tables that pandas wrote to HDF5, without pandas and without executing what the file holds.

pandas keeps the names of the columns as pickles. Those of plain text and numbers are read with an unpickler that
refuses everything else, so that a foreign file cannot run code.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.hdf5 import open_hdf5
from poseflow.formats.source import KeypointSource

Columns = list[tuple[str, ...]]
Labels = list[str | int]


class _PlainUnpickler(pickle.Unpickler):
    """Reads lists, tuples, text and numbers; nothing that needs an import."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is no plain value")


def is_pandas_hdf5(source: KeypointSource) -> bool:
    """Whether an HDF5 file holds a table of pandas."""
    with open_hdf5(source) as file:
        return bool(_frame_groups(file))


def read_pandas_hdf5(source: KeypointSource) -> tuple[Columns, Labels, NDArray[np.float64]]:
    """Names of the columns, labels of the rows, and the values (rows, columns) of the one table in the file.

    Raises:
        FileFormatError: There is no table, there are several, or it is laid out otherwise than DeepLabCut's are.
    """
    with open_hdf5(source) as file:
        groups = _frame_groups(file)
        if len(groups) != 1:
            raise source.error(f"expected one table of DeepLabCut, found {len(groups)}")
        try:
            columns, labels, values = _read_table(groups[0]) if "table" in groups[0] else _read_fixed(groups[0])
        except (KeyError, ValueError, TypeError, IndexError, pickle.UnpicklingError) as error:
            raise source.error(
                f"this layout of pandas is not read ({error}); save the table as .csv, which DeepLabCut does as well"
            ) from error
    if values.shape != (len(labels), len(columns)):
        raise source.error(f"expected values ({len(labels)}, {len(columns)}), found {values.shape}")
    return columns, labels, values


def _frame_groups(file: Any) -> list[Any]:
    return [group for group in file.values() if _text(group.attrs.get("pandas_type", b"")).startswith("frame")]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _read_table(group: Any) -> tuple[Columns, Labels, NDArray[np.float64]]:
    """The layout of ``to_hdf(format="table")``: records of an index and one block of values."""
    records = group["table"][:]
    if records.dtype.names != ("index", "values_block_0"):
        raise ValueError(f"columns {records.dtype.names}")
    stored = _PlainUnpickler(io.BytesIO(group["table"].attrs["values_block_0_kind"])).load()
    columns = [tuple(str(level) for level in column) for column in stored]
    return columns, _labels(records["index"]), np.asarray(records["values_block_0"], np.float64)


def _read_fixed(group: Any) -> tuple[Columns, Labels, NDArray[np.float64]]:
    """The layout of ``to_hdf(format="fixed")``: the codes and names of each level, and one block of values."""
    if group.attrs["nblocks"] != 1:
        raise ValueError(f"{group.attrs['nblocks']} blocks")
    columns = list(zip(*_levels(group, "block0_items"), strict=True))
    labels: Labels = _labels(group["axis1"][:]) if "axis1" in group else list(_levels(group, "axis1")[-1])
    return columns, labels, np.asarray(group["block0_values"][:], np.float64)


def _levels(group: Any, axis: str) -> list[list[str]]:
    count = int(group.attrs[f"{axis}_nlevels"])
    return [
        [_text(name) for name in group[f"{axis}_level{i}"][:][group[f"{axis}_label{i}"][:]].tolist()]
        for i in range(count)
    ]


def _labels(index: NDArray[Any]) -> Labels:
    if index.dtype.kind in "iu":
        return [int(label) for label in index]
    return [_text(label) for label in index.tolist()]
