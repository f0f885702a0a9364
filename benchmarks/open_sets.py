"""The retrieval benchmark's poses and views: open motion capture under fixed rigs, or a multi-view data set.

Inputs: GT (projected 2D), D0 (plain Gaussian noise), D1 (a detector model); each drawn once from a seed. A set with a
detector's own keypoints has that one input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from vvipe.cameras import TRAINING_RIG, UNSEEN_RIG, Rig
from vvipe.datasets.mocap import MocapSequence, read_npz, resample
from vvipe.datasets.multiview import MultiViewSet
from vvipe.datasets.splits import official_only, select
from vvipe.detector_noise import add_detector_noise
from vvipe.errors import FileFormatError
from vvipe.geometry import normalize_2d, normalize_3d
from vvipe.noise import add_gaussian_noise
from vvipe.pose_matches import PoseMatcher, deduplicate
from vvipe.retrieval import view_poses

RATE_HZ = 5.0
SOURCES = ("GT", "D0", "D1")
DETECTED = "detected"
CMU_FILES, HDM05_FILE = ("cmu.npz", "cmu_more.npz"), "hdm05.npz"
Part = Literal["train", "carve-out", "test", "hdm05"]


class Input(NamedTuple):
    """What the systems are given of a set.

    Attributes:
        source: GT, D0, D1 or detected.
        keypoints: (C, N, 13, 2) normalised; NaN = missing.
        scores: (C, N, 13).
        valid: (C, N) whether the keypoints could be normalised; others are never retrieved and find nothing.
    """

    source: str
    keypoints: Float[Tensor, "C N 13 2"]
    scores: Float[Tensor, "C N 13"]
    valid: Tensor


@dataclass(frozen=True)
class RetrievalSet:
    """Poses, the cameras that see them, and the columns of the table that they fill.

    Attributes:
        views: Its `take` numbers index `take_names`, the recordings that the bootstrap draws.
        columns: Camera pairs of `MultiViewSet.camera_pairs` -> column, e.g. ``{"unseen": "HDM05 unseen"}``.
    """

    views: MultiViewSet
    take_names: tuple[str, ...]
    columns: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.views.name

    def __len__(self) -> int:
        return len(self.views.poses)

    @cached_property
    def matcher(self) -> PoseMatcher:
        """What is the same pose, shared by all systems, inputs and camera pairs."""
        return PoseMatcher(self.views.poses)

    def inputs(self, *, seed: int, sources: Sequence[str] | None = None) -> Iterator[Input]:
        """The set's inputs, or those of `sources`; the same seed gives the same noise."""
        if self.views.scores is not None:
            yield _normalized(DETECTED, self.views.keypoints, self.views.scores)
            return
        clean = torch.stack([normalize_2d(camera)[0] for camera in self.views.keypoints])
        for source in SOURCES if sources is None else sources:
            yield _normalized(source, *_spoil(clean, source, seed))


def _spoil(clean: Float[Tensor, "C N 13 2"], source: str, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    certain = torch.ones(clean.shape[:3])
    if source == "GT":
        return clean, certain
    if source == "D0":
        return torch.stack([add_gaussian_noise(camera, generator=generator) for camera in clean]), certain
    if source == "D1":
        noisy, scores = zip(*(add_detector_noise(camera, generator=generator) for camera in clean), strict=True)
        return torch.stack(noisy), torch.stack(scores)
    raise ValueError(f"source: expected one of {', '.join(SOURCES)}, got {source!r}")


def _normalized(source: str, keypoints: Float[Tensor, "C N 13 2"], scores: Float[Tensor, "C N 13"]) -> Input:
    parts = [normalize_2d(camera) for camera in keypoints]
    return Input(source, torch.stack([p[0] for p in parts]), scores, torch.stack([p[1] for p in parts]))


def recording_of(take: MocapSequence) -> str:
    """The recording that a take was cut from, the unit of the bootstrap.

    HDM05's clips are single repetitions out of longer takes of one actor doing one thing; pieces of a CMU take carry
    -1, -2 after its name.
    """
    if take.name.startswith("HDM"):
        return f"{take.subject} {take.label}"
    return re.sub(r"-\d+$", "", take.name)


def make_set(
    name: str,
    sequences: Sequence[MocapSequence],
    rig: Rig,
    *,
    columns: Mapping[str, str] | None = None,
    max_poses: int | None = None,
) -> RetrievalSet:
    """The takes at 5 Hz without near-duplicates under a rig; of more than `max_poses`, that many evenly spaced.

    Args:
        columns: By default the set's name with each choice of camera pairs.
    """
    takes = [torch.from_numpy(resample(sequence, RATE_HZ).poses) for sequence in sequences]
    poses = normalize_3d(torch.cat(takes))
    clip = torch.repeat_interleave(torch.tensor([len(take) for take in takes]))
    kept = deduplicate(poses, clip)
    if max_poses is not None and len(kept) > max_poses:
        kept = kept[torch.linspace(0, len(kept) - 1, max_poses).round().long()]
    names = [recording_of(sequence) for sequence in sequences]
    unique = sorted(set(names))
    recording = torch.tensor([unique.index(recording) for recording in names])
    views = MultiViewSet(
        name, poses[kept], view_poses(poses[kept], rig), None, rig.chest, recording[clip[kept]].to(torch.int64)
    )
    return RetrievalSet(views, tuple(unique), columns or _default_columns(views))


def from_multiview(views: MultiViewSet) -> RetrievalSet:
    """A multi-view data set with a column for each of its choices of camera pairs."""
    numbers, take = views.take.unique(return_inverse=True)
    views = replace(views, take=take)
    return RetrievalSet(views, tuple(f"take {number}" for number in numbers.tolist()), _default_columns(views))


def _default_columns(views: MultiViewSet) -> dict[str, str]:
    return {pairs: f"{views.name} {pairs}" for pairs in views.camera_pairs()}


def open_sets(mocap: Path, *, official: bool = False) -> list[RetrievalSet]:
    """The open benchmark: CMU's seen test under the four training cameras, HDM05 under eleven others.

    Args:
        mocap: Folder with cmu.npz, cmu_more.npz and hdm05.npz.
        official: Only the takes that the official ASF/AMC files give exactly, which anyone can rebuild with
            `poseflow data`; one of the two CMU files is enough then. The CMU column is named apart.
    """
    names = [name for name in CMU_FILES if not official or (mocap / name).is_file()] or CMU_FILES[:1]
    cmu = read_part(mocap, "test", names=names)
    label = "CMU seen"
    if official:
        cmu, label = official_only(cmu), "CMU seen, official takes"
        if not cmu:
            raise FileFormatError(f"{mocap}: no official CMU take of the test there; `poseflow data cmu` makes them")
    return [
        make_set("CMU test", cmu, TRAINING_RIG, columns={"all": label}),
        make_set(
            "HDM05",
            read_part(mocap, "hdm05"),
            UNSEEN_RIG,
            columns={"all": "HDM05 all", "unseen": "HDM05 unseen"},
        ),
    ]


def carve_out_sets(mocap: Path, *, max_poses: int = 1000) -> list[RetrievalSet]:
    """What choices are made on: CMU people kept aside, under the four training cameras and under the eleven."""
    takes = read_part(mocap, "carve-out")
    return [
        make_set("carve-out", takes, TRAINING_RIG, columns={"all": "carve-out seen"}, max_poses=max_poses),
        make_set("carve-out", takes, UNSEEN_RIG, columns={"unseen": "carve-out unseen"}, max_poses=max_poses),
    ]


def read_part(mocap: Path, part: Part, *, names: Sequence[str] | None = None) -> list[MocapSequence]:
    """The takes of one part of CMU's people, or HDM05's.

    Args:
        mocap: Folder with cmu.npz and cmu_more.npz, or hdm05.npz.
        names: The files to read; by default all of that source.

    Raises:
        FileFormatError: A file is missing or damaged, or has no take of that part.
    """
    names = names or ((HDM05_FILE,) if part == "hdm05" else CMU_FILES)
    takes = _read(mocap, names)
    takes = takes if part == "hdm05" else select(takes, part)
    if not takes:
        whose = "HDM05" if part == "hdm05" else f"CMU's {part} people"
        raise FileFormatError(
            f"{mocap}: no take of {whose} in {', '.join(names)}; `poseflow data` makes these files from the official "
            "downloads"
        )
    return takes


def _read(folder: Path, names: Sequence[str]) -> list[MocapSequence]:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise FileFormatError(
            f"{folder}: {', '.join(missing)} missing; the open benchmark reads {', '.join((*CMU_FILES, HDM05_FILE))} "
            "there (`poseflow data` makes files of that kind from the official downloads)"
        )
    return [take for name in names for take in read_npz(folder / name)]
