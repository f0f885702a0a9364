import numpy as np
import pytest
from report_clips import CORNERS, distance_to_path, known_steps

from poseflow.report.sync_path import SyncPath, matched_path, single_path, tempo_at

PATH_TOLERANCE_S = 0.03
"""How far the played path may lie from the matched one, in either clip: the steps of 1/30 s become even slopes."""


def test_the_played_path_stays_within_its_tolerance_of_every_step():
    steps = known_steps()
    path = matched_path(steps[:, 0], steps[:, 1])
    played = path.times_at(np.linspace(0, path.duration_s, 120)).T
    assert max(distance_to_path(*pair, steps=steps) for pair in played) <= PATH_TOLERANCE_S + 1e-9
    assert max(distance_to_path(*pair, steps=played) for pair in steps[::10]) <= PATH_TOLERANCE_S + 2e-3


def test_the_reference_plays_at_its_own_speed_and_waits_while_the_query_pauses():
    steps = known_steps()
    path = matched_path(steps[:, 0], steps[:, 1])
    assert path.duration_s == pytest.approx(CORNERS[-1, 0], abs=0.1)
    before, waiting, after = (np.diff(path.times_at(span))[:, 0] for span in ((0.5, 2.5), (3.1, 3.6), (4.0, 6.0)))
    assert before == pytest.approx([2.0, 1.2], abs=0.02)
    assert waiting == pytest.approx([0.0, 0.5], abs=0.02)
    assert after == pytest.approx([2.0, 2.8], abs=0.02)


def test_staircases_become_one_even_slope():
    query = np.arange(61) / 30
    path = matched_path(np.floor(np.arange(61) / 2) / 30, query)
    assert len(path.position_s) <= 4


def test_positions_of_times_are_where_the_clip_first_is_there():
    path = matched_path([0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 3.0, 4.0])
    assert path.duration_s == pytest.approx(4.0, abs=0.05)
    assert path.position_of([0.5, 1.5, 2.0], clip=0) == pytest.approx([0.5, 3.5, 4.0], abs=0.05)
    assert path.position_of([0.5, 2.0, 99.0], clip=1) == pytest.approx([0.5, 2.0, 4.0], abs=0.05)


def test_one_step_is_a_path_of_no_length():
    path = matched_path([2.0], [5.0])
    assert (path.duration_s, path.times_at(0.0).tolist()) == (0.0, [2.0, 5.0])


@pytest.mark.parametrize(("ref", "query"), [([], []), ([1.0, 0.5], [0.0, 1.0])])
def test_a_path_that_is_empty_or_falls_is_refused(ref, query):
    with pytest.raises(ValueError, match="matched_path"):
        matched_path(ref, query)


def test_a_record_with_times_that_fall_is_refused():
    with pytest.raises(ValueError, match="never fall"):
        SyncPath(np.array([0.0, 1.0]), np.array([[1.0, 0.0]]))


def test_a_single_clip_plays_from_start_to_end():
    path = single_path(2.0, 5.0)
    assert (path.duration_s, path.times_at([0.0, 1.5]).tolist()) == (3.0, [[2.0, 3.5]])
    assert single_path(2.0, 2.0).duration_s == 0.0


def test_tempo_is_reference_seconds_per_query_second_and_unknown_where_the_query_waits():
    path = matched_path([0.0, 4.0, 6.0], [0.0, 2.0, 2.0])
    assert tempo_at(path, np.array([1.0, 3.0])) == pytest.approx([2.0, 2.0], rel=0.01)
    assert np.isnan(tempo_at(path, np.array([5.5]))).all()
