"""From embedding distance to what it means: expected NP-MPJPE, and the probability that two poses are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize
from scipy.special import expit

from vvipe.view_pairs import ViewPairs

_LOG_RANGE = (-20.0, 5.0)
_NEAR = 0.1
"""Added to distances, so that their logarithm is finite where two views coincide."""


@dataclass(frozen=True)
class Calibration:
    """Fitted on pairs of views of carve-out poses; d = embedding distance, u = the two poses' uncertainties.

    Attributes:
        error: (a, b, c): expected NP-MPJPE = sqrt(a d^2 + b (u1^2 + u2^2) + c).
        probability: (p, q, r): P(NP-MPJPE <= 0.1) = sigmoid(p + q log(d + 0.1) + r log(mean u)) of two given views.
        retrieved: The same law for a view that was found because it is near: of many, the nearest are near by luck too,
            so that at one distance they match less often.
        typical_uncertainty: Stands in where a pose's own is unknown.
        near, far: Mean expected NP-MPJPE of one pose in two views, and of two unrelated poses: score anchors.
    """

    error: tuple[float, float, float]
    probability: tuple[float, float, float]
    retrieved: tuple[float, float, float]
    typical_uncertainty: float
    near: float
    far: float

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """The inverse of `dataclasses.asdict` after a trip through JSON."""
        laws = {name: tuple(values[name]) for name in ("error", "probability", "retrieved")}
        return cls(**(dict(values) | laws))

    def expected_error(
        self, distance: NDArray, uncertainty_a: NDArray | float, uncertainty_b: NDArray | float
    ) -> NDArray:
        """Expected NP-MPJPE in torso lengths, of the inputs' common shape."""
        a, b, c = self.error
        return np.sqrt(a * distance**2 + b * (uncertainty_a**2 + uncertainty_b**2) + c)

    def match_probability(
        self,
        distance: NDArray,
        uncertainty_a: NDArray | float,
        uncertainty_b: NDArray | float,
        *,
        is_retrieved: bool = False,
    ) -> NDArray:
        """P(NP-MPJPE <= 0.1), of the inputs' common shape; `is_retrieved` where b was found as one of a's nearest."""
        p, q, r = self.retrieved if is_retrieved else self.probability
        return expit(p + q * np.log(distance + _NEAR) + r * np.log((uncertainty_a + uncertainty_b) / 2))


def fit_calibration(given: ViewPairs, *, retrieved: ViewPairs, same: ViewPairs, unrelated: ViewPairs) -> Calibration:
    """The calibration of pairs with known NP-MPJPE.

    Args:
        given: Pairs of all errors alike, which `probability` is fitted to.
        retrieved: Views with their nearest of another camera; the error's law is fitted to them and to `given`.
        same: Two views of the very same pose, for the near anchor.
        unrelated: Pairs of any two poses, for the far anchor.
    """
    all_pairs = ViewPairs.joined([given, retrieved])
    coefficients = _fit_error(_squares(all_pairs), all_pairs.error)
    a, b, c = (float(x) for x in coefficients)
    return Calibration(
        error=(a, b, c),
        probability=_fit_probability(given),
        retrieved=_fit_probability(retrieved),
        typical_uncertainty=float(np.median(_mean_uncertainty(all_pairs))),
        near=float(np.sqrt(_squares(same) @ coefficients).mean()),
        far=float(np.sqrt(_squares(unrelated) @ coefficients).mean()),
    )


def _fit_probability(pairs: ViewPairs) -> tuple[float, float, float]:
    features = np.stack([np.log(pairs.distance + _NEAR), np.log(_mean_uncertainty(pairs))], axis=1)
    p, q, r = (float(x) for x in fit_logistic(features, pairs.is_match))
    return p, q, r


def _mean_uncertainty(pairs: ViewPairs) -> NDArray:
    return (pairs.uncertainty_a + pairs.uncertainty_b) / 2


def _squares(pairs: ViewPairs) -> NDArray:
    return np.stack(
        [pairs.distance**2, pairs.uncertainty_a**2 + pairs.uncertainty_b**2, np.ones_like(pairs.distance)], axis=1
    )


def _fit_error(squares: NDArray, true_error: NDArray) -> NDArray:
    """(3,) positive coefficients c that bring sqrt(squares @ c) nearest to the errors in least squares."""

    def residuals(log_coefficients: NDArray) -> NDArray:
        return np.sqrt(squares @ np.exp(log_coefficients)) - true_error

    slope = np.mean(true_error**2) / max(np.mean(squares[:, 0]), 1e-12) / 2
    start = np.log(np.maximum([slope, 0.1, 1e-3], 1e-8)).clip(*_LOG_RANGE)
    return np.exp(least_squares(residuals, start, bounds=_LOG_RANGE).x)


def fit_logistic(features: NDArray, labels: NDArray) -> NDArray:
    """(1 + F,) intercept and weights of a logistic regression."""
    design = np.concatenate([np.ones((len(features), 1)), features], axis=1)
    sign = np.where(labels, 1.0, -1.0)

    def loss(weights: NDArray) -> tuple[float, NDArray]:
        margin = sign * (design @ weights)
        gradient = -(design * (sign * expit(-margin))[:, None]).mean(0)
        return float(np.logaddexp(0, -margin).mean()), gradient

    return minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B").x


def calibration_error(probability: NDArray, is_match: NDArray, *, bins: int = 15) -> float:
    """Expected calibration error: mean |predicted - observed| frequency over bins of equal mass.

    Equal probabilities share their observed frequency, so that the order of the pairs tells nothing.
    """
    _, value = np.unique(probability, return_inverse=True)
    observed = (np.bincount(value, weights=is_match) / np.bincount(value))[value]
    groups = [rows for rows in np.array_split(np.argsort(probability, kind="stable"), bins) if len(rows)]
    gaps = [abs(probability[rows].mean() - observed[rows].mean()) * len(rows) for rows in groups]
    return float(sum(gaps) / len(probability))
