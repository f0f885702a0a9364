"""A match as a video: both clips side by side, each moment beside the one that it was matched with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from poseflow.draw import check_not_source, draw_side_by_side
from poseflow.output import check_writable
from poseflow.records import EmbeddedClip, MatchResult
from poseflow.store import is_clip_file
from poseflow.video_writer import check_video_path


def check_overlay(out_path: str | Path, *, ref_path: str | Path, query_path: str | Path) -> None:
    """To be called before the long work that `write_overlay` comes after.

    Raises:
        ValueError: A side is saved keypoints, which have no pictures, or `out_path` is not named as a video.
        OutputError: `out_path` is one of the videos, or cannot be written.
    """
    check_video_path(out_path)
    for path in (ref_path, query_path):
        if is_clip_file(path):
            raise ValueError(f"--overlay: {path} holds no pictures; give the video itself on both sides")
    check_not_source(out_path, ref_path, query_path)
    check_writable(out_path)


def write_overlay(
    out_path: str | Path,
    result: MatchResult,
    *,
    ref_path: str | Path,
    ref: EmbeddedClip,
    query_path: str | Path,
    query: EmbeddedClip,
) -> None:
    """Writes the two matched people side by side; `ref` and `query` are the clips that gave `result`."""
    check_overlay(out_path, ref_path=ref_path, query_path=query_path)
    draw_side_by_side(
        ref_path,
        ref.person(result.ref_person)[0],
        query_path,
        query.person(result.query_person)[0],
        np.stack([result.ref_s, result.query_s], axis=1),
        out_path,
    )
