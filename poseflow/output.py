"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from poseflow.errors import OutputError


def _temporary_sibling(target: Path) -> Path:
    # The suffix stays last: writers choose the format by it. The name is cut so that it never passes 255 bytes.
    return target.with_name(f".{target.stem[:40]}.{secrets.token_hex(6)}.part{target.suffix}")


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        raise OutputError(f"the folder {folder} does not exist; make it first, or write somewhere else")
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file, not a folder; write somewhere else")


def check_writable(path: str | os.PathLike[str]) -> Path:
    """The file that writing to `path` will make or replace (a link is followed); nothing is left behind.

    Call it before long work, so that an hour is not lost to a mistyped folder.

    Raises:
        OutputError: The folder is missing or cannot be written to, or `path` is there and is no ordinary file or is
            write-protected.
    """
    target = Path(path).resolve()
    _check_folder(target.parent)
    if target.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it, e.g. {Path(path) / 'result'}")
    if target.exists() and not target.is_file():
        raise OutputError(f"{path} is no ordinary file and will not be replaced; write somewhere else")
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(f"{path} is write-protected; remove it or write somewhere else")
    probe = _temporary_sibling(target)
    try:  # the one trustworthy test: os.access knows nothing of read-only disks
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise OutputError(f"cannot write in {target.parent} ({error.strerror}); write somewhere else") from error
    return target


def make_folder(folder: Path) -> None:
    """Makes a folder for results, with its parents; OutputError where that, or writing in it, is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror}); choose another output") from error
    check_writable(folder / "result")


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path`, with its suffix, that replaces it when the block ends well.

    Whatever goes wrong in the block, Ctrl-C included, the temporary file is removed and `path` is as it was.

    Raises:
        OutputError: As `check_writable`, before the block runs; or the finished file could not be renamed.
    """
    target = check_writable(path)
    temporary = _temporary_sibling(target)
    try:
        yield temporary
        try:
            temporary.replace(target)
        except OSError as error:
            raise OutputError(f"cannot put the finished file at {path} ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)
