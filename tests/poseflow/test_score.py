import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import poseflow
from poseflow.score import DEFAULTS_FILE, MatchDefaults, match_defaults, path_distance, read_defaults
from poseflow.time_alignment import align_in_time
from poseflow.time_series import TimeSeries
from vvipe import Embedder

EVALUATION_ONLY = re.compile("hdm.?05|mocap6", re.IGNORECASE)


class Unlearnt:
    model_id = "toy@1"
    score_anchors = (0.1, 0.5)


def test_score_is_linear_between_the_anchors():
    defaults = MatchDefaults(0.1, 0.15, 0.25, 0.003, "test")
    distances = [0.0, 0.1, 0.125, 0.15, 0.2, 0.25]
    assert [defaults.score(d) for d in distances] == pytest.approx([100, 99.5, 79.75, 60, 30.25, 0.5])
    assert np.isnan(defaults.score(float("nan")))
    assert defaults.signature == "0.100/0.150/0.250/harmonic/tail0.5"


def test_score_falls_with_every_step_and_never_leaves_0_to_100():
    defaults = MatchDefaults(0.1, 0.15, 0.25, 0.003, "test")
    scores = [defaults.score(d) for d in np.linspace(0, 3, 400)]
    assert (np.diff(scores) < 0).all()
    assert scores[0] == 100 and scores[-1] > 0


def test_what_is_scored_is_the_harmonic_mean_of_what_was_seen_outside_pauses():
    time_s = np.arange(60) / 30
    series = TimeSeries(time_s, np.stack([time_s, 0 * time_s], axis=1), np.ones(60, bool))
    found = align_in_time(series, series, distance=lambda a, b: np.abs(a - b).sum(1))
    distances = np.tile([0.1, 0.2, np.nan, 9.0], 15)
    pauses = np.tile([False, False, False, True], 15)
    told = replace(found, distance=distances, ref_pauses=pauses, query_pauses=np.zeros(60, bool))
    assert path_distance(told) == pytest.approx(2 / (1 / 0.1 + 1 / 0.2))
    assert np.isnan(path_distance(replace(told, distance=np.full(60, np.nan))))


def test_outer_anchors_are_100_and_0_in_whole_numbers():
    defaults = MatchDefaults(0.1, 0.15, 0.25, 0.003, "test")
    assert (f"{defaults.score(0.1):.0f}", f"{defaults.score(0.25):.0f}") == ("100", "0")


@pytest.mark.parametrize("anchors", [(0.2, 0.1, 0.3), (0.1, 0.1, 0.3), (0.0, 0.1, 0.3), (0.1, 0.4, 0.3)])
def test_anchors_must_rise(anchors):
    with pytest.raises(ValueError, match="repeat < other_person"):
        MatchDefaults(*anchors, 0.003, "test")


def test_a_model_without_an_entry_has_the_anchors_of_its_calibration():
    defaults = match_defaults(Unlearnt())
    assert (defaults.score(0.1), defaults.score(0.3), defaults.score(0.5)) == pytest.approx((99.5, 50, 0.5), abs=0.1)
    assert "calibration" in defaults.origin


def test_the_shipped_model_has_learnt_anchors():
    shipped = Embedder.from_pretrained()
    known = read_defaults()
    assert match_defaults(shipped) is known[shipped.model_id]


def test_no_default_comes_from_evaluation_data():
    told = json.loads(DEFAULTS_FILE.read_text(encoding="utf-8"))
    assert told and all("CMU" in entry["origin"] for entry in told.values())
    named = [model for model, entry in told.items() if EVALUATION_ONLY.search(entry["origin"])]
    folder = Path(poseflow.__file__).parent
    named += [path.name for path in folder.glob("*.py") if EVALUATION_ONLY.search(path.read_text(encoding="utf-8"))]
    assert not named
