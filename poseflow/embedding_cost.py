"""What an alignment of two people is judged and steered by: the calibrated error of their embeddings' distance."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from poseflow.records import EmbeddingTrack
from poseflow.time_series import TimeSeries

_KNOTS = 2049


class PairScorer(Protocol):
    """What matching needs of `vvipe.Embedder`.

    Where no uncertainty is given, `expected_error` depends on a pair through its Euclidean distance alone.
    """

    @property
    def model_id(self) -> str:
        """Which weights: embeddings of unequal ids cannot be compared."""
        ...

    @property
    def score_anchors(self) -> tuple[float, float]:
        """Expected errors, in torso lengths, of one pose in two views and of unrelated poses."""
        ...

    def expected_error(
        self, a: NDArray, b: NDArray, uncertainty_a: NDArray | None = None, uncertainty_b: NDArray | None = None
    ) -> NDArray:
        """(N,) expected NP-MPJPE, in torso lengths, of embeddings (N, D); uncertainties (N,), torso lengths."""
        ...

    def match_probability(
        self, a: NDArray, b: NDArray, uncertainty_a: NDArray | None = None, uncertainty_b: NDArray | None = None
    ) -> NDArray:
        """(N,) P(NP-MPJPE <= 0.1) in [0, 1] of the same."""
        ...


def series_of(track: EmbeddingTrack) -> TimeSeries:
    """The track as features (T, D + 1): the embedding, then its uncertainty."""
    values = np.concatenate([track.vectors, track.uncertainty[:, None]], axis=1).astype(np.float32)
    return TimeSeries(track.time_s, values, track.valid)


def embedding_cost(scorer: PairScorer) -> EmbeddingCost:
    """What a path costs: the expected error of the embedding distance, between features of `series_of`.

    The path is sought by the square root of the embedding distance itself. The expected error hardly rises near a
    distance of 0, so that paths by it are vague where two moments are nearly one: on 48 recordings of the CMU
    carve-out (exact keypoints, one camera) the mean error fell from 27 to 15 ms, and across cameras from 105 to 82.

    Every frame counts as typically certain: else a path would shun the uncertain moments of the longer clip.
    """
    return EmbeddingCost(scorer)


class EmbeddingCost:
    """A `poseflow.costs.MatrixDistance` and `SteeringDistance` of features of `series_of`."""

    def __init__(self, scorer: PairScorer) -> None:
        self._scorer = scorer

    def __call__(self, a: NDArray, b: NDArray) -> NDArray:
        return self._scorer.expected_error(a[:, :-1], b[:, :-1])

    def matrix(self, a: NDArray, b: NDArray) -> NDArray[np.float64]:
        """(N, D + 1) and (M, D + 1) -> (N, M), read off a table of the error over the distance (to 1e-4 of it)."""
        from scipy.spatial.distance import cdist

        distances = cdist(a[:, :-1], b[:, :-1])
        knots = np.linspace(0, float(distances.max(initial=0.0)) or 1.0, _KNOTS)
        apart = np.zeros((_KNOTS, a.shape[1] - 1))
        apart[:, 0] = knots
        return np.interp(distances, knots, self._scorer.expected_error(np.zeros_like(apart), apart))

    def steer(self, distances: NDArray, nearest: float) -> NDArray:
        """The square root of the embedding distance, but for its scale, of expected errors (`vvipe.calibration`)."""
        return np.sqrt(np.sqrt(np.maximum(np.square(distances) - nearest**2, 0)))
