"""Sequences in which one movement is done 0 to 20 times, as a camera sees them, and a reference from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.mocap_clips import Noise, View, film, random_view
from poseflow_benchmarks.movement_clips import TIMES_PER_CLIP
from poseflow_benchmarks.synthetic_sequences import IDLE, Part, compose

from poseflow.records import PoseTrack
from vvipe.datasets.mocap import MocapSequence

MOST = 20
MOST_SETS = 3
IDLE_S = (1.0, 3.0)


@dataclass(frozen=True)
class CountedSequence:
    """A composed movement with a known count.

    Attributes:
        movement: What is counted.
        count: How often it is done; every other movement in it is done once.
        spans: (start_s, end_s) of each clip of the movement.
        poses, time_s: (T, 17, 3) and (T,) the sequence.
        ref_poses, ref_time_s: Another clip of the movement, on another body: one repetition.
        views: Cameras of the sequence and of the reference.
        seed: Of the noise.
    """

    movement: str
    count: int
    spans: tuple[tuple[float, float], ...]
    poses: NDArray[np.float64]
    time_s: NDArray[np.float64]
    ref_poses: NDArray[np.float64]
    ref_time_s: NDArray[np.float64]
    views: tuple[View, View]
    seed: int

    def filmed(self, noise: Noise | None) -> tuple[PoseTrack, PoseTrack]:
        """Keypoints of the sequence and of the reference; `noise` None = exact."""
        shown = ((self.poses, self.time_s), (self.ref_poses, self.ref_time_s))
        tracks = [
            film(*own, view, noise_seed=None if noise is None else 2 * self.seed + number, noise=noise or "D0")
            for number, (own, view) in enumerate(zip(shown, self.views, strict=True))
        ]
        return tracks[0], tracks[1]


def draw_counted(clips: Mapping[str, Sequence[MocapSequence]], number: int, *, seed: int = 0) -> CountedSequence:
    """Sequence `number`: the movements by turns, counts 0 to 20 as often as each other, done in up to three sets.

    Between the sets, before the first and after the last, the person idles or does another movement once; not one
    whose clips show it more than once.

    Args:
        clips: Movement -> clips; one of them is set aside as the reference, and is not in the sequence.
        number: Which sequence.
        seed: Of everything that is drawn.
    """
    generator = np.random.default_rng([seed, number])
    names = sorted(clips)
    movement = names[number % len(names)]
    clip_count = _count_of_turn(number, seed) // TIMES_PER_CLIP.get(movement, 1)
    own = list(clips[movement])
    ref = own.pop(int(generator.integers(len(own))))
    used = {**clips, movement: own}
    others = sorted(set(names) - set(TIMES_PER_CLIP))
    free = [str(name) for name in generator.permutation(others) if name != movement]
    parts = _parts(movement, clip_count, free, generator)
    made = compose(used, parts, generator=generator)
    shown = compose({movement: [ref]}, [Part(movement)], generator=generator)
    spans = tuple((start_s, end_s) for start_s, end_s, label in made.spans if label == movement)
    return CountedSequence(
        movement=movement,
        count=clip_count * TIMES_PER_CLIP.get(movement, 1),
        spans=spans,
        poses=made.poses,
        time_s=made.time_s,
        ref_poses=shown.poses,
        ref_time_s=shown.time_s,
        views=(random_view(generator), random_view(generator)),
        seed=seed * 100_003 + number,
    )


def _count_of_turn(number: int, seed: int) -> int:
    """Counts 0 to MOST in an order of their own, each once before any comes again."""
    turn, place = divmod(number, MOST + 1)
    return int(np.random.default_rng([seed, 7, turn]).permutation(MOST + 1)[place])


def _parts(movement: str, count: int, others: list[str], generator: np.random.Generator) -> list[Part]:
    """The sets of the movement, with idling or another movement around them; every other movement comes once."""

    def between() -> list[Part]:
        idle = Part(IDLE, seconds=float(generator.uniform(*IDLE_S)))
        if others and generator.random() < 0.5:
            return [Part(others.pop()), idle]
        return [idle]

    sets = min(int(generator.integers(1, MOST_SETS + 1)), count)
    borders = sorted(generator.choice(np.arange(1, count), sets - 1, replace=False).tolist()) if sets > 1 else []
    parts = [Part(IDLE, seconds=1.0), Part(others.pop())] if others else []
    parts += between()
    for size in np.diff([0, *borders, count]) if count else []:
        parts += [Part(movement, int(size)), *between()]
    if not count and others:
        parts += [Part(others.pop()), *between()]
    return parts
