"""Recordings of several cameras, the choice of their frames, and the set that retrieval is measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from vvipe.datasets.multiview import MultiViewSet
from vvipe.datasets.text_lines import read_text
from vvipe.errors import FileFormatError
from vvipe.geometry import PELVIS, SPINE, THORAX, normalize_3d
from vvipe.pose_matches import deduplicate

STRIDE = 10
"""Pr-VIPE's keys step by ten frames whatever the frame rate: 5 Hz at 50 frames a second, 2.5 Hz at 25."""

_TORSO = (PELVIS, SPINE, THORAX)


@dataclass(frozen=True)
class ViewedTake:
    """The chosen frames of one recording.

    Attributes:
        subject, name: E.g. ``S9`` and ``Directions 1``, ``S1`` and ``Seq1``.
        world: (T, 17, 3) H36M-17 in metres, z up.
        keypoints: (C, T, 13, 2) COCO-13, x right, y down; NaN = not seen.
        scores: (C, T, 13) of a detector, 1 where it told none; None where the keypoints are no detector's.
    """

    subject: str
    name: str
    world: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    scores: NDArray[np.float64] | None = None


class FrameChoice(Protocol):
    """Which frames of a recording are measured on."""

    def rows(self, subject: str, take: str, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions in `frames`, the numbers (first 0) of the frames that the recording's files have."""


class EveryTenthFrame:
    """Frames 0, 10, 20, ..."""

    def rows(self, subject: str, take: str, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.flatnonzero(frames % STRIDE == 0)


@dataclass(frozen=True)
class FrameKeys:
    """The frames that a file of evaluation keys lists.

    Attributes:
        frames: Frame numbers, rising, by subject and take.
    """

    path: Path
    frames: dict[tuple[str, str], NDArray[np.int64]]

    def rows(self, subject: str, take: str, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        listed = self.frames.get((subject, take), np.zeros(0, np.int64))
        missing = np.setdiff1d(listed, frames)
        if len(missing):
            raise FileFormatError(
                f"{self.path}: lists frame {missing[0]} of {subject} {take}, and {len(missing) - 1} more that the data "
                f"lacks; is the data complete, and are these the keys of this data set?"
            )
        return np.flatnonzero(np.isin(frames, listed))

    def check_complete(self, takes: Iterable[tuple[str, str]], root: Path) -> None:
        """Raises FileFormatError where a listed recording is not among `takes`."""
        missing = sorted(self.frames.keys() - set(takes))
        if missing:
            names = ", ".join(f"{subject} {take}" for subject, take in missing)
            raise FileFormatError(f"{root}: recording(s) that {self.path.name} lists are missing: {names}")


_KEY_FORMATS = {
    4: "SUBJECT:ACTION:CAMERA:FRAME (S11:Directions 1:54138969:000020)",
    5: "SUBJECT:SEQUENCE:VIDEO:CAMERA:FRAME (S1:Seq1:V0:C0:003370)",
}


def read_frame_keys(path: Path, *, fields: int, take_name: Callable[[str], str] = str) -> FrameKeys:
    """The evaluation frames that Pr-VIPE's authors released, from one camera's file (all cameras' have the same).

    Args:
        path: E.g. ``h36m-val-C0.txt`` or ``3dhp-train-C0.txt`` of google-research/poem/pr_vipe/eval/frames.
        fields: Parts of a line: 4 for Human3.6M, 5 for MPI-INF-3DHP.
        take_name: Makes of the file's name of a take the one that the reader gives.

    Raises:
        FileFormatError: The file cannot be read, is empty, or a line has another form.
    """
    frames: dict[tuple[str, str], set[int]] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        parts = line.strip().split(":")
        if parts == [""]:
            continue
        if len(parts) != fields or not parts[-1].isdecimal():
            raise FileFormatError(
                f"{path}, line {number}: expected {_KEY_FORMATS[fields]}, found {line.strip()[:60]!r}"
            )
        frames.setdefault((parts[0], take_name(parts[1])), set()).add(int(parts[-1]))
    return FrameKeys(path, {take: np.array(sorted(numbers)) for take, numbers in frames.items()})


def multi_view_set(
    name: str, takes: Iterable[ViewedTake], *, chest: tuple[int, ...], without_duplicates: bool
) -> MultiViewSet:
    """The takes as one set, poses normalised; the greedy rule of `deduplicate` where the frames were not given.

    Raises:
        FileFormatError: There is no frame, a pose is not known, or there is one camera alone.
    """
    kept = [take for take in takes if len(take.world)]
    if not kept:
        raise FileFormatError(f"{name}: no frame was chosen; are these the keys of this data set?")
    _check_takes(name, kept)
    poses = normalize_3d(torch.from_numpy(np.concatenate([take.world for take in kept])).float())
    numbers = torch.repeat_interleave(torch.tensor([len(take.world) for take in kept]))
    keypoints = torch.from_numpy(np.concatenate([take.keypoints for take in kept], axis=1)).float()
    rows = deduplicate(poses, numbers) if without_duplicates else torch.arange(len(poses))
    told = [take.scores for take in kept if take.scores is not None]
    scores = torch.from_numpy(np.concatenate(told, axis=1)).float()[:, rows] if told else None
    return MultiViewSet(name, poses[rows], keypoints[:, rows], scores, chest, numbers[rows])


def _check_takes(name: str, takes: Iterable[ViewedTake]) -> None:
    """An error that names the recording where poses cannot be normalised or nothing can be compared."""
    for take in takes:
        which = f"{name}: {take.subject} {take.name}"
        known = np.isfinite(take.world).all((1, 2)) & (np.ptp(take.world[:, list(_TORSO)], axis=1).max(-1) > 0)
        if not known.all():
            bad = f"{(~known).sum()} of {len(known)}"
            raise FileFormatError(f"{which}: {bad} chosen poses are NaN or a point; is the download whole?")
        if len(take.keypoints) < 2:
            count = f"{len(take.keypoints)} camera"
            raise FileFormatError(f"{which}: {count}; two at least are needed to find the views of one in another")
