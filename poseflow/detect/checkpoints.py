"""The one place where a PyTorch checkpoint made by others is opened: tensors and NumPy arrays, never arbitrary code."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

from vvipe.errors import WeightsError

_CHUNK_BYTES = 1 << 20
_HISTORY_METHODS = ("min", "max", "mean", "current")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _numpy_globals() -> list[Any]:
    """What pickled NumPy arrays and scalars are rebuilt with, under the names of NumPy 1 and of NumPy 2."""
    import numpy as np
    from mmengine.logging import HistoryBuffer
    from numpy._core import multiarray

    def history_method(owner: object, name: str) -> Any:
        """Stands for `getattr`, with which mmengine's log history names its own statistics, and allows nothing else."""
        if owner is not HistoryBuffer or name not in _HISTORY_METHODS:
            raise pickle.UnpicklingError(f"asks for the attribute {name!r} of {owner!r}")
        return getattr(HistoryBuffer, name)

    rebuild: list[Any] = [np.ndarray, np.dtype, HistoryBuffer, (history_method, "builtins.getattr")]
    for core in ("numpy.core", "numpy._core"):
        rebuild.append((multiarray._reconstruct, f"{core}.multiarray._reconstruct"))
        rebuild.append((multiarray.scalar, f"{core}.multiarray.scalar"))
    rebuild.extend(kind for kind in vars(np.dtypes).values() if isinstance(kind, type) and issubclass(kind, np.dtype))
    return rebuild


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a .pth file, tensors on the CPU; ``meta`` may hold NumPy arrays, as OpenMMLab writes them.

    Raises:
        WeightsError: The file is missing, damaged, or holds objects other than tensors, NumPy arrays and plain values.
    """
    import torch

    if not path.is_file():
        raise WeightsError(f"no such weights file: {path}")
    try:
        with torch.serialization.safe_globals(_numpy_globals()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is damaged or holds more than tensors and arrays, so it was not loaded "
            f"(it could run code): {_cause(error)}"
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise WeightsError(f"{path} is not a readable PyTorch checkpoint; fetch it again ({error})") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: expected a dictionary of tensors, got {type(content).__name__}")
    return content


def _cause(error: pickle.UnpicklingError) -> str:
    """Torch's reason without its advice to load the file all the same."""
    lines = [line.strip() for line in str(error).splitlines() if "Unpickler error" in line]
    return (lines or [str(error).splitlines()[0]])[0].partition(" was not an allowed")[0]


def state_dict_of(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """The tensors of a checkpoint by parameter name, without the ``module.`` of parallel training.

    Raises:
        WeightsError: There are none.
    """
    import torch

    tensors = content.get("state_dict", content)
    if not isinstance(tensors, dict) or not any(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise WeightsError(f"{path} holds no model weights (no state_dict of tensors)")
    return {name.removeprefix("module."): value for name, value in tensors.items()}
