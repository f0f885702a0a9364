"""Other people's keypoints as our tracks, whatever program wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from numpy.typing import ArrayLike

from poseflow.formats.coco_json import CocoJson
from poseflow.formats.deeplabcut import DeepLabCut
from poseflow.formats.mediapipe_landmarks import MediaPipeLandmarks
from poseflow.formats.mmpose_json import MMPoseJson
from poseflow.formats.openpose import OpenPoseJson
from poseflow.formats.protocol import ImportOptions, KeypointFormat
from poseflow.formats.sightings import to_tracks
from poseflow.formats.sleap import SleapAnalysis
from poseflow.formats.source import KeypointSource
from poseflow.records import PoseTrack

FORMATS: tuple[KeypointFormat, ...] = (
    MMPoseJson(),
    CocoJson(),
    OpenPoseJson(),
    DeepLabCut(),
    SleapAnalysis(),
    MediaPipeLandmarks(),
)
"""Every known format, in the order in which `auto` asks them."""


def import_keypoints(
    path: str | Path,
    *,
    format: str = "auto",
    fps: float | None = None,
    times: ArrayLike | None = None,
    size: tuple[int, int] | None = None,
    joint_map: Mapping[str, str] | None = None,
) -> list[PoseTrack]:
    """The people of a keypoint file as tracks in COCO-17 order; NaN = not seen.

    People keep the identities of the file (SLEAP tracks, DeepLabCut individuals, track ids); where it has none, they
    are joined from frame to frame by `poseflow.tracking.track_people`, which drops who is seen too shortly. Boxes that
    the file lacks are drawn around the joints. A confidence that is not stated is 1, one above 1 is cut to 1.

    Args:
        path: A file, or the folder of OpenPose's files.
        format: Name of one of `FORMATS`, or ``auto``.
        fps: Frame rate of the video; needed where the file has neither times nor a rate, and before both.
        times: Instead of `fps`, seconds of every frame of the video, indexed by frame number.
        size: (width, height) of the video in pixels; needed for coordinates that are fractions of it.
        joint_map: Name in the file -> COCO-17 name, for joints whose names are not recognised.

    Raises:
        ValueError: A setting is wrong, or `fps` and `times` are both given.
        FileFormatError: The file is missing, damaged, of no known format, or leaves open what is not given.
        PackageError: An HDF5 file, and h5py is not installed.
    """
    if fps is not None and times is not None:
        raise ValueError("give fps or times, not both")
    options = ImportOptions(size=size, joint_map=joint_map)
    known = {candidate.name: candidate for candidate in FORMATS}
    if format != "auto" and format not in known:
        raise ValueError(f"format: unknown {format!r}; known: auto, {', '.join(known)}")
    source = KeypointSource(Path(path))
    reader = detect_format(source) if format == "auto" else known[format]
    return to_tracks(source.path, reader.read(source, options), fps=fps, times=times)


def detect_format(source: KeypointSource) -> KeypointFormat:
    """The first of `FORMATS` that the file looks like.

    Raises:
        FileFormatError: It looks like none of them, or is damaged.
    """
    for candidate in FORMATS:
        if candidate.detects(source):
            return candidate
    known = "; ".join(f"{candidate.name}: {candidate.description}" for candidate in FORMATS)
    raise source.error(f"no known format of keypoints. Known are {known}")
