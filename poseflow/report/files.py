"""Where a report lies: one file while it is small, else a folder with the page and its videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from poseflow.errors import OutputError
from poseflow.output import atomic_path, check_writable

MAX_PAGE_BYTES = 25_000_000
_SUFFIXES = (".html", ".htm")

PageBuilder = Callable[[Mapping[str, bytes], Mapping[str, str]], str]
"""Makes the HTML of (videos carried inside by name, addresses of videos beside the page by name)."""


@dataclass(frozen=True)
class ReportFiles:
    """What was written.

    Attributes:
        page: The HTML file; where there is a folder, the one in it (a file at the path that was asked for leads there).
        videos: Files that it needs beside it; empty = it stands alone.
        size_bytes: Of everything together.
    """

    page: Path
    videos: tuple[Path, ...]
    size_bytes: int

    @property
    def note(self) -> str | None:
        """What to tell a person who asked for one file and got a folder; None for one file."""
        if not self.videos:
            return None
        return (
            f"the clips are too large for one file ({self.size_bytes / 1e6:.0f} MB, and {MAX_PAGE_BYTES / 1e6:.0f} MB "
            f"is the most): the report is the folder {self.page.parent}; open {self.page}"
        )


def check_report_path(path: str | Path, *sources: str | Path | None) -> Path:
    """`path`, if a report can be written there without replacing one of `sources`; to be called before long work.

    Raises:
        ValueError: The name does not end in .html.
        OutputError: The folder is missing or cannot be written to, or `path` is a source.
    """
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise ValueError(f"cannot write a report to {path}; end its name in .html")
    target = check_writable(path)
    if any(source is not None and Path(source).resolve() == target for source in sources):
        raise OutputError(f"{path} is the clip itself and will not be replaced; write somewhere else")
    return Path(path)


def write_page(
    path: str | Path,
    videos: Mapping[str, Path],
    *,
    build: PageBuilder,
    max_bytes: int = MAX_PAGE_BYTES,
) -> ReportFiles:
    """Writes `path` with the videos inside, or, beyond `max_bytes`, a folder of that name without .html beside it.

    Args:
        path: Ends in .html.
        videos: Name -> mp4 in a place that does not last.
        build: Makes the HTML.
        max_bytes: The most that one file may have.

    Raises:
        OutputError: The page or the folder cannot be written.
    """
    path = Path(path)
    room = max_bytes - sum(4 * video.stat().st_size // 3 for video in videos.values())
    if room > 0:
        html = build({name: video.read_bytes() for name, video in videos.items()}, {}).encode("utf-8")
        if len(html) <= max_bytes or not videos:
            return ReportFiles(_write(path, html), (), len(html))
    return _write_folder(path, videos, build)


def _write_folder(path: Path, videos: Mapping[str, Path], build: PageBuilder) -> ReportFiles:
    folder = path.with_suffix("")
    if folder.exists() and not folder.is_dir():  # e.g. clip.mp4 beside clip.mp4.html
        folder = path.with_name(f"{path.stem}-report")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder} ({error.strerror}); write somewhere else") from error
    written = tuple(_write(folder / f"{name}.mp4", video.read_bytes()) for name, video in videos.items())
    html = build({}, {name: f"{name}.mp4" for name in videos}).encode("utf-8")
    page = _write(folder / path.name, html)
    _write(path, _signpost(f"{quote(folder.name)}/{quote(path.name)}").encode("utf-8"))
    return ReportFiles(page, written, len(html) + sum(video.stat().st_size for video in written))


def _signpost(address: str) -> str:
    """A page that leads to another one."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={address}">'
        f'<title>Report</title><p><a href="{address}">The report is in the folder beside this file.</a></p></html>\n'
    )


def _write(path: Path, content: bytes) -> Path:
    with atomic_path(path) as temporary:
        try:
            temporary.write_bytes(content)
        except OSError as error:
            raise OutputError(f"writing {path} failed ({error.strerror}); is the disk full?") from error
    return path
