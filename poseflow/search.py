"""Finds a movement in a folder of saved tracks: every place of every person, best first, with times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from poseflow.embed import shipped_embedder
from poseflow.errors import ModelMismatchError, PoseflowError
from poseflow.library import LibraryTrack, list_library, read_library_tracks
from poseflow.match import UNKNOWN_DETECTOR
from poseflow.people import choose_people
from poseflow.records import EmbeddedClip, EmbeddingTrack
from poseflow.search_places import PlaceFinder, SearchSettings
from poseflow.search_result import Hit, SearchResult

if TYPE_CHECKING:
    from vvipe.embedder import Embedder

KEEP = 100
"""Tracks that an index leaves for the exact search."""


def search_folder(
    query: EmbeddingTrack,
    folder: str | Path,
    *,
    embedder: Embedder | None = None,
    settings: SearchSettings = SearchSettings(),  # noqa: B008  (frozen)
    query_file: str | Path | None = None,
    query_detector: str = UNKNOWN_DETECTOR,
    index: str | Path | None = None,
    keep: int = KEEP,
) -> SearchResult:
    """The places of a folder's saved tracks that are most like the query, best first.

    Every track is searched exactly. With an index, only the `keep` tracks are whose windows are nearest to the query's:
    what is found in them is the same, and what others hold is lost.

    Args:
        query: The movement, found whole, at a third to three times its tempo.
        folder: Searched with its sub-folders.
        embedder: The model that made all tracks; the shipped one by default.
        settings: What counts as found.
        query_file: The query's own file, which is left out where it lies in the folder.
        query_detector: What found the keypoints of the query, for the signatures.
        index: A file of window embeddings, made or brought up to date here; needs faiss-cpu.
        keep: Tracks that the index leaves.

    Raises:
        FileFormatError: The folder has no tracks, or none that can be read; or `index` is damaged.
        ModelMismatchError: The embedder, or every track, is of another model than the query.
        NothingToScoreError: Nobody was seen in the query.
        PackageError: An index is asked for, and faiss-cpu is not installed.
        OutputError: The index cannot be written.
        ValueError: A setting is wrong.
    """
    embedder = _checked_embedder(query, embedder)
    finder = PlaceFinder(query, embedder, settings=settings, query_detector=query_detector)
    files = list_library(folder, leave_out=None if query_file is None else Path(query_file))
    failed: list[tuple[Path, PoseflowError]] = []
    if index is None:
        tracks = _read_tracks(files, query.model, failed)
        left_out = 0
    else:
        from poseflow.search_index import nearest_tracks

        chosen, left_out = nearest_tracks(query, files, Path(folder), index=Path(index), keep=keep, failed=failed)
        tracks = (track for track in _read_tracks(list(chosen), query.model, failed) if _is_chosen(track, chosen))
    searched, hits = 0, []
    for track in tracks:
        searched += 1
        hits += finder.hits(track)
    if failed and not searched:
        raise failed[0][1]
    return SearchResult(
        query=None if query_file is None else str(query_file),
        query_person=query.person_id,
        hits=tuple(sorted(hits, key=_rank)[: settings.top]),
        tracks=searched + left_out,
        searched=searched,
        failed=tuple(failed),
        model=query.model,
    )


def search_clip(
    query: EmbeddedClip,
    folder: str | Path,
    *,
    person: str = "auto",
    embedder: Embedder | None = None,
    settings: SearchSettings = SearchSettings(),  # noqa: B008  (frozen)
    query_file: str | Path | None = None,
    index: str | Path | None = None,
    keep: int = KEEP,
) -> SearchResult:
    """`search_folder` for one person of a clip.

    Args:
        query: The clip with the movement.
        folder: As `search_folder`, like the settings below.
        person: One of `poseflow.people.PERSON_CHOICES`, not ``all``.
        embedder: As `search_folder`.
        settings: As `search_folder`.
        query_file: As `search_folder`.
        index: As `search_folder`.
        keep: As `search_folder`.

    Raises:
        ValueError: As `search_folder`; also a choice that means nobody, or everybody.
        PoseflowError: As `search_folder`.
    """
    if person == "all":
        raise ValueError("person: a query is one person, choose another rule than 'all'")
    (chosen,) = choose_people(query.tracks, person=person, frame_size=query.metadata.size)
    detector = query.metadata.detector
    return search_folder(
        query.person(chosen.person_id)[1],
        folder,
        embedder=embedder,
        settings=settings,
        query_file=query_file,
        query_detector=detector.signature if detector else UNKNOWN_DETECTOR,
        index=index,
        keep=keep,
    )


def _rank(hit: Hit) -> tuple[float, float, str, float]:
    return -hit.score, hit.distance, str(hit.file), hit.start_s


def _is_chosen(track: LibraryTrack, chosen: dict[Path, set[int]]) -> bool:
    return track.track.person_id in chosen[track.file]


def _read_tracks(files: Iterable[Path], model: str, failed: list[tuple[Path, PoseflowError]]) -> Iterator[LibraryTrack]:
    """Everybody in the files; files that cannot be read are appended to `failed`."""
    for file in files:
        try:
            tracks = list(read_library_tracks(file, model=model))
        except PoseflowError as error:
            failed.append((file, error))
            continue
        yield from tracks


def _checked_embedder(query: EmbeddingTrack, embedder: Embedder | None) -> Embedder:
    embedder = embedder or shipped_embedder()
    if embedder.model_id != query.model:
        raise ModelMismatchError(
            f"the query was embedded by {query.model}, and {embedder.model_id} was to compare; embed it again, or "
            f"search with {query.model}"
        )
    return embedder
