"""DeepLabCut's tables, as CSV or HDF5, of one or several individuals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.deeplabcut_h5 import is_pandas_hdf5, read_pandas_hdf5
from poseflow.formats.joints import order_by_name, take
from poseflow.formats.protocol import ImportOptions
from poseflow.formats.sightings import Sighting, Sightings
from poseflow.formats.source import KeypointSource

_LEVELS = ("scorer", "individuals", "bodyparts", "coords")
_COORDS = ("x", "y", "likelihood")
_NUMBER_AT_THE_END = re.compile(r"(\d{1,15})\D*$")


class DeepLabCut:
    """DeepLabCut's analysed videos and labelled pictures (.csv, .h5).

    Columns have the header rows scorer, (individuals,) bodyparts, coords, with x, y and for predictions likelihood;
    rows start with the frame's number or the picture's path, whose last number it is. Every individual is one
    person. DeepLabCut gives each joint a place, however unsure it is: the likelihood becomes the score. Body parts
    are matched by name; for others (``ankle1``) give `joint_map`.
    """

    name = "deeplabcut"
    description = "DeepLabCut's .csv or .h5"

    def detects(self, source: KeypointSource) -> bool:
        if source.is_hdf5:
            return is_pandas_hdf5(source)
        return source.is_csv and source.rows[0][:1] == ["scorer"]

    def read(self, source: KeypointSource, options: ImportOptions) -> Sightings:
        if source.is_hdf5:
            columns, labels, values = read_pandas_hdf5(source)
            names = columns[0] if columns else ()
            table = _table(source, _LEVELS if len(names) == 4 else (_LEVELS[0], *_LEVELS[2:]), columns, labels, values)
        else:
            table = _read_csv(source)
        return _sightings(source, table, options)


@dataclass(frozen=True)
class _Table:
    """(individual, body part, coordinate) of each column, frame of each row, and (F, C) values, NaN = empty."""

    columns: tuple[tuple[str, str, str], ...]
    frames: tuple[int, ...]
    values: NDArray[np.float64]


def _read_csv(source: KeypointSource) -> _Table:
    rows = [(line, row) for line, row in enumerate(source.rows, 1) if row]
    header = {row[0]: row for _, row in rows[:4] if row[0] in _LEVELS}
    levels = tuple(level for level in _LEVELS if level in header)
    if "bodyparts" not in levels or "coords" not in levels:
        raise source.error(f"expected header rows {', '.join(_LEVELS)} (individuals may be absent), found {levels}")
    indices = 1 + next((i for i, cell in enumerate(header["coords"][1:]) if cell), 0)
    columns = list(zip(*(header[level][indices:] for level in levels), strict=False))
    width = indices + len(columns)
    labels, values = [], []
    for line, row in rows[len(levels) :]:
        if len(row) != width:
            raise source.error(f"line {line}: expected {width} cells, found {len(row)}")
        labels.append(row[indices - 1])
        values.append([_cell(source, line, cell) for cell in row[indices:]])
    return _table(source, levels, columns, labels, np.array(values).reshape(len(values), len(columns)))


def _cell(source: KeypointSource, line: int, cell: str) -> float:
    try:
        return float(cell) if cell else np.nan
    except ValueError as error:
        raise source.error(f"line {line}: expected a number, found {cell[:60]!r}") from error


def _table(
    source: KeypointSource,
    levels: Sequence[str],
    columns: Sequence[Sequence[str]],
    labels: Sequence[str | int],
    values: NDArray[np.float64],
) -> _Table:
    """A table whose columns are named by `levels`, with the numbers of its frames."""
    if not columns or any(len(column) != len(levels) for column in columns):
        raise source.error(f"expected columns with {', '.join(levels)}, found {list(columns)[:3]}")
    named = [dict(zip(levels, column, strict=True)) for column in columns]
    unknown = sorted({column["coords"] for column in named} - set(_COORDS))
    if unknown:
        raise source.error(f"coords: expected {', '.join(_COORDS)}, found {', '.join(unknown)}")
    names = tuple((column.get("individuals", ""), column["bodyparts"], column["coords"]) for column in named)
    if len(set(names)) != len(names):
        raise source.error("a body part has one coordinate twice")
    return _Table(names, tuple(_frame(source, label) for label in labels), values)


def _frame(source: KeypointSource, label: str | int) -> int:
    text = str(label)
    if re.fullmatch(r"\d{1,15}(\.0*)?", text):
        return int(float(text))
    match = _NUMBER_AT_THE_END.search(PurePosixPath(text.replace("\\", "/")).stem)
    if match is None:
        raise source.error(f"rows: expected a frame's number or a picture whose name ends in one, found {text[:60]!r}")
    return int(match[1])


def _sightings(source: KeypointSource, table: _Table, options: ImportOptions) -> Sightings:
    individuals = list(dict.fromkeys(individual for individual, _, _ in table.columns))
    parts = list(dict.fromkeys(part for _, part, _ in table.columns))
    order = order_by_name(source, parts, options.joint_map)
    place = {column: i for i, column in enumerate(table.columns)}
    people = []
    for person, individual in enumerate(individuals, start=1):
        points = np.full((len(table.frames), len(parts), 3), np.nan)
        for p, part in enumerate(parts):
            for c, coordinate in enumerate(_COORDS):
                if (individual, part, coordinate) in place:
                    points[:, p, c] = table.values[:, place[individual, part, coordinate]]
        for frame, pose in zip(table.frames, points, strict=True):
            joints = take(pose, order)
            people.append(Sighting(frame, joints[:, :2], joints[:, 2], person=person))
    return Sightings(people, table.frames)
