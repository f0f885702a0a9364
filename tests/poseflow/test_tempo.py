import numpy as np
import pytest

from poseflow.tempo import evenness, overall_tempo, pauses, tempo_changes, timing_score
from poseflow.time_alignment import TimeAlignment

STEP_S = 1 / 30


def alignment(ref_s, query_s, *, ref_pauses=None, query_pauses=None):
    steps = len(ref_s)
    none = np.zeros(steps, bool)
    return TimeAlignment(
        ref_s=np.asarray(ref_s, float),
        query_s=np.asarray(query_s, float),
        ref_values=np.zeros((steps, 1)),
        query_values=np.zeros((steps, 1)),
        distance=np.zeros(steps),
        ref_pauses=none if ref_pauses is None else ref_pauses,
        query_pauses=none if query_pauses is None else query_pauses,
        cost=0.0,
        ref_coverage=1.0,
        query_coverage=1.0,
        consumed_coverage=1.0,
        open_clip="neither",
        step_s=STEP_S,
        typical_cost=1.0,
    )


def bent(*knots):
    """A path at one query frame a step whose (query_s, ref_s) corners are `knots`."""
    query, ref = zip(*knots, strict=True)
    query_s = np.arange(query[0], query[-1], STEP_S)
    return alignment(np.round(np.interp(query_s, query, ref) / STEP_S) * STEP_S, query_s)


def test_tempo_ignores_a_minority_of_odd_steps():
    ref_s = np.arange(100) / 30
    query_s = ref_s / 2
    query_s[45:55] += np.linspace(0, 0.01, 10)
    assert overall_tempo(ref_s, query_s) == pytest.approx(2, rel=0.02)


def test_evenness_of_a_tempo_that_is_off_by_the_limit_is_zero():
    ref_s = np.arange(200) / 30
    assert evenness(ref_s, ref_s / 3, step_s=1 / 30, tempo=1.0) == pytest.approx(0, abs=1e-6)
    assert evenness(ref_s, ref_s / 3, step_s=1 / 30, tempo=3.0) == pytest.approx(100)
    assert evenness(ref_s, ref_s / np.sqrt(3), step_s=1 / 30, tempo=1.0) == pytest.approx(50)


def test_a_rush_is_told_with_its_factor_and_its_time():
    (change,) = tempo_changes(bent((0, 0), (4, 4), (6, 7.2), (10, 11.2)))
    assert change.factor == pytest.approx(1.6, abs=0.1)
    assert (change.start_s, change.end_s) == (pytest.approx(4, abs=0.3), pytest.approx(6, abs=0.3))
    assert (change.ref_start_s, change.ref_end_s) == (pytest.approx(4, abs=0.3), pytest.approx(7.2, abs=0.4))
    assert change.text == f"rushed {change.factor:.1f}x between {change.start_s:.1f} s and {change.end_s:.1f} s"


def test_dragging_is_told_by_how_much_slower():
    (change,) = tempo_changes(bent((0, 0), (3, 3), (7, 5), (10, 8)))
    assert change.factor == pytest.approx(0.5, abs=0.05)
    assert change.text.startswith("dragged 2.0x between") or change.text.startswith("dragged 1.9x between")


@pytest.mark.parametrize(
    "path",
    [
        bent((0, 0), (10, 10)),
        bent((0, 0), (10, 11)),  # 1.1 times throughout
        bent((0, 0), (4, 4), (4.5, 5), (9, 9.5)),  # half a second is no change of tempo
        bent((0, 0), (0.5, 1.5)),
        alignment([0.0], [0.0]),
        alignment([], []),
    ],
)
def test_small_and_short_changes_are_not_told(path):
    assert tempo_changes(path) == ()


def test_a_pause_is_told_in_the_time_of_who_pauses_and_is_no_change_of_tempo():
    query_s = np.arange(0, 8, STEP_S)
    holding = (query_s >= 3) & (query_s < 4.5)
    ref_s = np.maximum.accumulate(np.where(query_s < 3, query_s, np.maximum(3 - STEP_S, query_s - 1.5)))
    path = alignment(ref_s, query_s, query_pauses=holding)
    (pause,) = pauses(path)
    assert (pause.side, pause.start_s, pause.end_s) == ("query", pytest.approx(3), pytest.approx(4.5))
    assert tempo_changes(path) == ()
    turned = alignment(query_s, ref_s, ref_pauses=holding)
    assert [p.side for p in pauses(turned)] == ["ref"]
    even = evenness(query_s, query_s, step_s=STEP_S, tempo=1.0)
    assert timing_score(path, tempo=1.0) == pytest.approx((1 - holding.mean()) * even, abs=2)


def test_shortest_pauses_are_not_told():
    query_s = np.arange(0, 4, STEP_S)
    assert pauses(alignment(query_s, query_s, query_pauses=(query_s >= 2) & (query_s < 2.15))) == ()
