"""Search in a folder of tracks: known places are found with their times, best first, and what is wrong is told."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from saved_tracks import FPS, embedding_track, movement, save_tracks
from tiny_model import save_tiny_model

from poseflow.embedding_cost import embedding_cost, series_of
from poseflow.errors import FileFormatError, ModelMismatchError, NothingToScoreError
from poseflow.library import list_library
from poseflow.match import MatchSettings, match
from poseflow.search import search_clip, search_folder
from poseflow.search_places import SearchSettings, find_places
from poseflow.store import read_clip
from vvipe import Embedder

SECONDS = np.arange(0, 2, 1 / FPS)
SQUAT = movement(1, SECONDS)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    return Embedder.from_pretrained(str(save_tiny_model(tmp_path_factory.mktemp("model"))))


def squat_inside(seed, at_s, tempo=1.0, *, length_s=9.0):
    """Another movement, in which the squat is performed from `at_s` on."""
    curve = movement(seed, np.arange(0, length_s, 1 / FPS))
    inside = movement(1, np.arange(0, 2, tempo / FPS))
    start = round(at_s * FPS)
    curve[start : start + len(inside)] = inside
    return curve


@pytest.fixture
def library(tmp_path, embedder):
    folder = tmp_path / "library"
    model = embedder.model_id
    save_tracks(
        folder / "a.parquet", {1: squat_inside(11, 3.0), 2: movement(12, np.arange(0, 9, 1 / FPS))}, model=model
    )
    save_tracks(folder / "deep" / "b.parquet", {4: squat_inside(13, 5.0, 0.5)}, model=model)
    save_tracks(folder / "c.parquet", {1: squat_inside(14, 1.0, 2.0)}, model=model)
    save_tracks(folder / "d.parquet", {1: movement(15, np.arange(0, 9, 1 / FPS))}, model=model)
    return folder


@pytest.fixture
def query(embedder):
    return embedding_track(SQUAT, model=embedder.model_id, start_s=100.0)


def places(result, folder):
    return [
        (h.file.relative_to(folder).as_posix(), h.person_id, round(h.start_s, 1), round(h.end_s, 1))
        for h in result.hits
    ]


def test_a_movement_is_found_with_its_times_whatever_its_tempo(query, library, embedder):
    result = search_folder(query, library, embedder=embedder, settings=SearchSettings(top=3))
    same = float(embedder.expected_error(query.vectors[:1], query.vectors[:1])[0])
    found = {(file, person): (start, end) for file, person, start, end in places(result, library)}
    assert found == {
        ("a.parquet", 1): (pytest.approx(3.0, abs=0.11), pytest.approx(5.0, abs=0.11)),
        ("deep/b.parquet", 4): (pytest.approx(5.0, abs=0.25), pytest.approx(9.0, abs=0.25)),
        ("c.parquet", 1): (pytest.approx(1.0, abs=0.11), pytest.approx(2.0, abs=0.11)),
    }
    assert result.hits[0].file.name == "a.parquet" and result.hits[0].distance == pytest.approx(same, rel=1e-3)
    tempo = {hit.file.name: hit.tempo for hit in result.hits}
    assert tempo == {
        "a.parquet": pytest.approx(1, abs=0.05),
        "b.parquet": pytest.approx(0.5, abs=0.05),
        "c.parquet": pytest.approx(2, abs=0.1),
    }
    assert (result.tracks, result.searched, result.failed) == (5, 5, ())


def test_the_best_come_first_and_top_cuts_the_list(query, library, embedder):
    everything = search_folder(query, library, embedder=embedder, settings=SearchSettings(top=50, min_score=0))
    scores = [hit.score for hit in everything.hits]
    assert scores == sorted(scores, reverse=True) and len(scores) > 4
    assert all(hit.score >= 30 for hit in search_folder(query, library, embedder=embedder).hits)
    for top in (1, 2):
        few = search_folder(query, library, embedder=embedder, settings=SearchSettings(top=top, min_score=0))
        assert few.hits == everything.hits[:top]


def test_places_of_one_track_do_not_overlap(query, library, embedder):
    result = search_folder(query, library, embedder=embedder, settings=SearchSettings(top=50, min_score=0))
    for file in {hit.file for hit in result.hits}:
        spans = sorted((hit.start_s, hit.end_s) for hit in result.hits if (hit.file, hit.person_id) == (file, 1))
        assert all(before[1] <= after[0] + 1e-6 for before, after in zip(spans, spans[1:], strict=False))


def test_times_scores_and_signatures_are_those_of_match(query, library, embedder):
    hits = search_folder(query, library, embedder=embedder, settings=SearchSettings(top=50)).hits
    (_, track) = read_clip(library / "a.parquet").person(1)
    settings = MatchSettings(mirror="off", find_all=True)
    told = match(query, track, embedder=embedder, settings=settings)
    mine = sorted((h for h in hits if (h.file.name, h.person_id) == ("a.parquet", 1)), key=lambda h: h.start_s)
    assert mine
    theirs = sorted(told.occurrences, key=lambda place: place.start_s)
    for hit, place in zip(mine, theirs, strict=True):
        assert (hit.start_s, hit.end_s, hit.score, hit.match_probability) == pytest.approx(
            (place.start_s, place.end_s, place.score, place.match_probability)
        )
        assert hit.tempo == pytest.approx(place.tempo, nan_ok=True)
        assert hit.signature == told.signature


def test_a_long_track_in_parts_holds_the_same_places_as_whole(embedder, query):
    long = np.concatenate([squat_inside(20 + n, 2.0 + n / 3, 0.8 + n / 10) for n in range(6)])
    pattern, clip = series_of(query), series_of(embedding_track(long, model=embedder.model_id))

    def find(exact_cells):
        def accept(place):
            return place.cost < 0.5  # copies: 0.15, the rest: above 1

        cost = embedding_cost(embedder)
        found = find_places(pattern, clip, distance=cost, accept=accept, most=20, exact_cells=exact_cells)
        return sorted((round(float(place.query_s[0]), 6), round(float(place.query_s[-1]), 6)) for place in found)

    whole = find(10**9)
    assert len(whole) == 6
    assert find(len(SQUAT) * round(20 * FPS)) == whole
    assert find(len(SQUAT) * round(17 * FPS)) == whole


def test_a_person_out_of_sight_and_short_tracks_have_no_places(tmp_path, query, embedder):
    hidden, gaps = movement(3, SECONDS), squat_inside(11, 3.0)
    hidden[:] = np.nan
    gaps[100:108] = np.nan  # 0.27 s in the middle of the squat
    people = {1: hidden, 2: movement(4, SECONDS[:1]), 3: SQUAT[:15], 4: gaps}
    save_tracks(tmp_path / "a.parquet", people, model=embedder.model_id)
    result = search_folder(query, tmp_path, embedder=embedder)
    assert {hit.person_id for hit in result.hits} == {4}
    assert result.hits[0].start_s == pytest.approx(3, abs=0.11)
    assert result.searched == 4


def test_a_query_of_one_frame_is_found(tmp_path, embedder):
    save_tracks(tmp_path / "a.parquet", {1: squat_inside(11, 3.0)}, model=embedder.model_id)
    query = embedding_track(SQUAT[30:31], model=embedder.model_id)
    (hit, *_) = search_folder(query, tmp_path, embedder=embedder).hits
    assert hit.start_s == pytest.approx(4.0) and math.isnan(hit.tempo)
    assert hit.to_json()["tempo"] is None


def test_a_query_in_which_nobody_is_seen_has_nothing_to_search(library, embedder):
    query = embedding_track(np.full((5, 8), np.nan), model=embedder.model_id)
    with pytest.raises(NothingToScoreError, match="query"):
        search_folder(query, library, embedder=embedder)


def test_the_query_itself_is_left_out(library, query, embedder):
    result = search_folder(query, library, embedder=embedder, query_file=library / "a.parquet")
    assert result.tracks == 3 and {hit.file.name for hit in result.hits} == {"b.parquet", "c.parquet"}


def test_a_clip_is_searched_for_one_person(library, embedder):
    clip = read_clip(library / "deep" / "b.parquet")
    result = search_clip(clip, library, person="id:4", embedder=embedder, query_file=library / "deep" / "b.parquet")
    assert result.query_person == 4
    with pytest.raises(ValueError, match="one person"):
        search_clip(clip, library, person="all", embedder=embedder)
    with pytest.raises(ValueError, match="nobody has the id 9"):
        search_clip(clip, library, person="id:9", embedder=embedder)


def test_a_folder_without_tracks_is_named(tmp_path, query, embedder):
    (tmp_path / "notes.txt").write_text("no tracks here")
    pq.write_table(pa.table({"rank": [1]}), tmp_path / "ranking.parquet")
    with pytest.raises(FileFormatError, match="without saved tracks.*poseflow embed"):
        search_folder(query, tmp_path, embedder=embedder)
    with pytest.raises(FileFormatError, match="no such folder"):
        search_folder(query, tmp_path / "nowhere", embedder=embedder)
    with pytest.raises(FileFormatError, match=r"notes\.txt: a file; name a folder"):
        search_folder(query, tmp_path / "notes.txt", embedder=embedder)


def test_tables_that_are_no_tracks_do_not_count(library, query, embedder):
    pq.write_table(pa.table({"start_s": [0.0], "label": ["squat"]}), library / "segments.parquet")
    assert "segments.parquet" not in [path.name for path in list_library(library)]
    assert search_folder(query, library, embedder=embedder).failed == ()


def test_tracks_of_another_model_are_an_error(tmp_path, library, query, embedder):
    save_tracks(tmp_path / "other" / "x.parquet", {1: SQUAT}, model="other@1")
    with pytest.raises(ModelMismatchError, match=r"x\.parquet.*other@1.*embed"):
        search_folder(query, tmp_path / "other", embedder=embedder)
    save_tracks(library / "x.parquet", {1: SQUAT}, model="other@1")
    result = search_folder(query, library, embedder=embedder)
    assert [(file.name, type(error)) for file, error in result.failed] == [("x.parquet", ModelMismatchError)]
    assert result.searched == 5 and "x.parquet" not in {hit.file.name for hit in result.hits}


def test_a_query_of_another_model_is_an_error(library, embedder):
    with pytest.raises(ModelMismatchError, match="other@1"):
        search_folder(embedding_track(SQUAT, model="other@1"), library, embedder=embedder)


def test_damaged_files_and_keypoints_without_embeddings_are_told(library, query, embedder):
    (library / "broken.parquet").write_bytes(b"PAR1 no more")
    keypoints = pq.read_table(library / "a.parquet").select(["frame", "time_s", "person_id", "keypoints", "scores"])
    pq.write_table(keypoints, library / "raw.parquet")
    result = search_folder(query, library, embedder=embedder)
    told = {file.name: str(error) for file, error in result.failed}
    assert set(told) == {"broken.parquet", "raw.parquet"}
    assert "damaged" in told["broken.parquet"] and "poseflow embed" in told["raw.parquet"]
    assert result.searched == 5


@pytest.mark.parametrize("setting", [{"top": 0}, {"min_score": 101}, {"min_score": -1}, {"min_coverage": 1.5}])
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        SearchSettings(**setting)
