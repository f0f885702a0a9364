"""Saved clips: what is written is read, the schema is the one that other programs rely on, damage is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from poseflow.detect.protocol import DetectorInfo, ModelFile
from poseflow.errors import FileFormatError, OutputError
from poseflow.records import ClipMetadata, EmbeddedClip, EmbeddingTrack, PoseTrack
from poseflow.store import is_embedded, read_clip, read_metadata, read_tracks, write_clip
from vvipe.skeleton import COCO13, COCO17

METADATA = ClipMetadata(
    source="häuser, 30 fps.mp4",
    frames=70,
    size=(1080, 1920),
    rotation_deg=-90,
    duration_s=2.335,
    time_base="1/15360",
    detector=DetectorInfo("mmpose", (ModelFile("rtmdet-m", "ab" * 32), ModelFile("rtmpose-m", "cd" * 32)), "cpu"),
    model=ModelFile("vvipe-test", "ef" * 32),
    is_smoothed=True,
    command="poseflow embed 'häuser, 30 fps.mp4' -o a.parquet",
    versions={"poseflow": "0.1.0"},
)


def random_person(person_id: int, frames: int, generator: np.random.Generator) -> tuple[PoseTrack, EmbeddingTrack]:
    start = int(generator.integers(0, 40))
    index = start + np.arange(frames, dtype=np.int64)
    keypoints = generator.normal(500, 300, (frames, 17, 2)).astype(np.float32)
    scores = generator.random((frames, 17), np.float32)
    boxes = generator.normal(500, 300, (frames, 4)).astype(np.float32)
    box_scores = generator.random(frames, np.float32)
    is_hidden = generator.random((frames, 17)) < 0.2
    is_gap = generator.random(frames) < 0.3
    is_hidden[is_gap] = True
    keypoints[is_hidden], scores[is_hidden] = np.nan, 0
    boxes[is_gap], box_scores[is_gap] = np.nan, np.nan
    track = PoseTrack(person_id, COCO17, index, index / 29.97, keypoints, scores, boxes, box_scores)
    vectors, uncertainty = generator.normal(size=(frames, 32)), generator.random(frames)
    rotation = generator.normal(size=(frames, 4))
    for values in (vectors, uncertainty, rotation):
        values[is_gap] = np.nan
    embedding = EmbeddingTrack(
        person_id,
        track.time_s,
        vectors.astype(np.float32),
        uncertainty.astype(np.float32),
        ~is_gap,
        "vvipe-test",
        rotation.astype(np.float32),
    )
    return track, embedding


def random_clip(seed: int, people: int = 3, frames: int | None = None) -> EmbeddedClip:
    generator = np.random.default_rng(seed)
    lengths = [frames or int(generator.integers(1, 30)) for _ in range(people)]
    pairs = [random_person(3 * number + 1, length, generator) for number, length in enumerate(lengths)]
    return EmbeddedClip(tuple(track for track, _ in pairs), tuple(embedding for _, embedding in pairs), METADATA)


def assert_equal_records(actual: object, expected: object, names: str) -> None:
    for name in names.split():
        a, b = getattr(actual, name), getattr(expected, name)
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b, err_msg=name)


def assert_equal_tracks(actual: PoseTrack, expected: PoseTrack) -> None:
    assert (actual.person_id, actual.skeleton) == (expected.person_id, expected.skeleton)
    assert_equal_records(actual, expected, "index time_s keypoints scores boxes box_scores")


def own_table(**columns: object) -> pa.Table:
    """Somebody's own keypoints of two frames, as a Parquet library would write plain Python lists."""
    content = {
        "frame": [0, 1],
        "time_s": [0.0, 0.04],
        "person_id": [1, 1],
        "keypoints": [[float(i) for i in range(34)]] * 2,
        "scores": [[1.0] * 17] * 2,
    } | columns
    return pa.table({name: values for name, values in content.items() if values is not None})


@pytest.fixture
def own(tmp_path: Path):
    def write(**columns: object) -> Path:
        path = tmp_path / "own.parquet"
        pq.write_table(own_table(**columns), path)
        return path

    return write


@pytest.mark.parametrize("seed", range(8))
def test_a_clip_read_back_equals_the_clip_written(tmp_path: Path, seed: int) -> None:
    clip = random_clip(seed, people=1 + seed % 4)
    write_clip(tmp_path / "a.parquet", clip)
    back = read_clip(tmp_path / "a.parquet")
    assert back.metadata == METADATA
    assert back.person_ids == clip.person_ids
    for actual, expected in zip(back.tracks, clip.tracks, strict=True):
        assert_equal_tracks(actual, expected)
    for got, want in zip(back.embeddings, clip.embeddings, strict=True):
        assert (got.person_id, got.model) == (want.person_id, "vvipe-test")
        assert_equal_records(got, want, "time_s vectors uncertainty valid root_rotation")


def test_the_tracks_of_a_saved_clip_can_be_read_without_its_embeddings(tmp_path: Path) -> None:
    clip = random_clip(1)
    write_clip(tmp_path / "a.parquet", clip)
    for actual, expected in zip(read_tracks(tmp_path / "a.parquet"), clip.tracks, strict=True):
        assert_equal_tracks(actual, expected)


def test_schema_is_the_one_that_other_programs_rely_on(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.parquet", random_clip(2))
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert {field.name: str(field.type) for field in schema} == {
        "frame": "int64",
        "time_s": "double",
        "person_id": "int32",
        "box": "fixed_size_list<element: float>[4]",
        "box_score": "float",
        "keypoints": "fixed_size_list<element: float>[34]",
        "scores": "fixed_size_list<element: float>[17]",
        "valid": "bool",
        "embedding": "fixed_size_list<element: float>[32]",
        "uncertainty": "float",
        "root_rotation": "fixed_size_list<element: float>[4]",
    }
    stored = json.loads(schema.metadata[b"poseflow"])
    assert stored["format_version"] == 1
    assert stored["video"] == {
        "width": 1080,
        "height": 1920,
        "rotation_deg": -90,
        "duration_s": 2.335,
        "time_base": "1/15360",
    }
    assert stored["detector"]["models"][1] == {"name": "rtmpose-m", "sha256": "cd" * 32}
    assert stored["embedding"] == {"name": "vvipe-test", "sha256": "ef" * 32}


def test_rows_are_sorted_by_time_then_person_and_null_where_not_valid(tmp_path: Path) -> None:
    clip = random_clip(3)
    write_clip(tmp_path / "a.parquet", clip)
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    keys = [(row["time_s"], row["person_id"]) for row in rows]
    assert keys == sorted(keys)
    assert len(rows) == sum(len(track.time_s) for track in clip.tracks)
    assert all((row["uncertainty"] is None) == (not row["valid"]) for row in rows)
    assert all((row["root_rotation"] is None) == (not row["valid"]) for row in rows)
    first = next(row for row in rows if row["person_id"] == 1)
    np.testing.assert_array_equal(np.reshape(first["keypoints"], (17, 2)), clip.tracks[0].keypoints[0])


def test_long_clips_are_written_in_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poseflow.store.ROWS_PER_GROUP", 10)
    clip = random_clip(4, people=2, frames=13)
    write_clip(tmp_path / "a.parquet", clip)
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 3
    for actual, expected in zip(read_clip(tmp_path / "a.parquet").tracks, clip.tracks, strict=True):
        assert_equal_tracks(actual, expected)


def test_unknown_uncertainty_of_a_valid_frame_is_null(tmp_path: Path) -> None:
    clip = random_clip(5, people=1, frames=4)
    unsure = replace(clip.embeddings[0], uncertainty=np.full(4, np.nan, np.float32), valid=np.ones(4, bool))
    write_clip(tmp_path / "a.parquet", replace(clip, embeddings=(unsure,)))
    assert pq.read_table(tmp_path / "a.parquet")["uncertainty"].null_count == 4
    assert read_clip(tmp_path / "a.parquet").embeddings[0].valid.all()


def test_unknown_metadata_reads_back_as_unknown(tmp_path: Path) -> None:
    metadata = ClipMetadata(source="own.csv", frames=3, model=ModelFile("vvipe-test", "0" * 64))
    write_clip(tmp_path / "a.parquet", replace(random_clip(6), metadata=metadata))
    assert read_metadata(tmp_path / "a.parquet") == metadata


def test_writing_where_no_file_can_be_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        write_clip(tmp_path / "file" / "a.parquet", random_clip(0))


@pytest.mark.parametrize("tracks", ["nobody", "coco13"])
def test_only_coco17_of_somebody_can_be_written(tmp_path: Path, tracks: str) -> None:
    clip = random_clip(7, people=1)
    track = clip.tracks[0]
    thirteen = replace(track, skeleton=COCO13, keypoints=track.keypoints[:, :13], scores=track.scores[:, :13])
    other = replace(clip, tracks=(), embeddings=()) if tracks == "nobody" else replace(clip, tracks=(thirteen,))
    with pytest.raises(ValueError, match="coco17"):
        write_clip(tmp_path / "a.parquet", other)
    assert not list(tmp_path.iterdir())


def test_own_keypoints_read_as_tracks_with_boxes_around_the_seen_joints(own) -> None:
    hidden = [float(i) for i in range(34)]
    hidden[0] = hidden[1] = float("nan")  # the nose of the second frame
    path = own(keypoints=[[float(i) for i in range(34)], hidden], scores=[[1.0] * 17, [None] + [0.5] * 16])
    (track,) = read_tracks(path)
    assert read_metadata(path) is None
    assert not is_embedded(path)
    np.testing.assert_array_equal(track.boxes, [[0, 1, 32, 33], [2, 3, 32, 33]])
    np.testing.assert_allclose(track.box_scores, [1, 0.5])
    assert track.scores[1, 0] == 0
    assert np.isnan(track.keypoints[1, 0]).all()
    assert track.keypoints.dtype == np.float32


def test_own_rows_may_come_in_any_order_with_null_for_nobody(own) -> None:
    full = [float(i) for i in range(34)]
    path = own(
        frame=[5, 4, 4],
        time_s=[0.5, 0.4, 0.4],
        person_id=[2, 2, 9],
        keypoints=[full, None, full],
        scores=[[1.0] * 17, None, [1.0] * 17],
    )
    two, nine = read_tracks(path)
    assert (two.person_id, nine.person_id) == (2, 9)
    np.testing.assert_array_equal(two.index, [4, 5])
    np.testing.assert_array_equal(two.is_seen, [False, True])
    assert np.isnan(two.boxes[0]).all()
    assert np.isnan(two.box_scores[0])


def test_reading_own_keypoints_as_an_embedded_clip_says_how_to_embed_them(own) -> None:
    with pytest.raises(FileFormatError, match="poseflow embed .*own.parquet"):
        read_clip(own())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"scores": None}, "no column scores"),
        ({"keypoints": [[1.0] * 51] * 2}, r"keypoints: expected lists of 34 numbers, got lengths \[51\]"),
        ({"keypoints": [[1.0] * 34, [1.0] * 33]}, r"got lengths \[33, 34\]"),
        ({"keypoints": [1.0, 2.0]}, "keypoints: expected lists of 34 numbers, got double"),
        ({"scores": [["a"] * 17] * 2}, "scores: expected lists of 17 numbers"),
        ({"time_s": ["a", "b"]}, "time_s: expected numbers"),
        ({"time_s": [0.0, None]}, "time_s: expected numbers, none of them null"),
        ({"time_s": [0.0, float("nan")]}, "times that rise"),
        ({"time_s": [0.1, 0.0]}, "times that rise"),
        ({"frame": [3, 3]}, "one row a frame"),
        ({"scores": [[float("nan")] * 17] * 2}, "no score"),
        ({"frame": [0.5, 1.5]}, "frame: expected whole numbers"),
    ],
)
def test_own_keypoints_of_another_shape_are_refused_by_column(own, columns: dict, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_tracks(own(**columns))


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    pq.write_table(own_table().slice(0, 0), tmp_path / "a.parquet")
    with pytest.raises(FileFormatError, match="no rows"):
        read_tracks(tmp_path / "a.parquet")


def test_a_newer_format_version_names_the_version_that_can_read_it(tmp_path: Path) -> None:
    newer = replace(METADATA, format_version=2, versions={"poseflow": "3.1.4"})
    write_clip(tmp_path / "a.parquet", replace(random_clip(0), metadata=newer))
    for read in (read_clip, read_tracks, read_metadata):
        with pytest.raises(FileFormatError, match=r"version 2.*reads up to 1.*poseflow 3\.1\.4"):
            read(tmp_path / "a.parquet")


@pytest.mark.parametrize("content", [b"", b"not parquet at all", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_file_that_is_not_parquet_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="a.parquet: not a Parquet file, or damaged"):
        read_clip(path)


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.99])
def test_a_truncated_clip_is_a_format_error(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "a.parquet"
    write_clip(path, random_clip(0))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(FileFormatError, match="damaged"):
        read_clip(path)


def test_a_clip_with_damaged_pages_is_a_format_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_clip(path, random_clip(0, people=4, frames=29))
    content = bytearray(path.read_bytes())
    content[200:4000] = bytes(3800)
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="damaged"):
        read_clip(path)


def test_no_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no such file"):
        read_clip(tmp_path / "absent.parquet")
    with pytest.raises(FileFormatError, match="a folder; name a .parquet"):
        read_tracks(tmp_path)


@pytest.mark.parametrize("person_id", [-1, 2**31])
def test_ids_that_a_saved_clip_cannot_hold_are_refused(own, person_id: int) -> None:
    with pytest.raises(FileFormatError, match=f"person_id: expected 0 to 2147483647, got {person_id}"):
        read_tracks(own(person_id=[person_id] * 2))


def test_damaged_metadata_is_a_format_error(tmp_path: Path) -> None:
    table = own_table().replace_schema_metadata({"poseflow": '{"format_version": 1}'})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(FileFormatError, match="metadata is damaged"):
        read_tracks(tmp_path / "a.parquet")


def test_embeddings_without_the_name_of_their_model_are_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.parquet", random_clip(0))
    table = pq.read_table(tmp_path / "a.parquet").replace_schema_metadata(None)
    pq.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(FileFormatError, match="no word on the model"):
        read_clip(tmp_path / "b.parquet")
