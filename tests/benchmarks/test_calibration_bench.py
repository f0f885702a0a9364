from __future__ import annotations

import numpy as np
import pytest
from poseflow_benchmarks.calibration import area_under_curve


def test_area_under_curve_counts_pairs_in_order():
    score = np.array([0.1, 0.4, 0.4, 0.8])
    truth = np.array([False, True, False, True])
    # Of the four (match, non-match) pairs three are in order and one ties.
    assert area_under_curve(score, truth) == pytest.approx(3.5 / 4)


def test_area_under_curve_needs_both_kinds():
    assert np.isnan(area_under_curve(np.array([0.1, 0.2]), np.array([True, True])))
