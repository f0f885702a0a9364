from __future__ import annotations

import numpy as np
import pytest
from poseflow_benchmarks.bootstrap import paired_bootstrap
from result_rows import make_row

COLUMN = "HDM05 unseen/D1"


def test_interval_is_the_closed_form_for_recordings_of_one_size():
    # The mean of T independent draws: difference +- 1.96 sd / sqrt(T).
    rng = np.random.default_rng(0)
    queries = np.full(400, 50)
    b = rng.integers(10, 30, 400)
    a = b + rng.integers(-3, 6, 400)
    lead = 100 * (a - b) / 50
    result = paired_bootstrap(make_row("a", a.tolist(), queries), make_row("b", b.tolist(), queries), COLUMN)
    half = 1.96 * lead.std() / np.sqrt(400)
    assert result.difference == pytest.approx(lead.mean())
    assert result.low == pytest.approx(lead.mean() - half, abs=0.05 * half)
    assert result.high == pytest.approx(lead.mean() + half, abs=0.05 * half)


def test_recordings_of_unequal_size_weigh_by_their_queries():
    result = paired_bootstrap(make_row("a", [90, 0], [90, 10]), make_row("b", [0, 10], [90, 10]), COLUMN)
    assert result.difference == pytest.approx(80)
    assert (result.low, result.high) == (-100, 100)


def test_the_same_lead_everywhere_has_no_spread():
    result = paired_bootstrap(make_row("a", [6, 6, 6], [10] * 3), make_row("b", [4, 4, 4], [10] * 3), COLUMN)
    assert (result.low, result.high) == (pytest.approx(20), pytest.approx(20))
    assert result.is_certain


def test_pairing_removes_what_recordings_have_in_common():
    # Recordings differ by far more than the systems do.
    b = np.tile([5, 95], 50)
    result = paired_bootstrap(
        make_row("a", (b + 2).tolist(), [100] * 100), make_row("b", b.tolist(), [100] * 100), COLUMN
    )
    assert result.high - result.low < 1e-9


def test_a_row_does_not_beat_itself():
    row = make_row("a", [3, 8, 1], [10] * 3)
    result = paired_bootstrap(row, row, COLUMN)
    assert tuple(result) == (0, 0, 0)
    assert not result.is_certain


def test_seeds_of_one_system_are_averaged():
    seeds = [make_row("a", [2, 2], [10, 10]), make_row("a", [6, 6], [10, 10])]
    assert paired_bootstrap(seeds, make_row("b", [1, 1], [10, 10]), COLUMN).difference == pytest.approx(30)


def test_same_seed_same_interval():
    a, b = make_row("a", [3, 8, 1], [10] * 3), make_row("b", [2, 9, 0], [10] * 3)
    assert paired_bootstrap(a, b, COLUMN, seed=1) == paired_bootstrap(a, b, COLUMN, seed=1)


def test_one_recording_has_no_spread():
    assert paired_bootstrap(make_row("a", [3], [10]), make_row("b", [2], [10]), COLUMN) == (10, 10, 10)


def test_rows_on_other_queries_are_refused():
    with pytest.raises(ValueError, match="same queries"):
        paired_bootstrap(make_row("a", [3, 1], [10, 10]), make_row("b", [2, 1], [10, 11]), COLUMN)


def test_an_unknown_column_is_named():
    row = make_row("a", [3], [10])
    with pytest.raises(ValueError, match="HDM05 unseen/D1"):
        paired_bootstrap(row, row, "nowhere/GT")
