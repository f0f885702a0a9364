"""Counts by one period for the whole clip: the time that a person moves, over the period of the features."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from poseflow.time_series import TimeSeries, resample

PERIODS_S = (0.4, 8.0)
"""Shortest and longest period that is looked for."""
_STEP_S = 1 / 30
_NEARLY = 0.9
"""A peak of the autocorrelation is one of the highest from this share of the highest one on."""
_MOVES_SHARE = 0.3
"""A person moves where the features change at this share of their mean rate, within half a second."""


def count_by_spectrum(series: TimeSeries) -> int:
    """The strongest frequency of all features together, times the time that the person moves."""
    values = _filled(series)
    window = np.hanning(len(values))[:, None]
    power = (np.abs(np.fft.rfft(window * (values - values.mean(0)), axis=0)) ** 2).sum(1)
    frequency = np.fft.rfftfreq(len(values), _STEP_S)
    allowed = (frequency >= 1 / PERIODS_S[1]) & (frequency <= 1 / PERIODS_S[0])
    if not power[allowed].any():
        return 0
    return round(float(frequency[allowed][power[allowed].argmax()]) * _moving_s(values))


def count_by_autocorrelation(series: TimeSeries) -> int:
    """The time that the person moves, over the lag of the first of the highest peaks of the autocorrelation."""
    values = _filled(series)
    centred = values - values.mean(0)
    size = 2 * len(centred)
    power = np.abs(np.fft.rfft(centred, size, axis=0)) ** 2
    summed = np.fft.irfft(power, size, axis=0)[: len(centred)].sum(1)
    alike = summed / np.arange(len(centred), 0, -1)
    low, high = (round(seconds / _STEP_S) for seconds in PERIODS_S)
    lags = np.arange(max(low, 1), min(high, len(alike) // 2))
    peaks = lags[(alike[lags] > alike[lags - 1]) & (alike[lags] >= alike[lags + 1])] if len(lags) else lags
    if not len(peaks) or alike[peaks].max() <= 0:
        return 0
    first = peaks[np.argmax(alike[peaks] >= _NEARLY * alike[peaks].max())]  # two periods are as alike as one
    return round(_moving_s(values) / (float(first) * _STEP_S))


BASELINES: Mapping[str, Callable[[TimeSeries], int]] = {
    "autocorrelation": count_by_autocorrelation,
    "spectrum": count_by_spectrum,
}


def _filled(series: TimeSeries) -> NDArray[np.float64]:
    """(T, F) values at 30 Hz; what was not seen is filled in straight."""
    grid = resample(series, _STEP_S)
    time_s, values = grid.time_s, np.asarray(grid.values, np.float64)
    known = np.isfinite(values)
    return np.stack(
        [
            np.interp(time_s, time_s[k], column[k]) if k.any() else np.zeros(len(time_s))
            for column, k in zip(values.T, known.T, strict=True)
        ],
        axis=1,
    )


def _moving_s(values: NDArray[np.float64]) -> float:
    from scipy.ndimage import uniform_filter1d

    rate = np.linalg.norm(np.diff(values, axis=0), axis=1)
    around = uniform_filter1d(rate, round(1 / _STEP_S), mode="nearest") if len(rate) else rate
    return float((around > _MOVES_SHARE * rate.mean()).sum() * _STEP_S) if len(rate) else 0.0
