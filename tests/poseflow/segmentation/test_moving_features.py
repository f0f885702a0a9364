from __future__ import annotations

import numpy as np
import pytest

from poseflow.errors import NothingToScoreError
from poseflow.segmentation.moving_features import LAG_S, SMOOTH_S, with_change
from poseflow.time_series import TimeSeries


def _series(values: np.ndarray, is_seen: np.ndarray | None = None) -> TimeSeries:
    seen = np.ones(len(values), bool) if is_seen is None else is_seen
    return TimeSeries(np.arange(len(values)) / 30, np.where(seen[:, None], values, np.nan), seen)


def test_steady_motion_keeps_its_values_and_has_its_speed_as_change() -> None:
    line = np.arange(60.0)[:, None] * [1.0, -2.0]  # per frame
    moving = with_change(_series(line), weight=0.5)
    inner = slice(12, -12)  # the window is cut off at the ends
    assert moving.values[inner, :2] == pytest.approx(line[inner], abs=1e-6)
    frames = 2 * round(LAG_S * 30)
    assert moving.values[inner, 2:] == pytest.approx(np.tile([0.5 * frames, -frames], (36, 1)), abs=1e-6)


def test_smoothing_is_the_slow_sum_over_seen_frames() -> None:
    generator = np.random.default_rng(0)
    values, seen = generator.normal(size=(40, 3)), generator.random(40) > 0.1
    seen[[0, -1]] = True
    found = with_change(_series(values, seen), weight=0)
    filled = np.stack([np.interp(np.arange(40), np.flatnonzero(seen), column[seen]) for column in values.T], axis=1)
    for frame in range(12, 28):
        weight = np.exp(-0.5 * ((np.arange(40) - frame) / (SMOOTH_S * 30)) ** 2)
        assert found.values[frame] == pytest.approx((weight[:, None] * filled).sum(0) / weight.sum(), abs=2e-3)


def test_only_the_first_columns_have_their_change_and_none_without_weight() -> None:
    values = np.random.default_rng(1).normal(size=(30, 3))
    assert with_change(_series(values), weight=1.0, moving=1).values.shape == (30, 4)
    assert with_change(_series(values), weight=0.0).values.shape == (30, 3)


def test_nothing_changes_beside_a_long_gap_and_the_gap_stays_unseen() -> None:
    seen = np.ones(60, bool)
    seen[25:40] = False
    moving = with_change(_series(np.arange(60.0)[:, None], seen), weight=1.0)
    assert (moving.is_seen == seen).all() and np.isnan(moving.values[30]).all()
    assert moving.values[[24, 40], 1] == pytest.approx([0, 0])


def test_one_frame_is_itself_and_stands_still() -> None:
    (values,) = with_change(_series(np.array([[3.0, 4.0]])), weight=1.0).values
    assert values == pytest.approx([3, 4, 0, 0])


def test_nothing_seen_names_the_series() -> None:
    with pytest.raises(NothingToScoreError, match="in the reference"):
        with_change(_series(np.ones((5, 1)), np.zeros(5, bool)), weight=1.0, side="reference")
