"""The benchmark's motion capture files made anew from the official ASF/AMC downloads, each take checked by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vvipe.datasets.acclaim import DEFAULT_FPS, find_asf, read_acclaim
from vvipe.datasets.cmu_takes import CMU_TAKES
from vvipe.datasets.hdm05_takes import HDM05_TAKES
from vvipe.datasets.mocap import MocapSequence
from vvipe.errors import FileFormatError, OutputError
from vvipe.skeleton import H36M17

STEP = 2
"""Every second frame of the sources' 120 a second is kept."""
Status = Literal["match", "mismatch", "missing", "damaged"]


@dataclass(frozen=True)
class OfficialTake:
    """One take of the benchmark: `frames` kept, one in STEP from the first on, and the SHA-256 of their poses."""

    name: str
    frames: int
    sha256: str

    @property
    def source_frames(self) -> range:
        """Indices of the kept frames in the source file."""
        return range(0, STEP * self.frames, STEP)


@dataclass(frozen=True)
class OfficialSource:
    """A database whose official files give takes of the benchmark.

    Attributes:
        layout: Where a take lies in the download, for messages.
        url: Where the download is had.
    """

    name: str
    takes: tuple[OfficialTake, ...]
    layout: str
    url: str


def _takes(table: str) -> tuple[OfficialTake, ...]:
    rows = (line.split() for line in table.strip().splitlines())
    return tuple(OfficialTake(name, int(frames), sha256) for name, frames, sha256 in rows)


CMU = OfficialSource(
    "cmu",
    _takes(CMU_TAKES),
    "subjects/02/02.asf with subjects/02/02_01.amc",
    "http://mocap.cs.cmu.edu (all subjects, ASF/AMC)",
)
HDM05 = OfficialSource(
    "hdm05",
    _takes(HDM05_TAKES),
    "HDM_bd.asf beside or above HDM_bd_squat1Reps_001_120.amc, in any folder",
    "https://resources.mpi-inf.mpg.de/HDM05 (cut clips, ASF/AMC)",
)
SOURCES = {source.name: source for source in (CMU, HDM05)}


@dataclass(frozen=True)
class RebuiltTake:
    """What became of one take; `detail` says why it is not a match."""

    name: str
    status: Status
    detail: str = ""


@dataclass(frozen=True)
class RebuildReport:
    """What was written, and how each take compares with the array that the benchmark's figures were made on."""

    output: Path
    source: OfficialSource
    takes: tuple[RebuiltTake, ...]

    def count(self, status: Status) -> int:
        return sum(take.status == status for take in self.takes)

    def to_json(self) -> dict[str, Any]:
        takes = [{"name": take.name, "status": take.status, "detail": take.detail} for take in self.takes]
        return {"output": str(self.output), "source": self.source.name, "takes": takes}

    def to_text(self) -> str:
        """Counts, then each take that is no match."""
        written = self.count("match") + self.count("mismatch")
        lines = [
            f"{self.output}: {written} of {len(self.takes)} takes, {self.count('match')} with the benchmark's hash"
        ]
        for status in ("mismatch", "damaged"):
            lines += [f"{status}: {take.name}: {take.detail}" for take in self.takes if take.status == status]
        missing = [take.name for take in self.takes if take.status == "missing"]
        if missing:
            lines += [f"missing: {', '.join(missing)}", f"missing takes are had from {self.source.url}"]
        return "\n".join(lines)


def rebuild(source: str, folder: Path, output: Path) -> RebuildReport:
    """Writes the takes of `source` that lie below `folder` to the .npz `output`, in the benchmark's order.

    Args:
        source: ``cmu`` or ``hdm05``.
        folder: The unpacked official download; its .asf and .amc files may lie in any folders below.
        output: Poses in metres, z up, 60 frames a second, with the arrays of `read_npz` and ``joints``, ``kind``.

    Raises:
        ValueError: Unknown source, or an output that is no .npz.
        FileFormatError: The folder is absent or holds none of the takes.
        OutputError: The output cannot be written.
    """
    if source not in SOURCES:
        raise ValueError(f"source: expected {' or '.join(SOURCES)}, got {source!r}")
    if output.suffix != ".npz":
        raise ValueError(f"output: expected a name that ends in .npz, got {output}")
    official = SOURCES[source]
    files = _find_motions(official, folder)
    rebuilt = [(take, _read(take, files)) for take in official.takes]
    sequences = [found for _, found in rebuilt if isinstance(found, MocapSequence)]
    _write(output, sequences)
    return RebuildReport(output, official, tuple(_compare(take, found) for take, found in rebuilt))


def poses_sha256(sequence: MocapSequence) -> str:
    """SHA-256 of the poses as little-endian float32, frame by frame."""
    return hashlib.sha256(np.ascontiguousarray(sequence.poses, dtype="<f4").tobytes()).hexdigest()


def _find_motions(source: OfficialSource, folder: Path) -> dict[str, Path]:
    """The .amc files below `folder` by lower-case name; an error where none belongs to the benchmark."""
    advice = f"expected {source.layout}; the files are had from {source.url}"
    if not folder.is_dir():
        raise FileFormatError(f"{folder}: no such folder; {advice}")
    motions = {path.stem.lower(): path for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".amc"}
    if not motions:
        raise FileFormatError(f"{folder}: no .amc file in it or below; {advice}")
    if not any(take.name.lower() in motions for take in source.takes):
        found = ", ".join(sorted(path.name for path in motions.values())[:3])
        raise FileFormatError(
            f"{folder}: none of the {len(source.takes)} takes of {source.name} among its {len(motions)} .amc files "
            f"({found}, ...); {advice}"
        )
    return motions


def _read(take: OfficialTake, files: dict[str, Path]) -> MocapSequence | FileFormatError | None:
    """The take cut to the benchmark's frames, the error that stands in the way, or None where it is missing."""
    path = files.get(take.name.lower())
    if path is None:
        return None
    try:
        whole = read_acclaim(path, _skeleton_of(path))
    except FileFormatError as error:
        return error
    kept = whole.poses[: take.source_frames.stop : STEP]
    label = take.name.split("_")[2] if take.name.startswith("HDM_") else ""
    return MocapSequence(take.name, whole.subject, label, DEFAULT_FPS / STEP, kept)


def _skeleton_of(amc: Path) -> Path:
    """The .asf of a take beside it, or else in the nearest folder above (HDM05 keeps one for all of an actor's)."""
    try:
        return find_asf(amc)
    except FileFormatError as error:
        for folder in list(amc.parents)[1:4]:
            fitting = [path for path in folder.glob("*.asf") if amc.stem.startswith(path.stem + "_")]
            if fitting:
                return max(fitting, key=lambda path: len(path.stem))
        raise error


def _compare(take: OfficialTake, found: MocapSequence | FileFormatError | None) -> RebuiltTake:
    if found is None:
        return RebuiltTake(take.name, "missing")
    if isinstance(found, FileFormatError):
        return RebuiltTake(take.name, "damaged", str(found))
    if len(found.poses) != take.frames:
        return RebuiltTake(take.name, "mismatch", f"{len(found.poses)} frames, the benchmark has {take.frames}")
    if poses_sha256(found) != take.sha256:
        return RebuiltTake(take.name, "mismatch", "as many frames, other positions")
    return RebuiltTake(take.name, "match")


def _write(output: Path, sequences: Sequence[MocapSequence]) -> None:
    def column(value: Callable[[MocapSequence], Any], kind: str) -> np.ndarray:
        return np.array([value(sequence) for sequence in sequences], dtype=kind)

    partial = output.with_name(output.name + ".partial")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(
                file,
                poses=_joined(sequence.poses for sequence in sequences),
                lengths=column(lambda s: len(s.poses), "int64"),
                names=column(lambda s: s.name, "str"),
                labels=column(lambda s: s.label, "str"),
                subjects=column(lambda s: s.subject, "str"),
                fps=column(lambda s: s.fps, "int64"),
                joints=np.array(H36M17.joints),
                kind=np.array(["asf"] * len(sequences), dtype=str),
            )
        partial.replace(output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{output}: cannot be written ({error.strerror or error})") from error


def _joined(poses: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros((0, 17, 3), np.float32), *poses])
