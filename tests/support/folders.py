"""What lies in a folder."""

from __future__ import annotations

from pathlib import Path


def names_in(folder: Path) -> list[str]:
    """Names of all files below it, sorted."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())
