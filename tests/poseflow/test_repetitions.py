from __future__ import annotations

import numpy as np
import pytest

from poseflow.errors import ModelMismatchError, NothingToScoreError
from poseflow.motif import MotifSettings, diagonal_means, find_motif
from poseflow.records import EmbeddingTrack
from poseflow.repetitions import CountSettings, Repetition, count_json, count_repetitions, count_text
from poseflow.time_series import TimeSeries


class Circle:
    """A model whose embeddings lie in the plane and whose expected error is their distance, 0.02 at least."""

    model_id = "circle"
    score_anchors = (0.02, 1.5)

    def expected_error(self, a, b, uncertainty_a=None, uncertainty_b=None):
        return np.hypot(np.linalg.norm(np.asarray(a, float) - np.asarray(b, float), axis=-1), 0.02)

    def match_probability(self, a, b, uncertainty_a=None, uncertainty_b=None):
        return 1 - np.minimum(self.expected_error(a, b), 1)

    def decode(self, vectors):
        poses = np.zeros((len(vectors), 17, 3), np.float32)
        poses[:, 13, :2] = vectors[:, :2]  # the left wrist goes where the embedding goes
        return poses


def _track(angle: np.ndarray, radius: np.ndarray | float = 1.0) -> EmbeddingTrack:
    time_s = np.arange(len(angle)) / 30
    vectors = (radius * np.stack([np.cos(angle), np.sin(angle)])).T.astype(np.float32)
    valid = np.isfinite(vectors).all(1)
    uncertainty = np.where(valid, 0.05, np.nan).astype(np.float32)
    rotation = np.full((len(angle), 4), np.nan, np.float32)
    return EmbeddingTrack(1, time_s, vectors, uncertainty, valid, "circle", rotation)


def _laps(count: int, *, seconds: float = 2.0, rest_s: float = 3.0) -> np.ndarray:
    """Angle over time: rest, `count` laps, rest."""
    rest = np.zeros(round(30 * rest_s))
    return np.concatenate([rest, np.linspace(0, 2 * np.pi * count, round(30 * seconds * count)), rest])


@pytest.mark.parametrize("count", [2, 3, 7, 12, 20])
def test_laps_are_counted(count):
    found = count_repetitions(_track(_laps(count)), embedder=Circle())
    assert len(found) == count
    assert all(r.start_s < r.end_s for r in found)
    assert all(a.end_s <= b.start_s for a, b in zip(found, found[1:], strict=False))


def test_starts_and_ends_are_those_of_the_laps():
    found = count_repetitions(_track(_laps(4)), embedder=Circle())
    lengths = np.array([r.end_s - r.start_s for r in found])
    assert np.diff([r.start_s for r in found]) == pytest.approx([2.0] * 3, abs=0.25)
    assert all(0.8 <= length <= 2.3 for length in lengths)
    assert found[0].start_s >= 2.7 and found[-1].end_s <= 11.3


def test_laps_at_other_speeds_are_counted():
    rest = np.zeros(60)
    laps = [np.linspace(0, 2 * np.pi, round(30 * seconds)) for seconds in (2.0, 1.5, 2.8, 2.0, 1.6)]
    assert len(count_repetitions(_track(np.concatenate([rest, *laps, rest])), embedder=Circle())) == 5


def test_a_clip_shorter_than_two_rounds_repeats_nothing():
    assert count_repetitions(_track(np.linspace(0, 3, 45)), embedder=Circle()) == ()


def test_one_repetition_of_a_movement_is_none_without_a_reference():
    assert count_repetitions(_track(_laps(1)), embedder=Circle()) == ()


def test_with_a_reference_each_repetition_has_a_likeness_and_a_worst_joint():
    ref = _track(np.linspace(0, 2 * np.pi, 60), 1.1)
    found = count_repetitions(_track(_laps(3)), embedder=Circle(), ref=ref)
    assert len(found) == 3
    assert all(r.worst_joint == "left_wrist" for r in found)
    assert [r.joint_distance for r in found] == pytest.approx([0.1] * 3, abs=0.03)


def test_a_reference_that_is_not_done_is_found_nowhere():
    assert count_repetitions(_track(_laps(3)), embedder=Circle(), ref=_track(np.linspace(0, 6, 60), 5.0)) == ()


def test_a_track_of_another_model_is_told():
    from dataclasses import replace

    other = replace(_track(_laps(2)), model="square")
    with pytest.raises(ModelMismatchError, match="square"):
        count_repetitions(other, embedder=Circle())
    with pytest.raises(ModelMismatchError, match="square"):
        count_repetitions(_track(_laps(2)), embedder=Circle(), ref=other)


def test_text_marks_the_least_alike_but_not_where_all_are_alike():
    one, other = Repetition(0, 1, 100.0, None, 0.0), Repetition(1, 2, 71.0, "left_wrist", 0.2)
    assert "<- least alike" in count_text((one, other)).splitlines()[3]
    assert "least" not in count_text((one, Repetition(1, 2, 99.9, "left_wrist", 0.01)))
    assert count_text(()).startswith("0 repetitions")


def test_a_still_person_repeats_nothing():
    assert count_repetitions(_track(np.zeros(300)), embedder=Circle()) == ()


def test_a_clip_shorter_than_any_movement_repeats_nothing():
    assert count_repetitions(_track(np.linspace(0, 1, 10)), embedder=Circle()) == ()
    assert count_repetitions(_track(np.zeros(1)), embedder=Circle()) == ()


def test_a_reference_finds_a_movement_that_is_done_once():
    angle = np.concatenate([np.zeros(60), np.linspace(0, 2 * np.pi, 45), np.zeros(60)])
    ref = _track(np.linspace(0, 2 * np.pi, 60))
    (found,) = count_repetitions(_track(angle), embedder=Circle(), ref=ref)
    assert found.start_s == pytest.approx(2.0, abs=0.3)
    assert found.end_s == pytest.approx(3.5, abs=0.3)


def test_the_repetition_that_is_done_otherwise_is_the_least_alike_and_names_its_joint():
    angle, radius = _laps(5), np.ones(len(_laps(5)))
    fourth = slice(90 + 3 * 60, 90 + 4 * 60)
    radius[fourth] = 1 + 0.25 * np.sin(np.linspace(0, np.pi, 60))
    found = count_repetitions(
        _track(angle, radius), embedder=Circle(), settings=CountSettings(MotifSettings(relative=100.0))
    )
    assert len(found) == 5
    assert int(np.argmax([r.joint_distance for r in found])) == 3
    assert found[3].worst_joint == "left_wrist"
    assert max(r.likeness for r in found) == 100
    assert "5 repetitions" in count_text(found)
    assert count_json(found)["count"] == 5


def test_nobody_seen_is_an_error():
    nobody = _track(np.full(60, np.nan))
    with pytest.raises(NothingToScoreError, match="no usable pose"):
        count_repetitions(nobody, embedder=Circle())
    with pytest.raises(NothingToScoreError, match="in the reference"):
        count_repetitions(_track(_laps(2)), embedder=Circle(), ref=nobody)


def test_frames_that_were_not_seen_do_not_break_the_count():
    angle = _laps(4)
    angle[120:126] = np.nan
    assert len(count_repetitions(_track(angle), embedder=Circle())) == 4


def test_diagonal_means_are_those_of_a_slow_loop():
    matrix = np.random.default_rng(0).random((9, 9))
    means = diagonal_means(matrix, 3)
    assert means.shape == (7, 7)
    for i in range(7):
        for j in range(7):
            assert means[i, j] == pytest.approx(np.mean([matrix[i + k, j + k] for k in range(3)]))


def test_motif_is_one_lap():
    track = _track(_laps(6))
    motif = find_motif(
        TimeSeries(track.time_s, track.vectors, track.valid), distance=lambda a, b: np.linalg.norm(a - b, axis=-1)
    )
    assert motif is not None
    assert 0.7 <= motif.end_s - motif.start_s <= 2.9
    assert motif.times >= 5
