"""Long sequences of known actions, as cameras see them: HDM05 and mocap6 for reports, CMU for choosing settings.

Settings are chosen on compositions of `development` alone.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.composition_plan import Data
from poseflow_benchmarks.mocap_clips import Noise, View, film, random_view
from poseflow_benchmarks.movement_clips import Clips, clips_of
from poseflow_benchmarks.synthetic_sequences import IDLE, Part, Sequence3D, compose

from poseflow.embed import steady_track
from poseflow.errors import FileFormatError
from poseflow.records import PoseTrack
from vvipe.datasets.mocap import MocapSequence, read_npz

RATE_HZ = 30.0
LYING_UP = 0.5
"""Least height of the trunk's direction at which a person stands: nobody idles lying, which is another action."""


@dataclass(frozen=True)
class LabelledSequence:
    """A film of known actions.

    Attributes:
        name: Unique; the unit of the bootstrap.
        poses: (T, 17, 3) z up, any unit.
        time_s: (T,) at 30 Hz.
        truth: (T,) number of each frame's action in `actions`.
        actions: Names of all actions of the data set, the same for all its sequences.
        views: Two cameras; the first films what is segmented.
        seed: Of the noise.
    """

    name: str
    poses: NDArray[np.float64]
    time_s: NDArray[np.float64]
    truth: NDArray[np.int64]
    actions: tuple[str, ...]
    views: tuple[View, View]
    seed: int

    def filmed(self, noise: Noise | None, *, camera: int = 0) -> PoseTrack:
        """Keypoints as `poseflow embed` would embed them; `noise` None = exact."""
        noise_seed = None if noise is None else 2 * self.seed + camera
        track = film(self.poses, self.time_s, self.views[camera], noise_seed=noise_seed, noise=noise or "D0")
        return steady_track(track)


def composed_sequences(mocap: Path, count: int, *, data: Data, seed: int) -> list[LabelledSequence]:
    """Compositions of single movements: of HDM05 for reported figures, of CMU for choosing settings."""
    return draw_sequences(clips_of(mocap, data), count, seed=seed)


def draw_sequences(clips: Clips, count: int, *, seed: int) -> list[LabelledSequence]:
    """Sequences of 4 to 7 actions that recur in 7 to 12 parts of 1 to 6 repetitions, with idling between some."""
    return [_draw(clips, number, seed) for number in range(count)]


def mocap6_sequences(mocap: Path, *, cameras: int = 1, seed: int = 0) -> list[LabelledSequence]:
    """The three labelled sequences of exercises at 30 Hz, each from `cameras` random cameras.

    Raises:
        FileFormatError: The file has no labels of frames.
    """
    path = mocap / "mocap6.npz"
    takes = read_npz(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            labels, names = archive["frame_labels"], [str(name) for name in archive["label_names"]]
    except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{path}: no labels of frames in it ({error})") from error
    ends = np.cumsum([len(take.poses) for take in takes])
    generator = np.random.default_rng(seed)
    sequences: list[LabelledSequence] = []
    for take, own in zip(takes, np.split(labels, ends[:-1]), strict=True):
        every = round(take.fps / RATE_HZ)
        poses, truth = np.asarray(take.poses[::every], np.float64), own[::every].astype(np.int64)
        for number in range(cameras):
            views = random_view(generator), random_view(generator)
            name, time_s = f"{take.name} camera {number + 1}", np.arange(len(poses)) / RATE_HZ
            shown = LabelledSequence(name, poses, time_s, truth, tuple(names), views, len(sequences))
            sequences.append(shown)
    return sequences


def true_labels(sequence: Sequence3D, actions: Sequence[str]) -> NDArray[np.int64]:
    """(T,) number of each frame's action; a blend belongs half to what was, half to what comes."""
    truth = np.zeros(len(sequence.time_s), np.int64)
    before = 0
    for start_s, end_s, label in sequence.spans:
        start, end = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
        truth[(before + start) // 2 if before else 0 :] = actions.index(label)
        before = end
    return truth


def _draw(clips: Clips, number: int, seed: int) -> LabelledSequence:
    generator = np.random.default_rng([seed, number])
    count = min(int(generator.integers(4, 8)), len(clips))
    chosen = [str(name) for name in generator.choice(sorted(clips), count, replace=False)]
    parts: list[Part] = []
    for _ in range(int(generator.integers(7, 13))):
        free = [name for name in chosen if not parts or name != parts[-1].label]
        name = free[int(generator.integers(len(free)))]
        parts.append(Part(name, int(generator.integers(1, 7))))
        if generator.random() < 0.4 and all(_ends_upright(take) for take in clips[name]):
            parts.append(Part(IDLE, seconds=float(generator.uniform(1.5, 4))))
    made = compose(clips, parts, generator=generator)
    actions = (*sorted(clips), IDLE)
    views = random_view(generator), random_view(generator)
    return LabelledSequence(
        f"{seed}-{number}", made.poses, made.time_s, true_labels(made, actions), actions, views, 1000 * seed + number
    )


def _ends_upright(take: MocapSequence) -> bool:
    trunk = np.asarray(take.poses[-1][8] - take.poses[-1][0], np.float64)
    return bool(trunk[2] / np.linalg.norm(trunk) >= LYING_UP)
