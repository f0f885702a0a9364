"""Embeds files into files: one, or a batch, with overlay and contact sheet, and a report of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Unpack, cast

from poseflow.batch import BatchReport, Job, plan_jobs, run_batch
from poseflow.detect.factory import make_detector
from poseflow.detect.protocol import PosePredictor
from poseflow.draw import check_not_source, check_picture_path, draw_contact_sheet, draw_overlay
from poseflow.errors import FileFormatError
from poseflow.load import EmbedSettings, embed_file
from poseflow.output import check_writable, make_folder
from poseflow.records import EmbeddedClip
from poseflow.store import is_clip_file, read_clip, write_clip
from poseflow.video_writer import check_video_path


@dataclass(frozen=True)
class EmbedReport:
    """What is told of a file that was embedded.

    Attributes:
        output: The saved clip.
        clip: What is in it.
        seconds: Wall time of detecting, tracking, embedding and saving; the program's start and drawings come on top.
        is_skipped: Whether it was there already, and was left as it is.
    """

    output: Path
    clip: EmbeddedClip
    seconds: float
    is_skipped: bool = False

    def to_json(self) -> dict[str, Any]:
        """The object that `poseflow embed --json` prints; a person's frames go from the first to the last sighting."""
        metadata = self.clip.metadata
        return {
            "output": str(self.output),
            "frames": metadata.frames,
            "people": [
                {"person_id": e.person_id, "frames": len(e.time_s), "valid": int(e.valid.sum())}
                for e in self.clip.embeddings
            ],
            "detector": metadata.detector.signature if metadata.detector else None,
            "model": metadata.model.name if metadata.model else None,
            "seconds": round(self.seconds, 3),
            "skipped": self.is_skipped,
        }

    def to_text(self) -> str:
        """One line for the terminal."""
        people = ", ".join(f"{e.person_id} ({e.valid.sum()} embedded)" for e in self.clip.embeddings)
        how = "was there already" if self.is_skipped else f"embedded in {self.seconds:.1f} s"
        return f"{self.output}: {self.clip.metadata.frames} frames, person {people}; {how}"


def save_embedded(
    output: str | Path, make_clip: Callable[[], EmbeddedClip], *, source: str | Path | None = None
) -> EmbedReport:
    """Makes a clip and saves it, after a check that the output can be written.

    Args:
        output: The .parquet to be written.
        make_clip: Does the work.
        source: The file that it reads; None = a webcam.

    Raises:
        ValueError: `output` is not named .parquet.
        OutputError: `output` cannot be written, or is `source`.
    """
    if not is_clip_file(output):
        raise ValueError(f"{output}: a saved clip is a .parquet; end the name in .parquet")
    if source is not None:
        check_not_source(output, source)
    check_writable(output)
    start_s = time.monotonic()
    clip = make_clip()
    write_clip(output, clip)
    return EmbedReport(Path(output), clip, time.monotonic() - start_s)


def embed_to_file(
    source: str | Path,
    output: str | Path,
    *,
    overlay: str | Path | None = None,
    contact_sheet: str | Path | None = None,
    skip_existing: bool = False,
    get_detector: Callable[[], PosePredictor] = make_detector,
    **settings: Unpack[EmbedSettings],
) -> EmbedReport:
    """Embeds one file into `output`, and draws what was asked for; nothing is done if an output cannot be written.

    Args:
        source: A video, or a .parquet of keypoints.
        output: The .parquet to be written.
        overlay: An .mp4 with skeletons and ids drawn on the video.
        contact_sheet: A picture of every person that was kept.
        skip_existing: Whether an `output` that is whole, and of this film, embedding model and smoothing, is left as it
            is; span and detector are not looked at.
        get_detector: As `poseflow.load.embed_file`.
        settings: Those of `poseflow.embed.embed_video`.
    """
    _check_drawings(source, overlay, contact_sheet)
    saved = _saved_clip(output, source, settings) if skip_existing else None
    if saved is None:
        make_clip = partial(embed_file, source, get_detector=get_detector, **settings)
        report = save_embedded(output, make_clip, source=source)
    else:
        report = EmbedReport(Path(output), saved, 0.0, is_skipped=True)
    if contact_sheet is not None:
        draw_contact_sheet(source, report.clip.tracks, contact_sheet)
    if overlay is not None:
        span = {name: settings[name] for name in ("start_s", "end_s", "stride_s", "show_progress") if name in settings}
        draw_overlay(source, report.clip.tracks, overlay, **cast(dict[str, Any], span))
    return report


def output_file(source: str | Path, output: str | Path) -> Path:
    """Where the result of one file goes: `output` if it is named .parquet, else a file in the folder `output`.

    Raises:
        OutputError: The folder cannot be made.
    """
    if is_clip_file(output):
        return Path(output)
    (job,) = plan_jobs([source], output)
    make_folder(job.target.parent)
    return job.target


def embed_batch(
    sources: Sequence[str | Path],
    folder: str | Path,
    *,
    skip_existing: bool = False,
    get_detector: Callable[[], PosePredictor] = make_detector,
    **settings: Unpack[EmbedSettings],
) -> BatchReport[EmbedReport]:
    """Embeds files, and the videos of folders, into `folder`; a file that fails does not stop the others.

    Raises:
        VideoError: A folder has no videos in it.
        ValueError: Two inputs would be written to one file, or `folder` is named like a file.
        OutputError: `folder` cannot be written.
    """
    jobs = plan_jobs(sources, folder)
    if is_clip_file(folder):
        raise ValueError(f"{folder}: several files are embedded into a folder, and this is the name of a file")
    for parent in sorted({job.target.parent for job in jobs}):
        make_folder(parent)

    def work(job: Job) -> EmbedReport:
        return embed_to_file(job.source, job.target, skip_existing=skip_existing, get_detector=get_detector, **settings)

    return run_batch(jobs, work)


def _check_drawings(source: str | Path, overlay: str | Path | None, contact_sheet: str | Path | None) -> None:
    if overlay is not None:
        check_video_path(overlay)
    if contact_sheet is not None:
        check_picture_path(contact_sheet)
    for path in (overlay, contact_sheet):
        if path is not None:
            check_not_source(path, source)
            check_writable(path)


def _saved_clip(path: str | Path, source: str | Path, settings: EmbedSettings) -> EmbeddedClip | None:
    """The clip saved at `path`, if it is whole, and of the source and the settings asked for."""
    try:
        clip = read_clip(path)
    except FileFormatError:
        return None
    made, embedder = clip.metadata, settings.get("embedder")
    is_same_model = embedder is None or (made.model is not None and made.model.sha256 == embedder.sha256)
    is_same_film = made.source == Path(source).name and made.is_smoothed == settings.get("smooth", True)
    return clip if is_same_model and is_same_film else None
