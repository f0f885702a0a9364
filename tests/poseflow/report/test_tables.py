from __future__ import annotations

import pytest

from poseflow.report.tables import value_text


@pytest.mark.parametrize(
    ("value", "key", "text"),
    [(-0.3, "mean_deg", "0"), (-0.7, "mean_deg", "-1"), (-0.001, "share", "0.00"), (None, "mean_deg", "–")],
)
def test_a_figure_that_rounds_to_nothing_has_no_sign(value, key, text):
    assert value_text(value, key) == text
