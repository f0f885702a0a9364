"""Lifts a clip into files, one a person, in the format that the file's ending names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poseflow.errors import OutputError
from poseflow.lift import LiftSettings, lift_clip
from poseflow.lifted import FrameState, LiftedTrack
from poseflow.output import check_writable
from poseflow.records import EmbeddedClip

if TYPE_CHECKING:
    from vvipe.embedder import Embedder

NEEDS_METRES = (".bvh", ".trc")
SUFFIXES = (".parquet", ".npz", *NEEDS_METRES)


@dataclass(frozen=True)
class LiftedFile:
    """One person's file."""

    path: Path
    track: LiftedTrack

    def to_json(self) -> dict[str, Any]:
        """The record of `poseflow lift --json`."""
        track = self.track
        return {
            "output": str(self.path),
            "person_id": track.person_id,
            "frames": len(track.time_s),
            "interpolated": track.count(FrameState.INTERPOLATED),
            "held": track.count(FrameState.HELD),
            "frame": track.frame,
            "root_rotation": track.rotation,
            "unit": track.unit,
            "height_m": track.height_m,
        }

    def to_text(self) -> str:
        """One line for the terminal."""
        track = self.track
        filled = f"{track.count(FrameState.INTERPOLATED)} interpolated, {track.count(FrameState.HELD)} held"
        length = self._length_words()
        return f"{self.path}: person {track.person_id}, {len(track.time_s)} frames ({filled}), {track.frame}; {length}"

    def _length_words(self) -> str:
        if self.track.height_m is not None:
            return f"height {self.track.height_m:g} m"
        if self.path.suffix.lower() in NEEDS_METRES:
            return f"height {self.track.in_metres().height_m:g} m is assumed (--height-m)"
        return "torso lengths (--height-m gives metres)"


def check_lift_path(path: str | Path) -> None:
    """Refuses an output that cannot be written, before the long work.

    Raises:
        ValueError: The ending is none of SUFFIXES.
        OutputError: The place cannot be written.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: poseflow lift writes {', '.join(SUFFIXES)} files; choose one of these endings")
    check_writable(path)


def write_lifted(path: str | Path, track: LiftedTrack) -> Path:
    """The file of one person, after writing it; errors as `check_lift_path`."""
    from poseflow.formats.bvh_writer import write_bvh
    from poseflow.formats.lifted_writer import write_lifted_npz, write_lifted_parquet
    from poseflow.formats.trc_writer import write_trc

    check_lift_path(path)
    writers: dict[str, Callable[[Path, LiftedTrack], None]] = {
        ".parquet": write_lifted_parquet,
        ".npz": write_lifted_npz,
        ".bvh": write_bvh,
        ".trc": write_trc,
    }
    writers[Path(path).suffix.lower()](Path(path), track)
    return Path(path)


def lift_to_files(
    load: Callable[[], EmbeddedClip],
    output: str | Path,
    *,
    source: str | Path,
    embedder: Embedder,
    person: str = "all",
    settings: LiftSettings | None = None,
) -> list[LiftedFile]:
    """The files written: `output` for one person, and for several ``NAME.person1.bvh``, ``NAME.person2.bvh``, ...

    Args:
        load: Gives the clip; called after the output was checked.
        output: A path with one of SUFFIXES.
        source: What the clip is read from, which is never written over.
        embedder, person, settings: As `lift_clip`.

    Raises:
        ValueError: Unknown ending, or the output is the source.
        OutputError: The output cannot be written.
        NothingToScoreError, ModelMismatchError: As `lift_clip`.
    """
    check_lift_path(output)
    tracks = lift_clip(load(), embedder=embedder, person=person, settings=settings)
    paths = _paths(Path(output), tracks)
    for path in paths:
        if path.resolve() == Path(source).resolve():
            raise OutputError(f"{path} is the clip that is lifted; write somewhere else")
        check_writable(path)
    return [LiftedFile(write_lifted(path, track), track) for path, track in zip(paths, tracks, strict=True)]


def _paths(output: Path, tracks: Sequence[LiftedTrack]) -> list[Path]:
    if len(tracks) == 1:
        return [output]
    return [output.with_name(f"{output.stem}.person{track.person_id}{output.suffix}") for track in tracks]
