"""Several files at once: which files a folder holds, where each result goes, and going on where one fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from poseflow.errors import DeviceError, PackageError, PoseflowError, VideoError, WeightsError

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".webm", ".wmv"}
)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Job:
    """One input of a batch, and the file that its result goes to."""

    source: Path
    target: Path


@dataclass(frozen=True)
class BatchReport(Generic[Result]):
    """How a batch went.

    Attributes:
        done: Results, with their jobs, in the order of the jobs.
        failed: Jobs that failed, each with its error.
    """

    done: tuple[tuple[Job, Result], ...]
    failed: tuple[tuple[Job, PoseflowError], ...]


def plan_jobs(inputs: Sequence[str | Path], output: str | Path, *, suffix: str = ".parquet") -> list[Job]:
    """One job for each file of `inputs` and each video in its folders; results go to the folder `output`.

    A file found in a folder keeps its sub-folder. The videos of a folder are those that its file names say.

    Raises:
        VideoError: A folder has no videos in it.
        ValueError: Two inputs would be written to one file, or `output` is named like another file.
    """
    if Path(output).suffix not in ("", suffix) and not Path(output).is_dir():
        raise ValueError(f"{output} is neither a {suffix} file nor a folder: name one of the two")
    jobs = [job for entry in inputs for job in _jobs_of(Path(entry), Path(output), suffix)]
    targets = Counter(job.target for job in jobs)
    clashes = [str(job.source) for job in jobs if targets[job.target] > 1]
    if clashes:
        raise ValueError(f"these would be written to the same file: {', '.join(clashes)}; embed them one by one")
    return jobs


def _jobs_of(entry: Path, output: Path, suffix: str) -> list[Job]:
    if not entry.is_dir():
        return [Job(entry, output / (entry.stem + suffix))]
    videos = sorted(path for path in entry.rglob("*") if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES)
    if not videos:
        raise VideoError(f"{entry}: a folder without videos ({', '.join(sorted(VIDEO_SUFFIXES))}); name a file in it")
    return [Job(path, (output / path.relative_to(entry)).with_suffix(suffix)) for path in videos]


def run_batch(jobs: Iterable[Job], work: Callable[[Job], Result]) -> BatchReport[Result]:
    """Does `work` for every job; a job that fails with a PoseflowError does not stop the others.

    Missing weights, packages and devices do: every other job would fail likewise, after as long a wait.

    Args:
        jobs: In the order to be done.
        work: Does one job, and gives what is to be reported of it.

    Raises:
        WeightsError, PackageError, DeviceError: A job raised it.
    """
    done: list[tuple[Job, Result]] = []
    failed: list[tuple[Job, PoseflowError]] = []
    for job in jobs:
        try:
            done.append((job, work(job)))
        except (WeightsError, PackageError, DeviceError):
            raise
        except PoseflowError as error:
            failed.append((job, error))
    return BatchReport(tuple(done), tuple(failed))
