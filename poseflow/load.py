"""A clip of embeddings from whatever there is: a video, a file of keypoints, or a clip that was saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack, cast

from poseflow.decoding import check_file
from poseflow.detect.factory import make_detector
from poseflow.detect.protocol import PosePredictor
from poseflow.embed import embed_keypoints_file, embed_video
from poseflow.errors import VideoError
from poseflow.records import EmbeddedClip
from poseflow.store import is_clip_file, is_embedded, read_clip
from poseflow.video import probe

if TYPE_CHECKING:
    from vvipe.embedder import Embedder


class KeypointSettings(TypedDict, total=False):
    """Settings of `poseflow.embed.embed_keypoints_file`; its defaults hold for those that are left out."""

    embedder: Embedder | None
    person: str
    smooth: bool
    command: str | None


class EmbedSettings(KeypointSettings, total=False):
    """Settings of `poseflow.embed.embed_video` beside the detector; its defaults hold for those that are left out."""

    start_s: float | None
    end_s: float | None
    stride_s: float | None
    show_progress: bool


def load_clip(
    path: str | Path, *, get_detector: Callable[[], PosePredictor] = make_detector, **settings: Unpack[EmbedSettings]
) -> EmbeddedClip:
    """The clip of a saved .parquet as it was saved; any other file is embedded, as `embed_file` does."""
    if is_clip_file(path) and is_embedded(path):
        _refuse_span(path, settings)
        return read_clip(path)
    return embed_file(path, get_detector=get_detector, **settings)


def embed_file(
    path: str | Path, *, get_detector: Callable[[], PosePredictor] = make_detector, **settings: Unpack[EmbedSettings]
) -> EmbeddedClip:
    """The people of a video, or of a .parquet of keypoints, with new embeddings.

    Args:
        path: The file.
        get_detector: Makes the detector; not called for keypoints.
        settings: Those of `poseflow.embed.embed_video`.

    Raises:
        ValueError: A span was asked of a .parquet.
        VideoError, FileFormatError: The file cannot be read.
        NothingToScoreError: No person was found, or nobody is seen well enough to embed.
    """
    if Path(path).is_dir():
        raise VideoError(f"{path}: a folder; name a video in it")
    if not is_clip_file(path):
        check_clip(path)
        return embed_video(path, detector=get_detector(), **settings)
    _refuse_span(path, settings)
    own = {name: value for name, value in settings.items() if name in KeypointSettings.__annotations__}
    return embed_keypoints_file(path, **cast(KeypointSettings, own))


def check_clip(path: str | Path) -> None:
    """Raises VideoError where there is no such file, or no video in it: before a detector is loaded or downloaded."""
    if is_clip_file(path):
        check_file(Path(path))
    else:
        probe(path)


def _refuse_span(path: str | Path, settings: EmbedSettings) -> None:
    if any(settings.get(name) is not None for name in ("start_s", "end_s", "stride_s")):
        raise ValueError(f"{path}: start, end and stride cut videos; make the .parquet of the span that you want")
