"""Weights files by model name: looked for in local folders, else downloaded, always verified."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from poseflow.detect.checkpoints import sha256_of
from poseflow.detect.download import download, is_reachable
from poseflow.detect.registry import ModelEntry, get_model
from vvipe.errors import WeightsError


def cache_folder() -> Path:
    """Where downloads are kept: $POSEFLOW_CACHE, else the system's folder for caches."""
    if chosen := os.environ.get("POSEFLOW_CACHE"):
        return Path(chosen)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "poseflow"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "poseflow"


def weights_folders() -> tuple[Path, ...]:
    """The folders of $POSEFLOW_WEIGHTS, then the cache, in which weights files are looked for."""
    own = os.environ.get("POSEFLOW_WEIGHTS", "").split(os.pathsep)
    return (*(Path(folder) for folder in own if folder), cache_folder() / "weights")


def is_offline() -> bool:
    """Whether $POSEFLOW_OFFLINE forbids downloads (set, and neither empty nor 0)."""
    return os.environ.get("POSEFLOW_OFFLINE", "0") not in ("", "0")


def find_local(entry: ModelEntry) -> Path | None:
    """The verified weights file in the first folder that has it; None where no folder has.

    Raises:
        WeightsError: The file found is not the published one, or has changed since its download.
    """
    for folder in weights_folders():
        path = folder / entry.filename
        if path.is_file():
            _check_local(path, entry)
            return path
    return None


def find_weights(name: str, *, offline: bool = False) -> Path:
    """The verified weights file of a registry model, downloaded into the cache where no folder has it.

    Args:
        name: Registry name, e.g. ``rtmpose-m``.
        offline: Never download; $POSEFLOW_OFFLINE=1 says the same.

    Raises:
        ValueError: Unknown name.
        WeightsError: The file is nowhere and cannot be downloaded, or is not the published one.
    """
    entry = get_model(name)
    if local := find_local(entry):
        return local
    if offline or is_offline():
        raise WeightsError(_advice(entry, ["downloads are switched off (offline)"]))
    target = weights_folders()[-1] / entry.filename
    failures = []
    for url in entry.urls:
        try:
            return download(url, target, sha256_prefix=entry.sha256_prefix)
        except WeightsError as error:
            failures.append(str(error))
    raise WeightsError(_advice(entry, failures))


def can_get(name: str, *, timeout_s: float = 3.0) -> bool:
    """Whether the weights of a registry model are at hand, or their server answers within `timeout_s`."""
    entry = get_model(name)
    if find_local(entry) is not None:
        return True
    return not is_offline() and any(is_reachable(url, timeout_s=timeout_s) for url in entry.urls)


def _check_local(path: Path, entry: ModelEntry) -> None:
    digest = sha256_of(path)
    record = path.with_name(path.name + ".sha256")
    expected = record.read_text(encoding="ascii").split()[0] if record.is_file() else entry.sha256_prefix
    if not digest.startswith(expected) or not digest.startswith(entry.sha256_prefix):
        raise WeightsError(
            f"{path} is damaged or another file: its SHA-256 is {digest}, expected {expected}...; "
            f"remove it and run again, or put the right file there (from {' or '.join(entry.urls)})"
        )


def _advice(entry: ModelEntry, failures: list[str]) -> str:
    folders = ", ".join(str(folder) for folder in weights_folders())
    return (
        f"the weights of {entry.name} are not here and could not be downloaded: {'; '.join(failures)}.\n"
        f"Put the file {entry.filename}\ninto one of: {folders} (or a folder named by POSEFLOW_WEIGHTS)\n"
        f"It is published at: {' , '.join(entry.urls)}"
    )
