"""Clips of one movement each: HDM05's for the report, and movements cut out of CMU takes for choosing settings.

What counting and segmentation are measured on is composed of them.

CMU takes of several repetitions are cut half way between events that a signal of the body shows: a foot at its
farthest from the other, an arm stretched out, a foot ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.composition_plan import Data

from vvipe.datasets.mocap import MocapSequence, read_npz
from vvipe.datasets.splits import split_of
from vvipe.skeleton import H36M17

Clips = dict[str, list[MocapSequence]]

TIMES_PER_CLIP: Mapping[str, int] = {"jogLeftCircle4StepsRstart": 2}
"""How often a clip shows its movement, where that is not once: four steps of a jog are two strides."""
LONGEST_S = 5.5
LEAST_CLIPS = 3

_WHOLE: Mapping[str, tuple[str, ...]] = {
    "jump": ("Jump",),
    "forward jump": ("forward jump", "jump", "high jump", "jumping"),
    "pick up": ("Picking up Ball",),
    "kick ball": ("soccer - kick ball", "soccer"),
}
"""Movement -> labels of CMU takes that show it once."""


def _apart(a: str, b: str) -> Callable[[NDArray], NDArray]:
    return lambda poses: np.linalg.norm(poses[:, H36M17.index(a)] - poses[:, H36M17.index(b)], axis=1)


def _left_foot_ahead(poses: NDArray) -> NDArray:
    """How far the left ankle is before the right one, the way the hips face."""
    left, right = H36M17.indices("left_hip", "right_hip")
    across = poses[:, left] - poses[:, right]
    ahead = np.stack([across[:, 1], -across[:, 0]], axis=1)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    feet = poses[:, H36M17.index("left_ankle")] - poses[:, H36M17.index("right_ankle")]
    return np.asarray((feet[:, :2] * ahead).sum(1))


@dataclass(frozen=True)
class _Series:
    """Takes of several repetitions: each is around a peak of `signal` that stands out by `prominence` torso lengths.

    Attributes:
        alternates: Done with the left and the right by turns: those of the left are mirrored, so that all are alike.
    """

    labels: tuple[str, ...]
    signal: Callable[[NDArray], NDArray]
    prominence: float
    alternates: bool = False


_ANKLES_APART = _apart("left_ankle", "right_ankle")
_SERIES: Mapping[str, _Series] = {
    "front kick": _Series(("Front Kick",), _ANKLES_APART, 1.2, alternates=True),
    "round kick": _Series(("Mawashigeri",), _ANKLES_APART, 1.2, alternates=True),
    "side kick": _Series(("Yokogeri",), _ANKLES_APART, 1.2, alternates=True),
    "punch": _Series(("punch/strike",), _apart("right_shoulder", "right_wrist"), 0.25),
    "scoop": _Series(("bend over, scoop up, rise, lift arm",), lambda poses: poses[:, 10, 2] - poses[:, 16, 2], 0.8),
    "stride": _Series(("walk", "walk/stride"), _left_foot_ahead, 0.4),
    "running stride": _Series(("run", "run/jog", "running"), _left_foot_ahead, 0.4),
}


def clips_of(mocap: Path, data: Data) -> Clips:
    """Movement -> clips of one repetition, of the folder `mocap`."""
    return hdm05_clips(mocap) if data == "hdm05" else cmu_clips(mocap)


def hdm05_clips(mocap: Path) -> Clips:
    """Class -> clips of one repetition, but for TIMES_PER_CLIP."""
    return _by_movement((take.label, take) for take in read_npz(mocap / "hdm05.npz"))


def cmu_clips(mocap: Path) -> Clips:
    """Movement -> clips of one repetition, of people and takes that are not kept for tests."""
    whole = {label: movement for movement, labels in _WHOLE.items() for label in labels}
    series = {label: movement for movement, own in _SERIES.items() for label in own.labels}
    found: list[tuple[str, MocapSequence]] = []
    for take in (take for name in ("cmu.npz", "cmu_more.npz") for take in read_npz(mocap / name)):
        if split_of(take) == "test":
            continue
        if take.label in whole and len(take.poses) <= LONGEST_S * take.fps:
            found.append((whole[take.label], take))
        elif take.label in series:
            movement = series[take.label]
            found += [(movement, piece) for piece in _cut(take, _SERIES[movement])]
    usual = {movement: _usual(own) for movement, own in _by_movement(found).items()}
    return {movement: own for movement, own in usual.items() if len(own) >= LEAST_CLIPS}


def _usual(clips: list[MocapSequence]) -> list[MocapSequence]:
    """The clips that are not far longer than half of them: those of series may hold two repetitions."""
    lengths_s = np.array([len(clip.poses) / clip.fps for clip in clips])
    return [clip for clip, length_s in zip(clips, lengths_s, strict=True) if length_s <= 1.6 * np.median(lengths_s)]


def _cut(take: MocapSequence, series: _Series) -> list[MocapSequence]:
    """The take's repetitions, each from half way after the event before to half way to the next."""
    from scipy.signal import find_peaks

    poses = np.asarray(take.poses, np.float64)
    poses = (poses - poses[:, :1]) / _torso(poses)
    peaks, _ = find_peaks(series.signal(poses), prominence=series.prominence)
    if len(peaks) < 2:
        return []
    apart = np.diff(peaks)
    before, after = np.concatenate([apart[:1], apart]) // 2, np.concatenate([apart, apart[-1:]]) // 2
    usual = int(np.median(apart))  # a pause between two repetitions belongs to neither
    pieces = []
    for peak, back, on in zip(peaks, np.minimum(before, usual), np.minimum(after, usual), strict=True):
        start, end = peak - back, peak + on
        if start < 0 or end > len(poses):
            continue
        piece = np.asarray(take.poses[start:end])
        left, right = poses[peak, list(H36M17.indices("left_ankle", "right_ankle")), 2]
        is_left = series.alternates and left > right
        pieces.append(replace(take, name=f"{take.name}@{start}", poses=_mirrored(piece) if is_left else piece))
    return pieces


def _torso(poses: NDArray[np.float64]) -> float:
    """Mean height of pelvis to thorax."""
    return float(np.linalg.norm(poses[:, H36M17.index("thorax")] - poses[:, 0], axis=1).mean())


def _mirrored(poses: NDArray) -> NDArray:
    """(T, 17, 3) as in a mirror, left joints where the right ones were."""
    return np.asarray(poses[:, H36M17.flip_order] * np.array([-1, 1, 1]), poses.dtype)


def _by_movement(pairs: Iterable[tuple[str, MocapSequence]]) -> Clips:
    found: Clips = {}
    for movement, take in pairs:
        found.setdefault(movement, []).append(take)
    return found
