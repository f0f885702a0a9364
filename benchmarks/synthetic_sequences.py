"""Long sequences with known actions and counts: labelled clips, warped, on one body, joined, with idle between.

Every repetition is another clip as far as the class has clips, played at another speed; a person idles between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from poseflow_benchmarks.mocap_clips import joined, warped

from vvipe.datasets.bodies import BodyRange, vary_proportions
from vvipe.datasets.mocap import MocapSequence
from vvipe.geometry import bone_length_table, set_bone_lengths
from vvipe.skeleton import H36M17

RATE_HZ = 30.0
BLEND_S = 0.3
IDLE = "idle"
TRANSITION = ""
"""Label of the frames of a blend."""


@dataclass(frozen=True)
class Sequence3D:
    """A composed movement.

    Attributes:
        poses: (T, 17, 3) torso lengths, pelvis at the origin, z up, one body.
        time_s: (T,).
        labels: (T,) action of each frame; TRANSITION in blends.
        spans: (start_s, end_s, label) of every clip, in time order: the repetitions.
    """

    poses: NDArray[np.float64]
    time_s: NDArray[np.float64]
    labels: NDArray[np.str_]
    spans: tuple[tuple[float, float, str], ...]

    def count(self, label: str) -> int:
        """How often the action was done."""
        return sum(name == label for _, _, name in self.spans)


@dataclass(frozen=True)
class Part:
    """`count` repetitions of an action, one after the other, or that many seconds of idling."""

    label: str
    count: int = 1
    seconds: float = 0.0


def compose(
    clips: Mapping[str, Sequence[MocapSequence]],
    parts: Sequence[Part],
    *,
    generator: np.random.Generator,
    speeds: tuple[float, float] = (0.7, 1.4),
) -> Sequence3D:
    """The parts, one after the other, all on one body drawn for the sequence.

    Args:
        clips: Label -> clips of one repetition each.
        parts: What is done; the label IDLE stands still in the last pose, swaying a little.
        speeds: Each clip is played at a speed drawn from this range, uniform in its logarithm.
    """
    body = torch.Generator().manual_seed(int(generator.integers(2**31)))
    pieces: list[tuple[str, NDArray[np.float64]]] = []
    decks = {label: _deck(len(own), generator) for label, own in clips.items()}
    for part in parts:
        if part.label == IDLE:
            pieces.append((IDLE, _idle(pieces[-1][1][-1] if pieces else _first_pose(clips), part.seconds, generator)))
            continue
        for _ in range(part.count):
            take = clips[part.label][next(decks[part.label])]
            pieces.append((part.label, _played(take, generator, speeds)))
    poses, starts = joined([poses for _, poses in pieces], RATE_HZ, blend_s=BLEND_S)
    poses = _on_one_body(poses, body)
    time_s = np.arange(len(poses)) / RATE_HZ
    labels = np.full(len(poses), TRANSITION, dtype=object)
    spans = []
    for (label, own), start in zip(pieces, starts, strict=True):
        labels[start : start + len(own)] = label
        spans.append((start / RATE_HZ, (start + len(own)) / RATE_HZ, label))
    return Sequence3D(poses, time_s, labels.astype(str), tuple(spans))


def _deck(count: int, generator: np.random.Generator) -> Iterator[int]:
    """Numbers of clips, each once before any comes again."""
    while True:
        yield from generator.permutation(count).tolist()


def _played(take: MocapSequence, generator: np.random.Generator, speeds: tuple[float, float]) -> NDArray[np.float64]:
    speed = float(np.exp(generator.uniform(*np.log(speeds))))
    length_s = (len(take.poses) - 1) / take.fps
    poses, _ = warped(take.poses, take.fps, lambda t: speed * t, length_s / speed, rate=RATE_HZ)
    return poses


def _idle(pose: NDArray[np.float64], seconds: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """The pose held, its joints drifting by about a centimetre."""
    frames = max(2, round(seconds * RATE_HZ))
    sway = 0.01 * generator.normal(size=(1, *pose.shape))
    phase = np.linspace(0, 2 * np.pi * frames / RATE_HZ / 3, frames)[:, None, None]
    return pose + sway * np.sin(phase)


def _first_pose(clips: Mapping[str, Sequence[MocapSequence]]) -> NDArray[np.float64]:
    return np.asarray(next(iter(clips.values()))[0].poses[0], np.float64)


def _on_one_body(poses: NDArray[np.float64], generator: torch.Generator) -> NDArray[np.float64]:
    """All poses with the bone lengths of one person, drawn around the universal skeleton."""
    joints = torch.as_tensor(poses, dtype=torch.float32)
    lengths = bone_length_table()
    standard = set_bone_lengths(joints[:1], lengths)
    person = vary_proportions(standard, BodyRange(), generator=generator)[0]
    own = torch.stack([(person[child] - person[parent]).norm() for parent, child in H36M17.bones])
    return set_bone_lengths(joints, own).double().numpy()
