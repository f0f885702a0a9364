"""Saved tracks for other programs: movement's netCDF, OpenPose's and COCO's JSON, DeepLabCut's CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from poseflow.errors import FileFormatError
from poseflow.formats.coco_writer import write_coco
from poseflow.formats.deeplabcut_writer import write_deeplabcut
from poseflow.formats.movement_writer import write_movement
from poseflow.formats.openpose_writer import write_openpose
from poseflow.formats.tracks_by_frame import by_frame
from poseflow.people import choose_people
from poseflow.records import ClipMetadata, PoseTrack
from poseflow.store import is_clip_file, read_metadata, read_tracks

EXPORT_ENDINGS: Mapping[str, str] = {".nc": "movement", ".json": "coco", ".csv": "deeplabcut", "": "openpose"}
"""Ending of the output -> format; without one it is a folder."""
EXPORT_FORMATS: tuple[str, ...] = tuple(sorted(EXPORT_ENDINGS.values()))


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes:
        output: The file or folder.
        format: One of EXPORT_FORMATS.
        frames: Frames in it.
        people: Ids of the people in it.
        fps: Frames a second of the video, by which frames are numbered; None where its rate is not constant, or it has
            one frame.
    """

    output: str
    format: str
    frames: int
    people: tuple[int, ...]
    fps: float | None

    def to_json(self) -> dict[str, Any]:
        """The object that `poseflow export --json` prints."""
        return asdict(self) | {"people": list(self.people)}

    def to_text(self) -> str:
        """The same in one line."""
        rate = "no constant frame rate" if self.fps is None else f"{self.fps:.6g} fps"
        people = ", ".join(map(str, self.people))
        return f"{self.output}: {self.format}, {self.frames} frames, {rate}, people {people}"


def export_format(output: str | Path, format: str | None = None) -> str:
    """The format that the ending of `output` means, unless `format` names one; ValueError where it means none."""
    if format is not None:
        if format not in EXPORT_FORMATS:
            raise ValueError(f"format: unknown {format!r}; known: {', '.join(EXPORT_FORMATS)}")
        return format
    suffix = "" if Path(output).is_dir() else Path(output).suffix.lower()
    if suffix not in EXPORT_ENDINGS:
        known = ", ".join(f"{ending or 'a folder'} ({meant})" for ending, meant in EXPORT_ENDINGS.items())
        raise ValueError(f"{output}: no known ending for tracks; use {known}")
    return EXPORT_ENDINGS[suffix]


def export_tracks(
    output: str | Path,
    tracks: Sequence[PoseTrack],
    *,
    format: str | None = None,
    name: str = "clip",
    metadata: ClipMetadata | None = None,
) -> ExportReport:
    """Writes tracks in another program's format; the file or folder appears whole or not at all.

    Args:
        output: A file, or for OpenPose a new folder.
        tracks: COCO-17 keypoints, one track a person.
        format: One of EXPORT_FORMATS, before the ending.
        name: What OpenPose's files and COCO's images are called.
        metadata: How the clip was made; size and source go into the formats that have a place for them.

    Raises:
        ValueError: No format is meant, a track is not COCO-17, or an id is there twice.
        NothingToScoreError: Nobody was ever seen.
        FileFormatError: Frame numbers, times or ids are not what the format can hold.
        OutputError: The output cannot be written.
    """
    chosen = export_format(output, format)
    clip = by_frame(tracks)
    target = Path(output)
    writers: Mapping[str, Callable[[], None]] = {
        "movement": lambda: write_movement(target, clip, metadata=metadata),
        "openpose": lambda: write_openpose(target, clip, name=name),
        "coco": lambda: write_coco(target, clip, name=name, metadata=metadata),
        "deeplabcut": lambda: write_deeplabcut(target, clip),
    }
    writers[chosen]()
    return ExportReport(str(output), chosen, len(clip.index), tuple(t.person_id for t in clip.tracks), clip.fps)


def export_file(
    source: str | Path, output: str | Path, *, format: str | None = None, person: str = "all"
) -> ExportReport:
    """`export_tracks` of a saved .parquet, with or without embeddings in it.

    Args:
        source: The .parquet.
        output: As `export_tracks`.
        format: As `export_tracks`.
        person: One of `poseflow.people.PERSON_CHOICES`.

    Raises:
        ValueError: As `export_tracks`; also a choice that means nobody.
        FileFormatError: As `export_tracks`; also a source that is no .parquet of keypoints.
        NothingToScoreError, OutputError: As `export_tracks`.
    """
    export_format(output, format)
    if not is_clip_file(source):
        raise FileFormatError(f"{source}: no .parquet; save the tracks first: poseflow embed {source} -o clip.parquet")
    metadata = read_metadata(source)
    size = None if metadata is None else metadata.size
    tracks = choose_people(read_tracks(source), person=person, frame_size=size)
    return export_tracks(output, tracks, format=format, name=Path(source).stem, metadata=metadata)
