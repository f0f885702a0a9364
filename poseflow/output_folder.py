"""Writing a folder of files whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from poseflow.errors import OutputError


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary folder beside `path`, with another name, that becomes `path` when the block ends well.

    Whatever goes wrong in the block, Ctrl-C included, the temporary folder is removed and `path` is as it was.

    Raises:
        OutputError: `path` is a file or a folder with something in it, or cannot be made.
    """
    target = Path(path).resolve()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        what = "a folder with files in it" if target.is_dir() else "a file"
        raise OutputError(f"{path} is {what}, which will not be replaced; name a new folder")
    temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(6)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    except OSError as error:
        raise OutputError(
            f"cannot make a folder in {target.parent} ({error.strerror}); write somewhere else"
        ) from error
    try:
        yield temporary
        try:
            temporary.replace(target)
        except OSError as error:
            raise OutputError(f"cannot put the finished folder at {path} ({error.strerror})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
