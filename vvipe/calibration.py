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
        probability: (p, q, r): P(NP-MPJPE <= 0.1) = sigmoid(p + q log(d + 0.1) + r log(mean u)).
        typical_uncertainty: Stands in where a pose's own is unknown.
        near, far: Mean expected NP-MPJPE of one pose in two views, and of two unrelated poses: score anchors.
    """

    error: tuple[float, float, float]
    probability: tuple[float, float, float]
    typical_uncertainty: float
    near: float
    far: float

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """The inverse of `dataclasses.asdict` after a trip through JSON."""
        a, b, c = values["error"]
        p, q, r = values["probability"]
        return cls((a, b, c), (p, q, r), values["typical_uncertainty"], values["near"], values["far"])

    def expected_error(
        self, distance: NDArray, uncertainty_a: NDArray | float, uncertainty_b: NDArray | float
    ) -> NDArray:
        """Expected NP-MPJPE in torso lengths, of the inputs' common shape."""
        a, b, c = self.error
        return np.sqrt(a * distance**2 + b * (uncertainty_a**2 + uncertainty_b**2) + c)

    def match_probability(
        self, distance: NDArray, uncertainty_a: NDArray | float, uncertainty_b: NDArray | float
    ) -> NDArray:
        """P(NP-MPJPE <= 0.1), of the inputs' common shape."""
        p, q, r = self.probability
        return expit(p + q * np.log(distance + _NEAR) + r * np.log((uncertainty_a + uncertainty_b) / 2))


def fit_calibration(fitted: ViewPairs, *, same: ViewPairs, unrelated: ViewPairs) -> Calibration:
    """The calibration of pairs with known NP-MPJPE.

    Args:
        fitted: What both laws are fitted to.
        same: Two views of the very same pose, for the near anchor.
        unrelated: Pairs of any two poses, for the far anchor.
    """
    coefficients = _fit_error(_squares(fitted), fitted.error)
    mean_uncertainty = (fitted.uncertainty_a + fitted.uncertainty_b) / 2
    features = np.stack([np.log(fitted.distance + _NEAR), np.log(mean_uncertainty)], axis=1)
    logits = fit_logistic(features, fitted.is_match)
    a, b, c = (float(x) for x in coefficients)
    p, q, r = (float(x) for x in logits)
    return Calibration(
        error=(a, b, c),
        probability=(p, q, r),
        typical_uncertainty=float(np.median(mean_uncertainty)),
        near=float(np.sqrt(_squares(same) @ coefficients).mean()),
        far=float(np.sqrt(_squares(unrelated) @ coefficients).mean()),
    )


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
    """Expected calibration error: mean |predicted - observed| frequency over bins of equal mass."""
    groups = [rows for rows in np.array_split(np.argsort(probability, kind="stable"), bins) if len(rows)]
    gaps = [abs(probability[rows].mean() - is_match[rows].mean()) * len(rows) for rows in groups]
    return float(sum(gaps) / len(probability))
