"""V-VIPE: view-invariant embeddings of human poses, their training and their use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {"Embedder": "vvipe.embedder", "Prediction": "vvipe.embedder"}

__all__ = ["Embedder", "Prediction"]


def __getattr__(name: str) -> Any:
    # Imported at first use: torch takes a second, and `poseflow --help` should not.
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'vvipe' has no attribute {name!r}")
