"""The coarse filter: windows and distances against slow loops, and the same answer for the tracks that it keeps."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from saved_tracks import FPS, embedding_track, movement, save_tracks
from tiny_model import save_tiny_model

from poseflow import search_index
from poseflow.errors import FileFormatError, NothingToScoreError, OutputError, PackageError
from poseflow.library import list_library
from poseflow.search import search_folder
from poseflow.search_index import (
    HOP_S,
    WINDOW_S,
    IndexedTrack,
    WindowIndex,
    import_faiss,
    read_index,
    track_distances,
    update_index,
    window_embeddings,
)
from poseflow.search_places import SearchSettings
from vvipe import Embedder

SQUAT = movement(1, np.arange(0, 2, 1 / FPS))
EVERYTHING = SearchSettings(top=1000, min_score=0)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    return Embedder.from_pretrained(str(save_tiny_model(tmp_path_factory.mktemp("model"))))


@pytest.fixture
def query(embedder):
    return embedding_track(SQUAT, model=embedder.model_id)


@pytest.fixture
def library(tmp_path, embedder):
    """Twelve people in six files; in files 2 and 4 the first one squats."""
    for number in range(6):
        people = {person: movement(100 + 2 * number + person, np.arange(0, 5, 1 / FPS)) for person in (1, 2)}
        if number in (2, 4):
            people[1][45 : 45 + len(SQUAT)] = SQUAT
        save_tracks(tmp_path / "library" / f"clip{number}.parquet", people, model=embedder.model_id)
    return tmp_path / "library"


def test_windows_are_means_of_half_seconds():
    vectors = movement(5, np.arange(0, 3, 1 / FPS))
    vectors[10:12] = np.nan
    vectors[40:75] = np.nan  # two whole windows and more
    track = embedding_track(vectors, model="m", start_s=7.0)
    expected = []
    start = 7.0
    while start + WINDOW_S <= track.time_s[-1] + 1e-6:
        inside = [v for t, v in zip(track.time_s, vectors, strict=True) if start - 1e-6 <= t < start + WINDOW_S - 1e-6]
        seen = [v for v in inside if np.isfinite(v).all()]
        if seen:
            expected.append(np.mean(seen, axis=0))
        start += HOP_S
    found = window_embeddings(track)
    assert len(found) == len(expected) < 11
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_short_tracks_are_one_window_and_unseen_ones_none():
    one = window_embeddings(embedding_track(SQUAT[:1], model="m"))
    np.testing.assert_allclose(one, SQUAT[:1], rtol=1e-6)
    assert window_embeddings(embedding_track(np.full((4, 8), np.nan), model="m")).shape == (0, 8)
    assert window_embeddings(embedding_track(np.zeros((0, 8)), model="m")).shape == (0, 8)


def random_index(counts, seed=0):
    generator = np.random.default_rng(seed)
    tracks = tuple(IndexedTrack(f"{n}.parquet", 1, 1, 1, count) for n, count in enumerate(counts))
    return WindowIndex("m", tracks, generator.normal(size=(sum(counts), 4)).astype(np.float32))


def test_a_track_is_as_far_as_its_nearest_windows_in_the_mean():
    index = random_index([5, 0, 3, 1])
    windows = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    expected, start = [], 0
    for track in index.tracks:
        own = index.vectors[start : start + track.windows]
        start += track.windows
        nearest = [min((float(np.linalg.norm(w - v)) for v in own), default=np.inf) for w in windows]
        expected.append(np.mean(nearest))
    np.testing.assert_allclose(track_distances(windows, index, faiss=import_faiss()), expected, rtol=1e-5)


def test_windows_beyond_the_nearest_count_as_the_farthest_of_them(monkeypatch):
    monkeypatch.setattr(search_index, "NEAREST_WINDOWS", 4)
    index = random_index([6, 6, 6])
    windows = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    apart = np.linalg.norm(windows[:, None] - index.vectors, axis=-1)
    cut = np.sort(apart, axis=1)[:, 3:4]
    expected = np.minimum(apart, cut).reshape(5, 3, 6).min(-1).mean(0)
    np.testing.assert_allclose(track_distances(windows, index, faiss=import_faiss()), expected, rtol=1e-5)


def test_with_every_track_kept_the_answer_is_the_exact_one(query, library, embedder, tmp_path):
    exact = search_folder(query, library, embedder=embedder, settings=EVERYTHING)
    kept = search_folder(query, library, embedder=embedder, settings=EVERYTHING, index=tmp_path / "i", keep=12)
    assert kept == exact and len(exact.hits) > 12


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_what_is_kept_has_the_exact_answer(keep, query, library, embedder, tmp_path):
    exact = search_folder(query, library, embedder=embedder, settings=EVERYTHING)
    few = search_folder(query, library, embedder=embedder, settings=EVERYTHING, index=tmp_path / "i", keep=keep)
    kept = {(hit.file, hit.person_id) for hit in few.hits}
    assert len(kept) == few.searched == keep and few.tracks == 12
    assert few.hits == tuple(hit for hit in exact.hits if (hit.file, hit.person_id) in kept)
    assert few.hits[0] == exact.hits[0]
    if keep >= 2:
        assert {hit.file.name for hit in few.hits[:2]} == {"clip2.parquet", "clip4.parquet"}
    left_out = f"the index left out {12 - keep} of 12"
    assert left_out in few.to_text()


def test_the_index_follows_the_folder(query, library, embedder, tmp_path, monkeypatch):
    path = tmp_path / "i.index"
    reads = []
    real = search_index.read_library_tracks

    def counting(file, *, model):
        reads.append(file.name)
        return real(file, model=model)

    monkeypatch.setattr(search_index, "read_library_tracks", counting)

    def update(model=embedder.model_id):
        reads.clear()
        return update_index(path, list_library(library), library, model=model, failed=[])

    first = update()
    assert len(reads) == 6 and len(first.tracks) == 12
    again = update()
    assert reads == []
    np.testing.assert_array_equal(again.vectors, first.vectors)
    save_tracks(library / "new.parquet", {1: SQUAT}, model=embedder.model_id)
    (library / "clip0.parquet").unlink()
    save_tracks(library / "clip1.parquet", {1: SQUAT}, model=embedder.model_id)
    os.utime(library / "clip1.parquet", (1, 1))
    changed = update()
    assert sorted(reads) == ["clip1.parquet", "new.parquet"]
    assert len(changed.tracks) == 12 - 2 - 1 + 1
    (path.parent / "fresh").mkdir()
    path.rename(path.parent / "fresh" / "old.index")
    fresh = update()
    assert fresh.tracks == changed.tracks
    np.testing.assert_array_equal(fresh.vectors, changed.vectors)


def test_an_index_of_another_model_is_made_anew(library, embedder, tmp_path):
    path = tmp_path / "i.index"
    save_tracks(tmp_path / "theirs" / "a.parquet", {1: SQUAT}, model="other@1")
    files = list_library(tmp_path / "theirs")
    assert update_index(path, files, tmp_path / "theirs", model="other@1", failed=[]).model == "other@1"
    assert update_index(path, list_library(library), library, model=embedder.model_id, failed=[]).model != "other@1"
    found = read_index(path)
    assert found is not None and found.model == embedder.model_id and len(found.tracks) == 12


def test_files_that_cannot_be_read_are_told_and_the_rest_is_searched(query, library, embedder, tmp_path):
    save_tracks(library / "other.parquet", {1: SQUAT}, model="other@1")
    (library / "broken.parquet").write_bytes(b"PAR1 no more")
    result = search_folder(query, library, embedder=embedder, index=tmp_path / "i", keep=3)
    assert {file.name for file, _ in result.failed} == {"other.parquet", "broken.parquet"}
    assert result.searched == 3


@pytest.mark.parametrize("content", [b"", b"not an index", b"\xff" * 64])
def test_a_damaged_index_is_named(content, query, library, embedder, tmp_path):
    (tmp_path / "bad.index").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"bad\.index.*delete it"):
        search_folder(query, library, embedder=embedder, index=tmp_path / "bad.index")


def test_an_index_that_cannot_be_written_is_named(query, library, embedder, tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        search_folder(query, library, embedder=embedder, index=tmp_path / "nowhere" / "i")


def test_a_missing_faiss_is_told_with_the_way_out(query, library, embedder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(PackageError, match=r"faiss-cpu.*poseflow\[search\].*without an index"):
        search_folder(query, library, embedder=embedder, index=tmp_path / "i")
    assert not (tmp_path / "i").exists()
    assert search_folder(query, library, embedder=embedder).hits  # the exact search needs none


def test_nothing_to_keep_and_nobody_to_search_are_refused(query, library, embedder, tmp_path):
    with pytest.raises(ValueError, match="keep"):
        search_folder(query, library, embedder=embedder, index=tmp_path / "i", keep=0)
    unseen = embedding_track(np.full((5, 8), np.nan), model=embedder.model_id)
    with pytest.raises(NothingToScoreError):
        search_folder(unseen, library, embedder=embedder, index=tmp_path / "i")
