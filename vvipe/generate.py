"""New poses out of the embedding: around a pose by growing steps (V-VIPE, Figure 7), or from the prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vvipe.embedder import Embedder

ALPHAS = (0.2, 0.3, 0.4, 0.5)
"""Sizes of the steps in V-VIPE's Figure 7."""


@dataclass(frozen=True)
class GeneratedPoses:
    """Poses along S directions, at A steps of each.

    Attributes:
        start_vector, start: (D,) and (17, 3) where the directions begin.
        alphas: (A,) lengths of the steps, in units of the random direction.
        directions: (S, D) the noise z.
        vectors, poses: (S, A, D) start + alpha z, and (S, A, 17, 3) what they decode to; canonical, torso lengths.
    """

    start_vector: NDArray[np.float32]
    start: NDArray[np.float32]
    alphas: NDArray[np.float32]
    directions: NDArray[np.float32]
    vectors: NDArray[np.float32]
    poses: NDArray[np.float32]


def generate_around(
    vector: Float[NDArray, " D"],
    *,
    embedder: Embedder,
    generator: np.random.Generator,
    count: int = 2,
    alphas: Sequence[float] = ALPHAS,
) -> GeneratedPoses:
    """Poses around one: `count` directions drawn from the unit Gaussian, each taken in steps of growing size.

    Args:
        vector: The embedding of the pose, of keypoints or of 3D. Zeros are the middle of the prior: a step of 1 from
            there is a sample of the unit Gaussian.
        embedder: Its decoder makes the poses.
        generator: Of the directions.
        count: Directions.
        alphas: Steps along each; above about 1 the poses stop being human.

    Raises:
        ValueError: A setting is out of range, or the vector is no embedding of this model.
    """
    if vector.shape != (embedder.dimension,) or not np.isfinite(vector).all():
        raise ValueError(f"vector: expected {embedder.dimension} finite numbers, got shape {vector.shape}")
    if count < 1 or not len(alphas) or not np.isfinite(alphas).all():
        raise ValueError(f"expected at least one direction and one finite alpha, got {count} and {list(alphas)}")
    start = np.asarray(vector, np.float32)
    directions = generator.standard_normal((count, len(start)), np.float32)
    steps = np.asarray(alphas, np.float32)
    vectors = start + steps[None, :, None] * directions[:, None]
    poses = embedder.decode(vectors.reshape(-1, len(start))).reshape(count, len(steps), 17, 3)
    return GeneratedPoses(start, embedder.decode(start[None])[0], steps, directions, vectors, poses)
