"""One row of the retrieval table on disk: hits, what they were counted on, and all that made them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from poseflow_benchmarks.machine import Machine

from vvipe.errors import FileFormatError

ROW_VERSION = 1
SHIPPED = Path(__file__).with_name("results") / "open"
"""The rows of the open benchmark that come with the package."""


@dataclass(frozen=True)
class Column:
    """Hit@k of one system on one choice of camera pairs and one input.

    Attributes:
        n_poses, n_pairs: Queries are their product.
        n_valid: Queries and index rows per camera that could be normalised, summed over the cameras.
        hits: k -> percent.
        hits_without_self: The same with the query's own frame left out of the index.
        take_queries: Queries of each recording, in the order of the row's `takes`.
        take_hits: k -> hits of each recording (expected ones, for chance).
    """

    n_poses: int
    n_pairs: int
    n_valid: int
    hits: Mapping[int, float]
    hits_without_self: Mapping[int, float]
    take_queries: tuple[int, ...]
    take_hits: Mapping[int, tuple[float, ...]]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Column:
        """What `asdict` gave, with JSON's text keys as numbers again."""
        return cls(
            **(
                dict(content)
                | {name: {int(k): v for k, v in content[name].items()} for name in ("hits", "hits_without_self")}
                | {
                    "take_queries": tuple(content["take_queries"]),
                    "take_hits": {int(k): tuple(v) for k, v in content["take_hits"].items()},
                }
            )
        )


@dataclass(frozen=True)
class RowResult:
    """One system's row, of one training.

    Attributes:
        columns: "HDM05 unseen/D1" -> figures.
        takes: Column without its input, "HDM05 unseen" -> names of the recordings.
        noise_seed: Of D0 and D1.
        command: What measured it.
        train_seed, config, weights_sha256: Of the trained system; None or empty where nothing is trained.
        paper: The row of PUBLISHED that it stands beside.
        is_ours: Whether the table sets the others against this row.
        note: Printed under the table.
    """

    system: str
    columns: Mapping[str, Column]
    takes: Mapping[str, tuple[str, ...]]
    noise_seed: int
    seconds: float
    machine: Machine
    versions: Mapping[str, str]
    command: str
    train_seed: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str | None = None
    paper: str | None = None
    is_ours: bool = False
    note: str = ""


def column_key(label: str, source: str) -> str:
    """The name of a column in a row, e.g. "HDM05 unseen/D1"."""
    return f"{label}/{source}"


def write_row(path: Path, row: RowResult) -> Path:
    """Writes the row as one JSON file; a file that is there is replaced whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"row_version": ROW_VERSION} | asdict(row), allow_nan=False) + "\n", encoding="utf-8")
    return partial.replace(path)


def read_row(path: Path) -> RowResult:
    """The row of one file.

    Raises:
        FileFormatError: The file is damaged or of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.pop("row_version", None)
        if version != ROW_VERSION:
            raise FileFormatError(f"{path}: result version {version}, this poseflow reads {ROW_VERSION}: measure again")
        columns = {key: Column.from_json(column) for key, column in content.pop("columns").items()}
        takes = {label: tuple(names) for label, names in content.pop("takes").items()}
        machine = Machine(**content.pop("machine"))
        return RowResult(columns=columns, takes=takes, machine=machine, **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(f"{path}: cannot be read as a row of results ({error!r}); measure it again") from error


def read_rows(folder: Path = SHIPPED) -> list[RowResult]:
    """The rows of a folder, by file name.

    Raises:
        FileFormatError: There is no row, or one is damaged.
    """
    rows = [read_row(path) for path in sorted(folder.glob("*.json"))]
    if not rows:
        raise FileFormatError(f"{folder}: no results (*.json) there; `poseflow bench retrieval --run` makes them")
    return rows


def summary(row: RowResult) -> list[dict[str, Any]]:
    """The figures alone, one record a column, for cards and JSON on the command line."""
    return [
        {
            "column": key.split("/")[0],
            "input": key.split("/")[1],
            "system": row.system,
            "n_poses": column.n_poses,
            "n_pairs": column.n_pairs,
            "hits": dict(column.hits),
        }
        for key, column in row.columns.items()
    ]


def labels_of(rows: Iterable[RowResult]) -> list[str]:
    """Columns without their inputs, in the order in which they first appear."""
    return list(dict.fromkeys(key.split("/")[0] for row in rows for key in row.columns))
