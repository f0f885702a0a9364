"""Numbers out of parsed JSON, with an error that says where they should have been."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.source import KeypointSource


def number_array(source: KeypointSource, value: Any, where: str, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """`value` as float64 of `shape` (None = any length); null becomes NaN.

    Raises:
        FileFormatError: It holds something else than numbers, is ragged, or has another shape.
    """
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise source.error(f"{where}: expected numbers, found {_excerpt(value)}") from error
    if array.size == 0 and shape[0] is None:
        array = array.reshape(0, *(length or 0 for length in shape[1:]))
    if array.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, array.shape, strict=True)):
        expected = "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"
        raise source.error(f"{where}: expected numbers of shape {expected}, found shape {array.shape}")
    return array


def whole_number(source: KeypointSource, value: Any, where: str) -> int:
    """`value` as an int of at least 0; FileFormatError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise source.error(f"{where}: expected a whole number of at least 0, found {_excerpt(value)}")
    return value


def number(source: KeypointSource, value: Any, where: str) -> float:
    """`value` as a float, NaN for null; FileFormatError for anything else."""
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise source.error(f"{where}: expected a number, found {_excerpt(value)}")
    try:
        return float(value)
    except OverflowError as error:
        raise source.error(f"{where}: expected a number, found a whole number of several hundred digits") from error


def records(source: KeypointSource, value: Any, where: str) -> list[dict[str, Any]]:
    """`value` as a list of JSON objects; FileFormatError for anything else."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise source.error(f"{where}: expected a list of objects, found {_excerpt(value)}")
    return value


def _excerpt(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
