"""A file or folder of keypoints while its format is being found out: read and parsed once, whoever looks."""

from __future__ import annotations

import csv
import io
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from poseflow.errors import FileFormatError

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


class KeypointSource:
    """A path, and its content as whoever asks first needs it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise self.error("no such file or folder")
        if path.is_file() and path.stat().st_size == 0:
            raise self.error("the file is empty")

    def error(self, message: str) -> FileFormatError:
        """The error to raise for this file."""
        return FileFormatError(f"{self.path}: {message}")

    @property
    def is_folder(self) -> bool:
        return self.path.is_dir()

    @property
    def is_json(self) -> bool:
        return self.path.is_file() and self.path.suffix.lower() == ".json"

    @property
    def is_csv(self) -> bool:
        return self.path.is_file() and self.path.suffix.lower() == ".csv"

    @cached_property
    def is_hdf5(self) -> bool:
        if not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            return file.read(len(_HDF5_MAGIC)) == _HDF5_MAGIC

    @cached_property
    def json(self) -> Any:
        """The parsed JSON; FileFormatError with line and column where it is damaged or cut off."""
        return read_json(self.path)

    @cached_property
    def rows(self) -> list[list[str]]:
        """The cells of a CSV file; row i is line i + 1, and there is at least one."""
        try:
            rows = list(csv.reader(io.StringIO(read_text(self.path), newline="")))
        except csv.Error as error:
            raise self.error(f"no CSV of keypoints ({error})") from error
        if not rows:
            raise self.error("the file is empty")
        return rows


def read_text(path: Path) -> str:
    """The text of a file; FileFormatError where it is not UTF-8 or cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path}: expected UTF-8 text, found binary data at byte {error.start}") from error
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_json(path: Path) -> Any:
    """The parsed content of a JSON file.

    Raises:
        FileFormatError: It is no JSON, or cut off; the message gives line and column.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise FileFormatError(
            f"{path}, line {error.lineno}, column {error.colno}: no complete JSON ({error.msg}); "
            "is the file cut off, or text of another kind?"
        ) from error
    except ValueError as error:  # a whole number of thousands of digits
        raise FileFormatError(f"{path}: no JSON of keypoints ({error})") from error
    except RecursionError as error:
        raise FileFormatError(f"{path}: JSON nested too deeply for a file of keypoints") from error
