"""Arrays and records as text that is safe inside a page."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

_UNSAFE = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def pack_array(values: ArrayLike, *, step: float) -> dict[str, Any]:
    """Numbers in whole steps as base64 of little-endian integers, which `poseflow.unpack` of base.js reads.

    Args:
        values: Any shape; NaN = not known.
        step: The unit; each number is rounded to a multiple of it.

    Raises:
        ValueError: A number is infinite or takes more than 2**31 steps.
    """
    array = np.asarray(values, dtype=np.float64)
    known = np.isfinite(array)
    steps = np.rint(np.where(known, array, 0.0) / step)
    if np.isinf(array).any() or (np.abs(steps) >= 2**31).any():
        raise ValueError(f"pack_array: expected numbers below {2**31 * step:g}, or NaN, got {array}")
    dtype = np.dtype("<i2") if (np.abs(steps) < 2**15).all() else np.dtype("<i4")
    whole = np.where(known, steps, np.iinfo(dtype).min).astype(dtype)
    return {
        "shape": list(array.shape),
        "step": step,
        "bits": 8 * dtype.itemsize,
        "base64": base64.b64encode(whole.tobytes()).decode("ascii"),
    }


def script_json(value: Any) -> str:
    """JSON that nothing can break out of where it stands in a <script> element.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_UNSAFE)
