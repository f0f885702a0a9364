"""A coarse filter for large folders: window embeddings of every track, kept in a file, searched with FAISS."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.errors import FileFormatError, NothingToScoreError, PackageError, PoseflowError
from poseflow.library import read_library_tracks
from poseflow.output import atomic_path, check_writable
from poseflow.records import EmbeddingTrack

WINDOW_S, HOP_S = 0.5, 0.25
"""Length of a window, whose mean embedding stands for it, and time from one window to the next."""
NEAREST_WINDOWS = 2048
"""Windows that FAISS gives for each window of the query; a track that has none among them counts as farther."""
INDEX_VERSION = 1


@dataclass(frozen=True)
class IndexedTrack:
    """One person of a file, as it was when the index was made.

    Attributes:
        file: Relative to the library's folder.
        size, modified_ns: Of the file: if they change, it is read anew.
        person_id: Whose windows they are.
        windows: How many.
    """

    file: str
    size: int
    modified_ns: int
    person_id: int
    windows: int


@dataclass(frozen=True)
class WindowIndex:
    """The windows of a library.

    Attributes:
        model: Id of the embedding weights.
        tracks: In the order of their windows.
        vectors: (N, D) float32 mean embeddings, the windows of one track after those of the other.
    """

    model: str
    tracks: tuple[IndexedTrack, ...]
    vectors: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != sum(track.windows for track in self.tracks):
            raise ValueError(f"WindowIndex.vectors: expected one a window of the tracks, got {self.vectors.shape}")

    @property
    def owners(self) -> NDArray[np.int64]:
        """(N,) which of `tracks` each window belongs to."""
        return np.repeat(np.arange(len(self.tracks)), [track.windows for track in self.tracks])


def nearest_tracks(
    query: EmbeddingTrack,
    files: Sequence[Path],
    folder: Path,
    *,
    index: Path,
    keep: int,
    failed: list[tuple[Path, PoseflowError]],
) -> tuple[dict[Path, set[int]], int]:
    """The tracks whose windows are nearest to the query's, as file -> people, and how many others there are.

    The file of the index is made or brought up to date first. A track is as far as the mean over the query's windows of
    the distance to its nearest window, whatever their order.

    Args:
        query: The movement.
        files: The library.
        folder: Which their names in the index are relative to.
        index: The file of the index.
        keep: Most tracks.
        failed: Files that cannot be read are appended.

    Raises:
        ValueError: `keep` is below 1.
        PackageError: faiss-cpu is not installed.
        NothingToScoreError: Nobody was seen in the query.
        FileFormatError: The index is damaged, or no index at all.
        OutputError: The index cannot be written.
    """
    if keep < 1:
        raise ValueError(f"keep: expected 1 or more, got {keep}")
    faiss = import_faiss()
    windows = window_embeddings(query)
    if not len(windows):
        raise NothingToScoreError("no usable pose in the query: choose another person or clip")
    library = update_index(index, files, folder, model=query.model, failed=failed)
    order = np.argsort(track_distances(windows, library, faiss=faiss), kind="stable")[:keep]
    chosen: dict[Path, set[int]] = {}
    for place in sorted(order.tolist()):
        track = library.tracks[place]
        chosen.setdefault(folder / track.file, set()).add(track.person_id)
    return chosen, len(library.tracks) - len(order)


def import_faiss() -> Any:
    """The package faiss; PackageError that says what to do where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the SWIG that built it
            import faiss
    except ImportError as error:
        raise PackageError(
            f"an index needs the package faiss-cpu ({error}): pip install 'poseflow[search]'; without an index every "
            "track is searched"
        ) from error
    return faiss


def window_embeddings(track: EmbeddingTrack) -> NDArray[np.float32]:
    """(W, D) mean embeddings of windows of WINDOW_S, one every HOP_S, of those in which anything was seen."""
    time_s, vectors = track.time_s[track.valid], track.vectors[track.valid].astype(np.float64)
    if not len(time_s):
        return np.zeros((0, track.vectors.shape[1]), np.float32)
    last = max(0.0, float(time_s[-1] - time_s[0]) - WINDOW_S)
    starts = time_s[0] + HOP_S * np.arange(int(last / HOP_S + 1e-9) + 1)
    low, high = np.searchsorted(time_s, starts - 1e-9), np.searchsorted(time_s, starts + WINDOW_S - 1e-9)
    total = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0)])
    is_seen = high > low
    low, high = low[is_seen], high[is_seen]
    return ((total[high] - total[low]) / (high - low)[:, None]).astype(np.float32)


def track_distances(windows: NDArray[np.float32], library: WindowIndex, *, faiss: Any) -> NDArray[np.float64]:
    """(tracks,) mean over the query's windows (W, D) of the distance to each track's nearest window.

    Where FAISS gives a track's window for none of the NEAREST_WINDOWS, the farthest that it gives stands for it.
    """
    count = min(NEAREST_WINDOWS, len(library.vectors))
    table = faiss.IndexFlatL2(library.vectors.shape[1])
    table.add(np.ascontiguousarray(library.vectors))
    squared, rows = table.search(np.ascontiguousarray(windows), count)
    nearest = np.repeat(np.sqrt(squared[:, -1:].clip(0)), len(library.tracks), axis=1).astype(np.float64)
    queries = np.repeat(np.arange(len(windows)), count)
    np.minimum.at(nearest, (queries, library.owners[rows.ravel()]), np.sqrt(squared.ravel().clip(0)))
    is_empty = np.array([track.windows == 0 for track in library.tracks])
    return np.where(is_empty, np.inf, nearest.mean(0))


def update_index(
    path: Path, files: Sequence[Path], folder: Path, *, model: str, failed: list[tuple[Path, PoseflowError]]
) -> WindowIndex:
    """The index of the files as they are now; files that changed since it was saved are read, and it is saved again.

    An index of another model, or of another version, is made anew.
    """
    check_writable(path)
    old = read_index(path) if path.exists() else None
    known: dict[tuple[str, int, int], list[tuple[IndexedTrack, NDArray[np.float32]]]] = {}
    if old is not None and old.model == model:
        starts = np.concatenate([[0], np.cumsum([track.windows for track in old.tracks])])
        for track, start in zip(old.tracks, starts[:-1], strict=True):
            vectors = old.vectors[start : start + track.windows]
            known.setdefault((track.file, track.size, track.modified_ns), []).append((track, vectors))
    entries: list[tuple[IndexedTrack, NDArray[np.float32]]] = []
    for file in files:
        status = file.stat()
        key = (file.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns)
        try:
            entries += known.pop(key) if key in known else _read_windows(file, key, model)
        except PoseflowError as error:
            failed.append((file, error))
    if not entries:
        raise failed[0][1]
    index = WindowIndex(model, tuple(track for track, _ in entries), np.concatenate([v for _, v in entries]))
    if old is None or old.model != model or old.tracks != index.tracks:
        write_index(path, index)
    return index


def _read_windows(file: Path, key: tuple[str, int, int], model: str) -> list[tuple[IndexedTrack, NDArray[np.float32]]]:
    found = []
    for entry in read_library_tracks(file, model=model):
        vectors = window_embeddings(entry.track)
        found.append((IndexedTrack(*key, entry.track.person_id, len(vectors)), vectors))
    return found


def write_index(path: Path, index: WindowIndex) -> None:
    """Writes the index as safetensors, with its tracks as JSON in the metadata."""
    from safetensors.numpy import save_file

    tracks = [[t.file, t.size, t.modified_ns, t.person_id, t.windows] for t in index.tracks]
    about = {"version": INDEX_VERSION, "model": index.model, "window_s": WINDOW_S, "hop_s": HOP_S, "tracks": tracks}
    with atomic_path(path) as temporary:
        save_file({"vectors": np.ascontiguousarray(index.vectors)}, temporary, metadata={"poseflow": json.dumps(about)})


def read_index(path: Path) -> WindowIndex | None:
    """The index in a file; None for one of another version, which has to be made anew.

    Raises:
        FileFormatError: It is damaged, or no index.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})["poseflow"])
            if (about["version"], about["window_s"], about["hop_s"]) != (INDEX_VERSION, WINDOW_S, HOP_S):
                return None
            tracks = tuple(IndexedTrack(*track) for track in about["tracks"])
            return WindowIndex(about["model"], tracks, file.get_tensor("vectors"))
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise FileFormatError(
            f"{path}: no search index, or damaged ({error}); delete it, and it is made anew, or name another file"
        ) from error
