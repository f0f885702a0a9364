"""Saved clips: one Parquet row per (frame, person), with keypoints as detected and their embeddings.

A file that has only frame, time_s, person_id, keypoints and scores (somebody's own keypoints) reads as tracks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from poseflow.errors import FileFormatError
from poseflow.metadata import metadata_from_json, metadata_to_json
from poseflow.output import atomic_path
from poseflow.records import ClipMetadata, EmbeddedClip, EmbeddingTrack, PoseTrack
from vvipe.skeleton import COCO17

ROWS_PER_GROUP = 32768
_METADATA_KEY = b"poseflow"
_KEYPOINT_COLUMNS = ("frame", "time_s", "person_id", "keypoints", "scores")
_EMBEDDING_COLUMNS = ("valid", "embedding", "uncertainty", "root_rotation")
_JOINTS = COCO17.n_joints
_LARGEST_ID = 2**31 - 1  # the column is int32


def clip_schema(dimension: int, metadata: ClipMetadata) -> pa.Schema:
    """The columns of a saved clip with D-dimensional embeddings; only unknown uncertainty and rotation are null."""

    def floats(size: int) -> pa.DataType:
        return pa.list_(pa.float32(), size)

    fields = [
        pa.field("frame", pa.int64(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("person_id", pa.int32(), nullable=False),
        pa.field("box", floats(4), nullable=False),
        pa.field("box_score", pa.float32(), nullable=False),
        pa.field("keypoints", floats(2 * _JOINTS), nullable=False),
        pa.field("scores", floats(_JOINTS), nullable=False),
        pa.field("valid", pa.bool_(), nullable=False),
        pa.field("embedding", floats(dimension), nullable=False),
        pa.field("uncertainty", pa.float32()),
        pa.field("root_rotation", floats(4)),
    ]
    return pa.schema(fields, metadata={_METADATA_KEY: metadata_to_json(metadata)})


def write_clip(path: str | Path, clip: EmbeddedClip) -> None:
    """Writes `clip` to a Parquet file, rows by time and then person; the file appears whole or not at all.

    Raises:
        ValueError: The clip has nobody in it, its keypoints are not COCO-17, or its embeddings differ in size.
        OutputError: The file cannot be written.
    """
    if not clip.tracks or any(track.skeleton != COCO17 for track in clip.tracks):
        raise ValueError("write_clip: expected at least one person, with coco17 keypoints")
    dimensions = {embedding.vectors.shape[1] for embedding in clip.embeddings}
    if len(dimensions) != 1:
        raise ValueError(f"write_clip: embeddings of one size expected, got {sorted(dimensions)}")
    schema = clip_schema(dimensions.pop(), clip.metadata)
    person = np.concatenate([np.full(len(track.time_s), track.person_id, np.int32) for track in clip.tracks])
    time_s = np.concatenate([track.time_s for track in clip.tracks])
    order = np.lexsort((person, time_s))
    columns = _columns(clip, person, time_s)
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for start in range(0, len(order), ROWS_PER_GROUP):
            rows = order[start : start + ROWS_PER_GROUP]
            arrays = [_arrow(columns[field.name][rows], field) for field in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _columns(clip: EmbeddedClip, person: NDArray, time_s: NDArray) -> dict[str, NDArray]:
    def joined(records: tuple, name: str) -> NDArray:
        return np.concatenate([getattr(record, name) for record in records])

    return {
        "frame": joined(clip.tracks, "index"),
        "time_s": time_s,
        "person_id": person,
        "box": joined(clip.tracks, "boxes"),
        "box_score": joined(clip.tracks, "box_scores"),
        "keypoints": joined(clip.tracks, "keypoints").reshape(len(person), -1),
        "scores": joined(clip.tracks, "scores"),
        "valid": joined(clip.embeddings, "valid"),
        "embedding": joined(clip.embeddings, "vectors"),
        "uncertainty": joined(clip.embeddings, "uncertainty"),
        "root_rotation": joined(clip.embeddings, "root_rotation"),
    }


def _arrow(values: NDArray, field: pa.Field) -> pa.Array:
    is_unknown = np.isnan(values) if field.nullable else None
    if not pa.types.is_fixed_size_list(field.type):
        return pa.array(values, field.type, mask=is_unknown)
    flat = pa.array(np.ascontiguousarray(values).reshape(-1), field.type.value_type)
    mask = None if is_unknown is None else pa.array(is_unknown.any(-1))
    return pa.FixedSizeListArray.from_arrays(flat, type=field.type, mask=mask)


def is_clip_file(path: str | Path) -> bool:
    """Whether the name says that the file holds saved keypoints (``.parquet``)."""
    return Path(path).suffix.lower() == ".parquet"


def is_embedded(path: str | Path) -> bool:
    """Whether a .parquet holds embeddings beside its keypoints; FileFormatError where it is no Parquet file."""
    return set(_EMBEDDING_COLUMNS) <= set(_read(path, ()).column_names)


def read_metadata(path: str | Path) -> ClipMetadata | None:
    """How a saved clip was made; None for a file of somebody's own keypoints, which does not say."""
    return _metadata(_read(path, ()), path)


def read_tracks(path: str | Path) -> list[PoseTrack]:
    """The people of a .parquet, by id, with or without embeddings in the file.

    Args:
        path: A file with the columns frame, time_s, person_id, keypoints (34 numbers: x, y of the COCO-17 joints
            in pixels, NaN = not seen) and scores (17); box and box_score are computed where they are absent.

    Raises:
        FileFormatError: No Parquet file, damaged, a column is missing or has the wrong size, rows repeat, or times
            do not rise.
    """
    table = _read(path, (*_KEYPOINT_COLUMNS, "box", "box_score"))
    return _tracks(table, path)


def read_clip(path: str | Path) -> EmbeddedClip:
    """The clip that `write_clip` wrote, people by id.

    Raises:
        FileFormatError: As `read_tracks`; also a file without embeddings or of a newer format version.
    """
    table = _read(path, (*_KEYPOINT_COLUMNS, "box", "box_score", *_EMBEDDING_COLUMNS))
    metadata = _metadata(table, path)
    missing = [name for name in _EMBEDDING_COLUMNS if name not in table.column_names]
    if missing or metadata is None or metadata.model is None:
        what = f"no column {', '.join(missing)}" if missing else "no word on the model of its embeddings"
        raise FileFormatError(f"{path}: {what}; add embeddings with `poseflow embed {path} -o embedded.parquet`")
    tracks = _tracks(table, path)
    embeddings = tuple(_embedding(rows, person, metadata.model.name, path) for person, rows in _by_person(table, path))
    return EmbeddedClip(tuple(tracks), embeddings, metadata)


def _read(path: str | Path, columns: tuple[str, ...]) -> pa.Table:
    """Those of `columns` that the file has; with no columns asked for, an empty table of all of them."""
    if Path(path).is_dir():
        raise FileFormatError(f"{path}: a folder; name a .parquet file in it")
    if not Path(path).exists():
        raise FileFormatError(f"{path}: no such file; check the path")
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if not columns:
                return file.schema_arrow.empty_table()
            return file.read(columns=[name for name in columns if name in names])
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FileFormatError(
            f"{path}: not a Parquet file, or damaged ({reason}); make it again with `poseflow embed`"
        ) from error


def _metadata(table: pa.Table, path: str | Path) -> ClipMetadata | None:
    text = (table.schema.metadata or {}).get(_METADATA_KEY)
    return None if text is None else metadata_from_json(text, path=path)


def _by_person(table: pa.Table, path: str | Path) -> list[tuple[int, pa.Table]]:
    person, frame = _whole_numbers(table, "person_id", path), _whole_numbers(table, "frame", path)
    ids = np.unique(person)
    if len(ids) and not 0 <= ids[0] <= ids[-1] <= _LARGEST_ID:
        raise FileFormatError(f"{path}: person_id: expected 0 to {_LARGEST_ID}, got {ids[0]} to {ids[-1]}")
    rows = {person_id: np.flatnonzero(person == person_id) for person_id in ids}
    return [(int(i), table.take(pa.array(r[np.argsort(frame[r], kind="stable")]))) for i, r in rows.items()]


def _tracks(table: pa.Table, path: str | Path) -> list[PoseTrack]:
    missing = [name for name in _KEYPOINT_COLUMNS if name not in table.column_names]
    if missing:
        raise FileFormatError(
            f"{path}: no column {', '.join(missing)}; keypoints need the columns {', '.join(_KEYPOINT_COLUMNS)}"
        )
    _metadata(table, path)  # a newer version may mean something else by the same columns
    if table.num_rows == 0:
        raise FileFormatError(f"{path}: it has no rows; make it again from a clip with a person in it")
    return [_track(rows, person_id, path) for person_id, rows in _by_person(table, path)]


def _track(rows: pa.Table, person_id: int, path: str | Path) -> PoseTrack:
    index, time_s = _whole_numbers(rows, "frame", path), _numbers(rows, "time_s", path)
    if (np.diff(index) == 0).any() or (np.diff(time_s) <= 0).any() or not np.isfinite(time_s).all():
        raise FileFormatError(
            f"{path}: person {person_id}: expected one row a frame, and times that rise with the frames"
        )
    keypoints = _lists(rows, "keypoints", 2 * _JOINTS, path).reshape(-1, _JOINTS, 2)
    scores = _lists(rows, "scores", _JOINTS, path)
    is_seen: NDArray[np.bool_] = np.asarray(np.isfinite(keypoints).all(-1))
    if np.isnan(scores[is_seen]).any():
        raise FileFormatError(f"{path}: person {person_id}: a joint has a place but no score; write 1 if all are sure")
    scores = np.where(is_seen, scores, 0).astype(np.float32)
    boxes, box_scores = _boxes(rows, path) or boxes_around(keypoints, scores)
    return PoseTrack(
        person_id,
        COCO17,
        index,
        time_s.astype(np.float64),
        keypoints,
        scores,
        boxes,
        box_scores,
    )


def _boxes(rows: pa.Table, path: str | Path) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    if not {"box", "box_score"} <= set(rows.column_names):
        return None
    return _lists(rows, "box", 4, path), _numbers(rows, "box_score", path, nulls=True).astype(np.float32)


def boxes_around(
    keypoints: NDArray[np.float32], scores: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (T, 4) around the seen joints of keypoints (T, K, 2), and their mean scores (T,); NaN where none is."""
    is_seen: NDArray[np.bool_] = np.asarray(np.isfinite(keypoints).all(-1))
    low = np.where(is_seen[..., None], keypoints, np.inf).min(1)
    high = np.where(is_seen[..., None], keypoints, -np.inf).max(1)
    boxes = np.concatenate([low, high], axis=1)
    count = is_seen.sum(1)
    total = np.where(is_seen, scores, 0).sum(1)
    box_scores = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return np.where(count[:, None] > 0, boxes, np.nan).astype(np.float32), box_scores.astype(np.float32)


def _embedding(rows: pa.Table, person_id: int, model: str, path: str | Path) -> EmbeddingTrack:
    kind = rows.schema.field("embedding").type
    dimension = kind.list_size if pa.types.is_fixed_size_list(kind) else -1
    return EmbeddingTrack(
        person_id=person_id,
        time_s=_numbers(rows, "time_s", path).astype(np.float64),
        vectors=_lists(rows, "embedding", dimension, path),
        uncertainty=_numbers(rows, "uncertainty", path, nulls=True).astype(np.float32),
        valid=rows["valid"].to_numpy().astype(bool),
        model=model,
        root_rotation=_lists(rows, "root_rotation", 4, path),
    )


def _numbers(table: pa.Table, name: str, path: str | Path, *, nulls: bool = False) -> NDArray:
    """(rows,) the numbers of a column; null becomes NaN where `nulls` allows it."""
    column = table[name]
    if not _is_number(column.type) or (column.null_count and not nulls):
        raise FileFormatError(f"{path}: column {name}: expected numbers, none of them null, got {column.type}")
    return column.to_numpy()


def _whole_numbers(table: pa.Table, name: str, path: str | Path) -> NDArray[np.int64]:
    values = _numbers(table, name, path)
    if not (np.mod(values, 1) == 0).all():
        raise FileFormatError(f"{path}: column {name}: expected whole numbers, got {values[np.mod(values, 1) != 0][0]}")
    return values.astype(np.int64)


def _lists(table: pa.Table, name: str, size: int, path: str | Path) -> NDArray[np.float32]:
    """(rows, size) float32 of a column of lists; null becomes NaN."""
    array = table[name].combine_chunks()
    kind = array.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not (is_list and _is_number(kind.value_type)):
        raise FileFormatError(f"{path}: column {name}: expected lists of {size} numbers, got {kind}")
    present = array.drop_null()
    lengths = pc.unique(pc.list_value_length(present)).to_pylist()
    if lengths not in ([], [size]):
        raise FileFormatError(f"{path}: column {name}: expected lists of {size} numbers, got lengths {sorted(lengths)}")
    values = np.full((len(array), size), np.nan, np.float32)
    is_present = array.is_valid().to_numpy(zero_copy_only=False)
    values[is_present] = present.flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
    return values


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
