"""A reference against a whole folder of clips: the ranking, its files, and an index page."""

from __future__ import annotations

import csv
import html
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from poseflow.batch import VIDEO_SUFFIXES, BatchReport, Job, run_batch
from poseflow.errors import PoseflowError, VideoError
from poseflow.match_json import match_json
from poseflow.match_text import SCORE_MEANING, mirror_word
from poseflow.output import atomic_path, make_folder
from poseflow.records import EmbeddedClip, MatchResult

CLIP_SUFFIXES = VIDEO_SUFFIXES | {".parquet"}
COLUMNS = (
    "rank", "query", "score", "pose", "timing", "coverage", "match_probability", "is_mirrored", "tempo", "offset_s",
    "ref_person", "query_person", "page", "error", "signature",
)  # fmt: skip
_HEADS = (
    ("rank", "number"), ("clip", "text"), ("score", "number"), ("timing", "number"), ("tempo", "number"),
    ("mirrored", "text"),
)  # fmt: skip
RANKING, INDEX = "ranking", "index.html"

PageWriter = Callable[[Job, EmbeddedClip, EmbeddedClip, MatchResult], Path]
"""Job (source = the query's file, target = its page), reference, query, match -> the page that was written."""


@dataclass(frozen=True)
class Ranked:
    """One clip of a folder, its match, and its page relative to the index (None = none was written)."""

    query: Path
    result: MatchResult
    page: Path | None


@dataclass(frozen=True)
class Ranking:
    """The clips of a folder by their score.

    Attributes:
        ref: What they were compared with.
        results: Those that have a score, best first.
        failed: Files that failed, with their errors.
    """

    ref: Path
    results: tuple[Ranked, ...]
    failed: tuple[tuple[Path, PoseflowError], ...]

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row a clip, keys COLUMNS: those with a score first, then those that failed; None = not known."""
        for rank, ranked in enumerate(self.results, start=1):
            told = match_json(ranked.result)
            values = {**told, **told["subscores"], "coverage": told["subscores"]["coverage"]}
            values |= {"rank": rank, "query": ranked.query.name, "error": None}
            values["page"] = None if ranked.page is None else ranked.page.as_posix()
            yield {column: values[column] for column in COLUMNS}
        for query, error in self.failed:
            yield dict.fromkeys(COLUMNS) | {"query": query.name, "error": str(error)}

    def to_json(self) -> dict[str, Any]:
        """The object that `poseflow match --json` prints of a folder; a match's keys are those of one match."""
        return {
            "ref": str(self.ref),
            "results": [
                {"rank": rank, "query": str(ranked.query), **match_json(ranked.result)}
                for rank, ranked in enumerate(self.results, start=1)
            ],
            "failed": [{"query": str(query), "error": str(error)} for query, error in self.failed],
        }

    def to_text(self) -> str:
        """A table for the terminal."""
        lines = [f"{'rank':>4}  {'score':>5}  {'timing':>6}  {'tempo':>5}  {'mirrored':<8}  query"]
        for rank, ranked in enumerate(self.results, start=1):
            result = ranked.result
            mirrored = mirror_word(result.is_mirrored)
            figures = f"{_whole(result.score):>5}  {_whole(result.timing_score):>6}  {_tempo(result.tempo):>5}"
            lines.append(f"{rank:>4}  {figures}  {mirrored:<8}  {ranked.query.name}")
        return "\n".join(lines)


def list_clips(folder: str | Path) -> list[Path]:
    """The videos and .parquet files of a folder, not of its sub-folders, by name.

    Raises:
        VideoError: There are none.
    """
    found = sorted(p for p in Path(folder).iterdir() if p.is_file() and p.suffix.lower() in CLIP_SUFFIXES)
    if not found:
        raise VideoError(f"{folder}: a folder without videos and .parquet files; name another one")
    return found


def match_folder(
    ref: str | Path,
    folder: str | Path,
    *,
    load: Callable[[Path], EmbeddedClip],
    compare: Callable[[EmbeddedClip, EmbeddedClip], MatchResult],
    output: str | Path | None = None,
    write_page: PageWriter | None = None,
) -> Ranking:
    """Every clip of a folder compared with one reference; a clip that fails does not stop the others.

    A wrong setting (ValueError) does, as every clip would fail by it; not so a person whom one clip lacks, or a band
    that one clip cannot keep to.

    Args:
        ref: The reference's file; it is left out where it lies in the folder itself.
        folder: The clips.
        load: Makes a clip of a file (`poseflow.load.load_clip`).
        compare: Compares reference and query (`poseflow.match_people.match_clips`).
        output: Folder for ranking.csv, ranking.parquet, index.html and the pages; None = nothing is written.
        write_page: Writes each page.

    Raises:
        VideoError: The folder holds no clips beside the reference, or the reference cannot be read.
        NothingToScoreError: Nobody was found in the reference.
        OutputError: `output` cannot be written.
    """
    target = Path(output) if output is not None else Path()
    if output is not None:
        make_folder(target)
    sources = [path for path in list_clips(folder) if path.resolve() != Path(ref).resolve()]
    if not sources:
        raise VideoError(f"{folder}: a folder with nothing but the reference itself; name another one")
    ref_clip = load(Path(ref))

    def work(job: Job) -> Ranked:
        query = load(job.source)
        result = compare(ref_clip, query)
        if write_page is None or output is None:
            return Ranked(job.source, result, None)
        return Ranked(job.source, result, write_page(job, ref_clip, query, result).relative_to(target))

    report = run_batch([Job(path, target / f"{path.name}.html") for path in sources], work)
    ranking = _ranked(Path(ref), report)
    if output is not None:
        write_ranking(ranking, target)
    return ranking


def write_ranking(ranking: Ranking, folder: Path) -> None:
    """Writes ranking.csv, ranking.parquet and index.html into an existing folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = list(ranking.rows())
    with atomic_path(folder / f"{RANKING}.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    with atomic_path(folder / f"{RANKING}.parquet") as path:
        pq.write_table(pa.Table.from_pylist(rows, schema=_schema()), path)
    with atomic_path(folder / INDEX) as path:
        path.write_text(index_page(ranking), encoding="utf-8")


def index_page(ranking: Ranking) -> str:
    """The ranking as one HTML page that needs nothing else; every string is escaped."""
    heads = "".join(f'<th class="{kind}">{title}</th>' for title, kind in _HEADS)
    body = "\n".join(_index_row(row) for row in ranking.rows())
    title = html.escape(f"Compared with {ranking.ref.name}")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #8886; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style></head>
<body><h1>{title}</h1>
<p>Score: {SCORE_MEANING}.</p>
<table><thead><tr>{heads}</tr></thead><tbody>
{body}
</tbody></table></body></html>
"""


def _index_row(row: dict[str, Any]) -> str:
    name = html.escape(str(row["query"]))
    if row["page"] is not None:
        name = f'<a href="{html.escape(quote(row["page"]), quote=True)}">{name}</a>'
    if row["error"] is not None:
        return f'<tr><td></td><td>{name}</td><td colspan="4">{html.escape(row["error"])}</td></tr>'
    figures = (_whole(row["score"]), _whole(row["timing"]), _tempo(row["tempo"]))
    cells = "".join(f'<td class="number">{figure}</td>' for figure in figures)
    cells += f"<td>{mirror_word(row['is_mirrored'])}</td>"
    return f'<tr><td class="number">{row["rank"]}</td><td>{name}</td>{cells}</tr>'


def _ranked(ref: Path, report: BatchReport[Ranked]) -> Ranking:
    done = [ranked for _, ranked in report.done]
    best_first = sorted(done, key=lambda one: (-one.result.score, -one.result.match_probability, one.query.name))
    return Ranking(ref, tuple(best_first), tuple((job.source, error) for job, error in report.failed))


def _schema() -> Any:
    import pyarrow as pa

    kinds = {
        "rank": pa.int32(), "query": pa.string(), "is_mirrored": pa.bool_(), "ref_person": pa.int32(),
        "query_person": pa.int32(), "page": pa.string(), "error": pa.string(), "signature": pa.string(),
    }  # fmt: skip
    return pa.schema([(column, kinds.get(column, pa.float64())) for column in COLUMNS])


def _whole(figure: float | None) -> str:
    return "-" if figure is None or math.isnan(figure) else f"{figure:.0f}"


def _tempo(figure: float | None) -> str:
    return "-" if figure is None or math.isnan(figure) else f"{figure:.2f}"
