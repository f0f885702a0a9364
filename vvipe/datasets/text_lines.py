"""Lines of words of a text file, with the line number for whoever finds a fault."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from vvipe.errors import FileFormatError


def read_text(path: Path) -> str:
    """The text of a file; bytes that are no UTF-8 (names in old headers) are read as Latin-1.

    Raises:
        FileFormatError: The file cannot be read, is empty, or is no text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not content.strip():
        raise FileFormatError(f"{path}: the file is empty")
    if b"\0" in content:
        raise FileFormatError(f"{path}: expected text, found binary data")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


class TextLines:
    """The non-empty lines of a text, each split into words; `number` is that of the line given last."""

    def __init__(self, path: Path, text: str, *, comment: str | None = None) -> None:
        self.path = path
        self.number = 0
        self._lines = text.splitlines()
        self._comment = comment

    def __iter__(self) -> Iterator[list[str]]:
        while self.number < len(self._lines):
            line = self._lines[self.number]
            self.number += 1
            words = (line.split(self._comment)[0] if self._comment else line).split()
            if words:
                yield words

    def next(self, expected: str) -> list[str]:
        """The words of the next line; a FileFormatError that names `expected` where the file ends."""
        for words in self:
            return words
        raise self.error(f"the file ends where {expected} was expected")

    def error(self, message: str) -> FileFormatError:
        return FileFormatError(f"{self.path}, line {self.number}: {message}")

    def numbers(self, words: Sequence[str]) -> list[float]:
        """The words as finite numbers; a FileFormatError for one that is none."""
        values = []
        for word in words:
            try:
                value = float(word)
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                raise self.error(f"expected a number, found {word!r}")
            values.append(value)
        return values
