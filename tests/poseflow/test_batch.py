"""Batches: what a folder holds, where results go, and that one failure leaves the others alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from poseflow.batch import Job, plan_jobs, run_batch
from poseflow.errors import DeviceError, PackageError, VideoError, WeightsError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("clips/b.mp4", "clips/a.MOV", "clips/day 2/a.mp4", "clips/notes.txt", "clips/cover.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_a_folder_gives_its_videos_and_keeps_its_sub_folders(folder: Path) -> None:
    assert plan_jobs([folder / "clips"], folder / "out") == [
        Job(folder / "clips/a.MOV", folder / "out/a.parquet"),
        Job(folder / "clips/b.mp4", folder / "out/b.parquet"),
        Job(folder / "clips/day 2/a.mp4", folder / "out/day 2/a.parquet"),
    ]


def test_a_named_file_is_taken_whatever_it_is_called(folder: Path) -> None:
    jobs = plan_jobs([folder / "clips/notes.txt", folder / "absent.v1.mp4"], folder / "out")
    assert [job.target for job in jobs] == [folder / "out/notes.parquet", folder / "out/absent.v1.parquet"]


def test_no_inputs_give_no_jobs(tmp_path: Path) -> None:
    assert plan_jobs([], tmp_path) == []


def test_a_folder_without_videos_is_a_video_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(VideoError, match="a folder without videos"):
        plan_jobs([tmp_path], tmp_path / "out")


def test_two_inputs_for_one_output_are_both_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"clips/a\.MOV.*clips/day 2/a\.mp4"):
        plan_jobs([folder / "clips", folder / "clips/day 2/a.mp4"], folder / "out")


def test_a_failed_job_does_not_stop_the_others() -> None:
    jobs = [Job(Path(name), Path("out")) for name in ("first", "broken", "last")]

    def work(job: Job) -> str:
        if job.source.name == "broken":
            raise VideoError("broken: damaged")
        return job.source.name.upper()

    report = run_batch(jobs, work)
    assert report.done == ((jobs[0], "FIRST"), (jobs[2], "LAST"))
    assert [(job, str(error)) for job, error in report.failed] == [(jobs[1], "broken: damaged")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, WeightsError, PackageError, DeviceError])
def test_ctrl_c_faults_of_the_program_and_what_would_fail_every_job_stop_a_batch(error: type[BaseException]) -> None:
    def work(job: Job) -> None:
        raise error

    with pytest.raises(error):
        run_batch([Job(Path("a"), Path("b"))], work)


def test_an_output_named_like_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"o\.csv is neither"):
        plan_jobs([tmp_path / "a.mp4"], tmp_path / "o.csv")
