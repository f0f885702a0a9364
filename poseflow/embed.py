"""From a video, a webcam or a file of keypoints to the embeddings of the people in it.

Pictures stream: frames -> detector -> tracking, so memory grows with the keypoints, not with the pictures.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poseflow.detect.factory import make_detector
from poseflow.detect.protocol import ModelFile, PosePredictor
from poseflow.errors import NothingToScoreError
from poseflow.formats.importer import import_keypoints
from poseflow.metadata import package_versions
from poseflow.people import check_person, choose_people
from poseflow.progress import time_progress
from poseflow.records import ClipMetadata, EmbeddedClip, EmbeddingTrack, Frame, PoseTrack
from poseflow.smoothing import smooth_track
from poseflow.store import read_metadata, read_tracks
from poseflow.tracking import track_people
from poseflow.unswap import unswap_track
from poseflow.video import probe, read_frames, read_webcam
from vvipe.skeleton import COCO17, conversion_indices

if TYPE_CHECKING:
    from vvipe.embedder import Embedder


def embed_video(
    path: str | Path,
    *,
    detector: str | PosePredictor = "auto",
    embedder: Embedder | None = None,
    person: str = "all",
    smooth: bool = True,
    start_s: float | None = None,
    end_s: float | None = None,
    stride_s: float | None = None,
    command: str | None = None,
    show_progress: bool = False,
) -> EmbeddedClip:
    """The people of a video with their raw keypoints and embeddings.

    Args:
        path: A video file.
        detector: ``auto``, ``mmpose``, ``blazepose``, or a detector of your own.
        embedder: Default: the shipped model.
        person: Whom to keep: ``all``, or a rule of `poseflow.people.choose_people`; with all of them, the saved clip
            serves any later choice.
        smooth: Whether what is embedded is smoothed; the keypoints in the result are raw either way.
        start_s: Start of the span, presentation time.
        end_s: End of the span; it is not in the span.
        stride_s: Shortest time between two frames that are looked at; None = all frames.
        command: Command line to be stored with the result.
        show_progress: Whether to show progress on stderr where that is a terminal.

    Raises:
        VideoError: The video cannot be read.
        NothingToScoreError: No person was found, or nobody is seen well enough to embed.
    """
    check_person(person)
    embedder = embedder or shipped_embedder()  # before the long work
    video = probe(path)
    frames = read_frames(path, start_s=start_s, end_s=end_s, stride_s=stride_s)
    last_s = video.duration_s if end_s is None else end_s
    progress = _Progress(Path(path).name, start_s or 0.0, last_s) if show_progress else None
    predictor = make_detector(detector) if isinstance(detector, str) else detector
    tracks, seen = _follow_people(frames, predictor, progress=progress)
    metadata = ClipMetadata(
        source=Path(path).name,
        frames=seen.frames,
        size=(video.width, video.height),
        rotation_deg=video.rotation_deg,
        duration_s=video.duration_s,
        time_base=video.time_base,
        detector=predictor.info,
        command=command,
    )
    return embed_people(tracks, metadata=metadata, embedder=embedder, person=person, smooth=smooth)


def embed_webcam(
    index: int,
    *,
    should_stop: Callable[[], bool],
    duration_s: float | None = None,
    detector: str | PosePredictor = "auto",
    embedder: Embedder | None = None,
    person: str = "all",
    smooth: bool = True,
    command: str | None = None,
    show_progress: bool = False,
) -> EmbeddedClip:
    """The people before a webcam, until `should_stop()` or for `duration_s`; other arguments as `embed_video`.

    Raises:
        VideoError: There is no such webcam.
        NothingToScoreError: No person was found, or nobody is seen well enough to embed.
    """
    check_person(person)
    embedder = embedder or shipped_embedder()
    predictor = make_detector(detector) if isinstance(detector, str) else detector
    frames = _until(read_webcam(index, duration_s=duration_s), should_stop)
    source = f"webcam {index}"
    progress = _Progress(source, 0.0, duration_s) if show_progress else None
    tracks, seen = _follow_people(frames, predictor, progress=progress)
    metadata = ClipMetadata(source=source, frames=seen.frames, size=seen.size, detector=predictor.info, command=command)
    return embed_people(tracks, metadata=metadata, embedder=embedder, person=person, smooth=smooth)


def embed_keypoints_file(
    path: str | Path,
    *,
    embedder: Embedder | None = None,
    person: str = "all",
    smooth: bool = True,
    command: str | None = None,
) -> EmbeddedClip:
    """The people of a .parquet of keypoints, embedded; other arguments as `embed_video`.

    Args:
        path: Somebody's own keypoints (`poseflow.store.read_tracks`), or a saved clip, whose embeddings are made anew.
    """
    tracks = read_tracks(path)
    known = read_metadata(path) or ClipMetadata(source=Path(path).name, frames=count_frames(tracks))
    metadata = replace(known, command=command)
    return embed_people(tracks, metadata=metadata, embedder=embedder, person=person, smooth=smooth)


def embed_imported(
    path: str | Path,
    *,
    format: str = "auto",
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    joint_map: Mapping[str, str] | None = None,
    embedder: Embedder | None = None,
    person: str = "all",
    smooth: bool = True,
    command: str | None = None,
) -> EmbeddedClip:
    """The people of a keypoint file of another program, embedded; other arguments as `embed_video`.

    Args:
        path: A file, or a folder of OpenPose's.
        format, fps, size, joint_map: As `poseflow.formats.import_keypoints`.

    Raises:
        FileFormatError: The file cannot be read, or leaves open what `fps`, `size` or `joint_map` would tell.
        NothingToScoreError: There is nobody in it, or nobody is seen well enough to embed.
    """
    tracks = import_keypoints(path, format=format, fps=fps, size=size, joint_map=joint_map)
    metadata = ClipMetadata(source=Path(path).name, frames=count_frames(tracks), size=size, command=command)
    return embed_people(tracks, metadata=metadata, embedder=embedder, person=person, smooth=smooth)


def embed_people(
    tracks: Sequence[PoseTrack],
    *,
    metadata: ClipMetadata,
    embedder: Embedder | None = None,
    person: str = "all",
    smooth: bool = True,
) -> EmbeddedClip:
    """The chosen people with their embeddings; `metadata` says where the tracks come from, the rest of it is filled in.

    Raises:
        NothingToScoreError: There is nobody, or nobody is seen well enough to embed.
    """
    if not tracks:
        raise NothingToScoreError(
            f"{metadata.source}: no person was found in {metadata.frames} frames; "
            "try another --detector, or a clip in which a whole person is seen"
        )
    chosen = tuple(_as_coco17(track) for track in choose_people(tracks, person=person, frame_size=metadata.size))
    embedder = embedder or shipped_embedder()
    embeddings = embed_tracks(chosen, embedder, smooth=smooth)
    if not any(embedding.valid.any() for embedding in embeddings):
        raise NothingToScoreError(
            f"{metadata.source}: {len(chosen)} people were found, but never with enough of shoulders, hips and limbs "
            "in view to embed; take a clip that shows the whole body"
        )
    made = replace(
        metadata,
        model=ModelFile(embedder.model_id, embedder.sha256),
        is_smoothed=smooth,
        versions=package_versions(),
    )
    return EmbeddedClip(chosen, embeddings, made)


def embed_tracks(tracks: Sequence[PoseTrack], embedder: Embedder, *, smooth: bool = True) -> tuple[EmbeddingTrack, ...]:
    """The embeddings of each track, frame by frame, of the raw keypoints or of `steady_track`s."""
    return tuple(_embed_track(steady_track(track) if smooth else track, embedder) for track in tracks)


def steady_track(track: PoseTrack) -> PoseTrack:
    """The track as it is embedded where smoothing is on: exchanged sides put right, then smoothed."""
    return smooth_track(unswap_track(track))


def _embed_track(track: PoseTrack, embedder: Embedder) -> EmbeddingTrack:
    prediction = embedder.predict(track.keypoints, track.scores, track.skeleton)
    return EmbeddingTrack(
        person_id=track.person_id,
        time_s=track.time_s,
        vectors=prediction.vectors,
        uncertainty=prediction.uncertainty,
        valid=prediction.valid,
        model=embedder.model_id,
        root_rotation=prediction.root_rotation,
    )


def count_frames(tracks: Sequence[PoseTrack]) -> int:
    """Number of different frames in `tracks`."""
    return len(np.unique(np.concatenate([track.index for track in tracks]))) if tracks else 0


def shipped_embedder() -> Embedder:
    """The model that ships with the package."""
    from vvipe.embedder import Embedder  # imports torch, which takes a second

    return Embedder.from_pretrained()


def _as_coco17(track: PoseTrack) -> PoseTrack:
    order = conversion_indices(track.skeleton, COCO17)
    return replace(track, skeleton=COCO17, keypoints=track.keypoints[:, order], scores=track.scores[:, order])


@dataclass(frozen=True)
class _Progress:
    label: str
    start_s: float
    end_s: float | None


@dataclass
class _Seen:
    """What has gone by: the number of frames, and (width, height) of the last one."""

    frames: int = 0
    size: tuple[int, int] | None = None


def _follow_people(
    frames: Iterator[Frame], predictor: PosePredictor, *, progress: _Progress | None
) -> tuple[list[PoseTrack], _Seen]:
    """The people of `frames`, and how many frames there were; `frames` is closed whatever happens."""
    seen = _Seen()
    with closing(_noting(frames, seen)) as noted:
        poses = predictor.predict(noted)
        if progress is not None:
            poses = time_progress(poses, label=progress.label, start_s=progress.start_s, end_s=progress.end_s)
        return track_people(poses, skeleton=predictor.skeleton), seen


def _noting(frames: Iterator[Frame], seen: _Seen) -> Generator[Frame]:
    """Yields `frames`, taking note of them, and closes their source at the end or when it is closed itself."""
    try:
        for frame in frames:
            seen.frames += 1
            seen.size = (frame.image.shape[1], frame.image.shape[0])
            yield frame
    finally:
        if isinstance(frames, Generator):
            frames.close()


def _until(frames: Iterator[Frame], should_stop: Callable[[], bool]) -> Generator[Frame]:
    try:
        yield from itertools.takewhile(lambda frame: not should_stop(), frames)
    finally:
        if isinstance(frames, Generator):
            frames.close()
