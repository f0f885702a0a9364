"""Poses around a moment of a clip, or from the prior, as arrays and as a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poseflow.draw import check_picture_path
from poseflow.draw_figures import Panel, draw_panels, seen_obliquely, write_picture
from poseflow.errors import ModelMismatchError, NothingToScoreError
from poseflow.metadata import package_versions
from poseflow.output import atomic_path, check_writable
from poseflow.people import choose_people
from poseflow.records import EmbeddedClip
from vvipe.skeleton import H36M17

if TYPE_CHECKING:
    from vvipe.embedder import Embedder
    from vvipe.generate import GeneratedPoses

NEAR_S = 0.1
"""How far from the asked time the frame may lie."""
PRIOR_STEP = 1.0
"""The prior's middle is 0, and one step of size 1 from it is a sample of the unit Gaussian."""
AROUND_S = 0.5
"""How much of a video is read on each side of the asked time, so that its keypoints can be smoothed."""


@dataclass(frozen=True)
class Moment:
    """A frame of a clip: the embedding (D,) of one person."""

    person_id: int
    time_s: float
    vector: NDArray[np.float32]


def pick_moment(clip: EmbeddedClip, at_s: float, *, embedder: Embedder, person: str = "auto") -> Moment:
    """The usable frame of the person that is nearest to `at_s`.

    Raises:
        ModelMismatchError: Another model embedded the clip.
        NothingToScoreError: There is none within NEAR_S.
        ValueError: Nobody has that id, or `person` names several people.
    """
    chosen = choose_people(clip.tracks, person=person, frame_size=clip.metadata.size)
    if len(chosen) != 1:
        raise ValueError(f"person: expected a rule that names one person, got {person!r}, which names {len(chosen)}")
    embedding = clip.person(chosen[0].person_id)[1]
    if embedding.model != embedder.model_id:
        raise ModelMismatchError(
            f"{clip.metadata.source} was embedded by {embedding.model}, not by {embedder.model_id}: "
            "embed it again with `poseflow embed`, or name its model with --model"
        )
    usable = np.flatnonzero(embedding.valid)
    distance_s = np.abs(embedding.time_s[usable] - at_s)
    if not len(usable) or distance_s.min() > NEAR_S:
        times = embedding.time_s[usable]
        span = f"usable frames lie from {times[0]:.2f} to {times[-1]:.2f} s" if len(usable) else "there is none at all"
        raise NothingToScoreError(
            f"{clip.metadata.source}: person {embedding.person_id} has no usable frame within {NEAR_S:g} s of "
            f"{at_s:g} s; {span}"
        )
    row = usable[distance_s.argmin()]
    return Moment(embedding.person_id, float(embedding.time_s[row]), embedding.vectors[row])


def check_outputs(output: str | Path, picture: str | Path | None) -> None:
    """Refuses outputs that cannot be written, before the long work.

    Raises:
        ValueError: `output` is not named .npz.
        OutputError: A place cannot be written, or `picture` is not named .png or .jpg.
    """
    if Path(output).suffix.lower() != ".npz":
        raise ValueError(f"{output}: generated poses are written as .npz; end the name in .npz")
    check_writable(output)
    if picture is not None:
        check_picture_path(picture)
        check_writable(picture)


def write_generated(path: str | Path, generated: GeneratedPoses, *, embedder: Embedder, seed: int, origin: str) -> None:
    """Writes an .npz: start (17, 3), poses (S, A, 17, 3) in torso lengths, vectors, alphas, joints, `metadata` (JSON).

    Raises:
        OutputError: The file cannot be written.
    """
    metadata = {"model": embedder.model_id, "seed": seed, "origin": origin, "unit": "torso length"}
    metadata |= {"frame": "canonical", "versions": package_versions()}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            start=generated.start,
            start_vector=generated.start_vector,
            poses=generated.poses,
            vectors=generated.vectors,
            directions=generated.directions,
            alphas=generated.alphas,
            joints=np.array(H36M17.joints),
            metadata=np.array(json.dumps(metadata)),
        )


def draw_generated(generated: GeneratedPoses, *, start_caption: str = "start") -> NDArray[np.uint8]:
    """A row a direction: the start, then the pose of each alpha, in one scale."""
    start = Panel(seen_obliquely(generated.start), H36M17, start_caption, "start")
    rows = [
        [start, *(_panel(pose, f"alpha {alpha:g}") for pose, alpha in zip(poses, generated.alphas, strict=True))]
        for poses in generated.poses
    ]
    return draw_panels(rows)


def draw_samples(poses: NDArray, *, columns: int = 5) -> NDArray[np.uint8]:
    """Canonical poses (N, 17, 3), numbered, in rows."""
    panels = [_panel(pose, f"sample {number}") for number, pose in enumerate(poses, start=1)]
    return draw_panels([panels[i : i + columns] for i in range(0, len(panels), columns)])


def _panel(pose: NDArray, caption: str) -> Panel:
    return Panel(seen_obliquely(pose), H36M17, caption)


def generate_to_files(
    output: str | Path,
    *,
    embedder: Embedder,
    moment: Moment | None = None,
    count: int = 2,
    alphas: Sequence[float] | None = None,
    seed: int = 0,
    picture: str | Path | None = None,
) -> dict[str, Any]:
    """Poses around a moment, or as many samples of the prior, written; and what was done, for the terminal.

    Args:
        output: The .npz.
        embedder: The model.
        moment: None = the prior: `count` samples, each with poses around it at `alphas`, none by default.
        count: Directions around the moment, or samples of the prior.
        alphas: Steps; None = those of V-VIPE's Figure 7 around a moment.
        seed: Of the noise.
        picture: A .png, if wanted.

    Raises:
        ValueError: A setting is out of range.
        OutputError: A file cannot be written.
    """
    from vvipe.generate import ALPHAS, generate_around

    check_outputs(output, picture)
    generator = np.random.default_rng(seed)
    start = np.zeros(embedder.dimension, np.float32) if moment is None else moment.vector
    steps = alphas or ((PRIOR_STEP,) if moment is None else ALPHAS)
    generated = generate_around(start, embedder=embedder, generator=generator, count=count, alphas=steps)
    origin = "prior" if moment is None else f"person {moment.person_id} at {moment.time_s:.3f} s"
    write_generated(output, generated, embedder=embedder, seed=seed, origin=origin)
    if picture is not None:
        is_plain = moment is None and len(steps) == 1
        caption = "middle" if moment is None else f"{moment.time_s:.2f} s"
        drawn = draw_samples(generated.poses[:, 0]) if is_plain else draw_generated(generated, start_caption=caption)
        write_picture(picture, drawn)
    return {
        "output": str(output),
        "picture": None if picture is None else str(picture),
        "origin": origin,
        "poses": count * len(steps),
    }
