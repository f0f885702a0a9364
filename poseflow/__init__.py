"""Reads human movement in video whatever camera filmed it: embed, match and score poses across views."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

# Public function -> its module, imported at the first use: `import poseflow` stays light.
_LAZY = {
    "embed_video": "poseflow.embed",
    "feedback": "poseflow.feedback",
    "match": "poseflow.match",
    "segment": "poseflow.segment",
}

__all__ = list(_LAZY)


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # Importing the module poseflow.match would hide the function `match` behind its own module.
        if not (name in _LAZY and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'poseflow' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_LAZY))


sys.modules[__name__].__class__ = _Package
