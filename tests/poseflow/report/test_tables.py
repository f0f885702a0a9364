from __future__ import annotations

import pytest

from poseflow.report.tables import value_text


@pytest.mark.parametrize(
    ("value", "key", "text"), [(-0.3, "mean_deg", "0"), (-0.7, "mean_deg", "-1"), (-0.001, "offset_s", "0.00")]
)
def test_a_figure_that_rounds_to_nothing_has_no_sign(value, key, text):
    assert value_text(value, key) == text


@pytest.mark.parametrize(
    ("value", "key", "text"),
    [(None, "mean_deg", "–"), (0.424, "judged", "42%"), ("left_hip_spread", "angle", "left hip spread")],
)
def test_a_coach_reads_words_and_percent(value, key, text):
    assert value_text(value, key) == text
