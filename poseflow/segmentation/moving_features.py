"""Features that say how a person is and how that changes: smoothed a little, with the change over a quarter second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poseflow.time_series import FINEST_STEP_S, TimeSeries, resample

SMOOTH_S = 0.067
"""Standard deviation of the Gaussian window."""
LAG_S = 0.133
"""Change is from that long before a frame to that long after it."""


def with_change(series: TimeSeries, *, weight: float, moving: int | None = None, side: str = "clip") -> TimeSeries:
    """The series at 30 Hz, smoothed (T, F), and behind it the change of its first columns, if it weighs anything.

    Args:
        series: Features without NaN where seen.
        weight: Of the change against the features themselves; 0 = no columns for it.
        moving: How many columns' change there is; None = of all.
        side: What an error calls the series.

    Raises:
        NothingToScoreError: No frame is seen.
    """
    fine = resample(series, FINEST_STEP_S, side=side)
    smooth = _smoothed(fine)
    change = weight * _change(smooth[:, :moving], fine.is_seen)
    columns = np.concatenate([smooth, change] if weight else [smooth], axis=1)
    return TimeSeries(fine.time_s, np.where(fine.is_seen[:, None], columns, np.nan), fine.is_seen)


def _smoothed(fine: TimeSeries) -> NDArray[np.float64]:
    """Weighted means of the seen frames around each."""
    from scipy.ndimage import gaussian_filter1d

    sd = SMOOTH_S / FINEST_STEP_S
    total = gaussian_filter1d(np.where(fine.is_seen[:, None], fine.values, 0.0), sd, axis=0, mode="constant")
    weight = gaussian_filter1d(fine.is_seen.astype(np.float64), sd, mode="constant")
    return np.asarray(total / np.maximum(weight, 1e-9)[:, None])


def _change(values: NDArray[np.float64], is_seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(T, D) change from LAG_S before to LAG_S after each frame; 0 at the ends and beside unseen frames."""
    lag = round(LAG_S / FINEST_STEP_S)
    change = np.zeros_like(values)
    if len(values) > 2 * lag:
        both = is_seen[2 * lag :] & is_seen[: -2 * lag]
        change[lag:-lag][both] = (values[2 * lag :] - values[: -2 * lag])[both]
    return change
