"""A folder of saved tracks as a library: which files it holds, and the people in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from poseflow.errors import FileFormatError, ModelMismatchError
from poseflow.match import UNKNOWN_DETECTOR
from poseflow.records import EmbeddingTrack
from poseflow.store import read_clip


@dataclass(frozen=True)
class LibraryTrack:
    """One person of a saved clip.

    Attributes:
        file: The .parquet.
        track: The embeddings.
        detector: Signature of what found the keypoints.
    """

    file: Path
    track: EmbeddingTrack
    detector: str


def list_library(folder: str | Path, *, leave_out: Path | None = None) -> list[Path]:
    """The .parquet files with keypoints in a folder and its sub-folders, by name.

    Tables of other kinds (rankings, segments) are no tracks; damaged files are listed, for whoever reads them to say
    so.

    Args:
        folder: The library.
        leave_out: A file that does not count, the query itself.

    Raises:
        FileFormatError: It is no folder, or there are no tracks in it.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "a file" if root.exists() else "no such folder"
        raise FileFormatError(f"{folder}: {what}; name a folder with saved tracks (.parquet)")
    own = None if leave_out is None else leave_out.resolve()
    files = sorted(path for path in root.rglob("*.parquet") if path.is_file() and not path.name.startswith("."))
    found = [path for path in files if path.resolve() != own and _may_be_track(path)]
    if not found:
        raise FileFormatError(f"{folder}: a folder without saved tracks; make some: poseflow embed VIDEOS -o {folder}")
    return found


def _may_be_track(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return "keypoints" in pq.read_schema(path).names
    except (pa.ArrowException, OSError):
        return True


def read_library_tracks(file: Path, *, model: str) -> Iterator[LibraryTrack]:
    """Everybody in a saved clip.

    Raises:
        FileFormatError: As `poseflow.store.read_clip`.
        ModelMismatchError: It was embedded by another model than `model`.
    """
    clip = read_clip(file)
    theirs = clip.embeddings[0].model
    if theirs != model:
        raise ModelMismatchError(
            f"{file}: embedded by {theirs}, the query by {model}: their embeddings cannot be compared; embed one of "
            "them again with the model of the other"
        )
    detector = clip.metadata.detector.signature if clip.metadata.detector else UNKNOWN_DETECTOR
    yield from (LibraryTrack(file, track, detector) for track in clip.embeddings)
